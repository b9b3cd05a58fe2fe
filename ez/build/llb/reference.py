"""Image references as engines want them: `debian:12` becomes `docker.io/library/debian:12`."""

from __future__ import annotations

import re

from ez.build.graph import ImageSource
from ez.build.llb.refusal import refusal

_HUB = "docker.io"
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]+)?|\[[0-9a-fA-F:]+\](?::[0-9]+)?)"
    rf"/(?P<path>{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@sha256:[0-9a-f]{64})?"
)


def normalise(image: ImageSource) -> str:
    """The fully qualified form of `image.reference`. Raises DefinitionError at its position if it is none."""
    first, slash, rest = image.reference.partition("/")
    if not slash or not (first == "localhost" or set(".:[") & set(first)):
        first, rest = _HUB, image.reference
    if first in (_HUB, "index.docker.io"):
        first, rest = _HUB, rest if "/" in rest else f"library/{rest}"
    matched = _REFERENCE.fullmatch(f"{first}/{rest}")
    if not matched or len(rest) > 400:
        raise refusal(
            image.note,
            f"not an image reference: `{image.reference}`",
            "write it as `name:tag` or `registry/name:tag`, in lower case",
        )
    whole = matched.group()
    return whole if matched["tag"] or "@" in whole else f"{whole}:latest"


def registry_of(reference: str) -> str:
    """The registry host of a fully qualified reference."""
    return reference.partition("/")[0]
