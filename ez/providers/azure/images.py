"""Which image a machine starts from: one that ez names (`ubuntu-22.04`), one of the marketplace
(`PUBLISHER:OFFER:SKU:VERSION`), or the id of one's own."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from ez.errors import UsageError
from ez.names import shown
from ez.providers.base import Size

_URN = re.compile(r"[\w.-]+:[\w.-]+:[\w.-]+:[\w.-]+", re.ASCII)
_OWN = re.compile(r"/subscriptions/[\w./() -]+", re.ASCII)
_GALLERY = re.compile(r"/(?:CommunityGalleries|SharedGalleries)/[\w./-]+", re.ASCII | re.IGNORECASE)


def image_of(image: str, size: Size) -> str:
    """The image for that size as Azure names it; empty is ez's own. Raises UsageError."""
    known = _known()
    name = image or known["default"]
    if name in known and name != "default":
        return _variant(name, known[name], size)
    if _URN.fullmatch(name) or _OWN.fullmatch(name) or _GALLERY.fullmatch(name):
        return name
    names = ", ".join(f"`{each}`" for each in known if each != "default")
    raise UsageError(f"not an image of Azure: `{shown(name)}`", f"use {names} or PUBLISHER:OFFER:SKU:VERSION")


def generation(size: Size) -> str:
    """The firmware generation that the size is started with: the newer one where it has both, or nobody knows."""
    return "V1" if size.generations == ("V1",) else "V2"


def reference(image: str) -> dict[str, str]:
    """`imageReference` of a machine's body."""
    if image.startswith("/"):
        lower = image.lower()
        kind = "communityGalleryImageId" if lower.startswith("/communitygalleries/") else "id"
        return {"sharedGalleryImageId" if lower.startswith("/sharedgalleries/") else kind: image}
    publisher, offer, sku, version = image.split(":")
    return {"publisher": publisher, "offer": offer, "sku": sku, "version": version}


def _variant(name: str, variants: Mapping[str, Mapping[str, str]], size: Size) -> str:
    found = variants.get(size.architecture, {}).get(generation(size))
    if not found:
        raise UsageError(f"`{name}` does not start on `{size.name}`", "leave out `--image`")
    return found


@cache
def _known() -> Mapping[str, Any]:
    return tomllib.loads(files(__package__).joinpath("images.toml").read_text())
