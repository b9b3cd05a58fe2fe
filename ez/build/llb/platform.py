"""Platforms as OCI and Go name them: `linux/amd64`, `linux/arm64`, `linux/arm/v7`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ez.build.buildkit.messages import llb
from ez.build.graph import NO_NOTE, Note
from ez.build.llb.refusal import refusal

_ALIASES = {
    "x86_64": ("amd64", ""),
    "x86-64": ("amd64", ""),
    "aarch64": ("arm64", ""),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
    **dict.fromkeys(("i386", "i486", "i586", "i686"), ("386", "")),
}
_IMPLIED = {"amd64": "v1", "arm64": "v8"}
_VARIANTS = {
    "386": (),
    "amd64": ("v1", "v2", "v3", "v4"),
    "arm": ("v5", "v6", "v7", "v8"),
    "arm64": ("v8", "v9"),
    "loong64": (),
    "mips64le": (),
    "ppc64le": (),
    "riscv64": (),
    "s390x": (),
}


@dataclass(frozen=True)
class Platform:
    """What the result runs on, in Go's names. As text it is `os/architecture` or `os/architecture/variant`."""

    os: str = "linux"
    architecture: str = "amd64"
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)

    def message(self) -> Any:
        """As a `pb.Platform`."""
        return llb.Platform(os=self.os, architecture=self.architecture, variant=self.variant)


def normal(os: str, architecture: str, variant: str = "") -> Platform:
    """The one name of a platform that has several, as containerd has it: `arm64/v8` is `arm64`, `arm` is `arm/v7`."""
    architecture, implied = _ALIASES.get(architecture.lower(), (architecture.lower(), ""))
    variant = variant.lower() or implied
    if variant.isdigit():
        variant = f"v{variant}"
    if variant == _IMPLIED.get(architecture):
        variant = ""
    if architecture == "arm" and not variant:
        variant = "v7"
    return Platform(os.lower(), architecture, variant)


def serves(config: Mapping[str, Any], wanted: Platform) -> bool:
    """Whether an image of that configuration (OCI image JSON) is one for `wanted`: of an older variant too, as
    registries choose among several; and one that does not say what it is for."""
    os, architecture = config.get("os") or wanted.os, config.get("architecture") or wanted.architecture
    found = normal(str(os), str(architecture), str(config.get("variant") or wanted.variant))
    same = (found.os, found.architecture) == (wanted.os, wanted.architecture)
    return same and _rank(found) <= _rank(wanted)


def _rank(platform: Platform) -> int:
    variants = _VARIANTS.get(platform.architecture, ())
    return variants.index(platform.variant) if platform.variant in variants else 0


def parse_platform(text: str, note: Note = NO_NOTE) -> Platform:
    """`linux/arm64/v8`, `linux/aarch64` and `arm64` are all `linux/arm64`. Raises DefinitionError at `note`."""
    parts = text.strip().split("/")
    parts = ["linux", *parts] if len(parts) == 1 else parts
    found = normal(*parts[:3])
    known = _VARIANTS.get(found.architecture)
    if len(parts) > 3 or found.os != "linux" or known is None or found.variant not in ("", *known):
        raise refusal(note, f"not a platform to build for: `{text}`", "write it as `linux/amd64` or `linux/arm64`")
    return found
