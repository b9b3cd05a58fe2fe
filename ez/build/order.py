"""What a solve can be asked for besides the image itself: outputs, and caches to read and to write.

The spelling is the Docker CLI's: `type=oci,dest=image.tar`, `type=registry,ref=REGISTRY/NAME,mode=max`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal, get_args

from ez.errors import UsageError

OutputKind = Literal["engine", "registry", "oci", "docker", "tar", "local", "cacheonly"]
CacheKind = Literal["registry", "inline", "local"]
Attributes = tuple[tuple[str, str], ...]

STREAM = "-"
"""The target of an output that goes to `Output.stream`."""


@dataclass(frozen=True)
class Output:
    """Where a build's result goes.

    `target` by kind: `engine` and `registry` an image reference (named in the engine, pushed); `oci`, `docker` and
    `tar` a file of this computer, or `STREAM`; `local` a directory of this computer (directories above either are made
    where they are missing); `cacheonly`, which makes nothing but caches, has none. `attributes` are BuildKit's own for
    the exporter (`compression`, `oci-mediatypes`, ...).
    """

    kind: OutputKind
    target: str = ""
    attributes: Attributes = ()
    stream: BinaryIO | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Cache:
    """A cache to read or to write; `attributes` are BuildKit's own.

    `registry` has a `ref`; `local` a directory of this computer, `src` to read and `dest` to write; `inline` is
    written into the image itself and read, from a registry, as `registry`. `mode` is `min` for the steps of the result
    alone, or `max`.
    """

    kind: CacheKind
    attributes: Attributes = ()

    @property
    def place(self) -> str:
        """The reference or the directory."""
        known = dict(self.attributes)
        return known.get("ref") or known.get("src") or known.get("dest") or ""


_IMAGE = ("compression", "compression-level", "force-compression", "oci-mediatypes")
_OUTPUTS: Mapping[str, tuple[str, ...]] = {
    "engine": _IMAGE,
    "registry": (*_IMAGE, "registry.insecure", "push-by-digest"),
    "oci": (*_IMAGE, "tar"),
    "docker": _IMAGE,
    "tar": ("platform-split",),
    "local": ("platform-split",),
    "cacheonly": (),
}
_WRITTEN = ("mode", "image-manifest", "oci-mediatypes", "compression", "compression-level", "force-compression")
_FROM: Mapping[str, tuple[str, ...]] = {"registry": ("ref", "registry.insecure"), "local": ("src", "digest", "tag")}
_TO: Mapping[str, tuple[str, ...]] = {
    "registry": ("ref", "registry.insecure", "ignore-error", *_WRITTEN),
    "inline": (),
    "local": ("dest", "ignore-error", *_WRITTEN),
}
_EXAMPLES = {
    "--output": "write it as `type=oci,dest=image.tar`, `type=registry,name=REGISTRY/NAME` or `type=local,dest=DIR`",
    "--cache-from": "write it as `type=registry,ref=REGISTRY/NAME` or `type=local,src=DIR`",
    "--cache-to": "write it as `type=registry,ref=REGISTRY/NAME,mode=max`, `type=local,dest=DIR` or `type=inline`",
}


def parse_output(text: str) -> Output:
    """An output as the Docker CLI spells it; a path alone is a directory, `-` a tar. Raises UsageError."""
    option = "--output"
    pairs = _pairs(text, option)
    if pairs is None:
        return Output("tar", STREAM) if text == STREAM else Output("local", text)
    kind = _output_kind(pairs, text, option)
    name, dest = pairs.pop("name", "") or pairs.pop("ref", ""), pairs.pop("dest", "")
    target = name if kind in ("engine", "registry") else dest
    if not target and kind != "cacheonly":
        wanted = "name=REFERENCE" if kind in ("engine", "registry") else "dest=PATH"
        raise UsageError(f"{option} of type `{kind}` needs `{wanted}`: `{text}`", _EXAMPLES[option])
    if name and target is not name:
        raise UsageError(f"{option} of type `{kind}` takes no name: `{text}`", "name the image with -t")
    attributes = _known(pairs, (*_OUTPUTS[kind], "annotation."), text, option)
    return Output(kind, target, attributes)


def parse_cache_from(text: str) -> Cache:
    """A cache to read as the Docker CLI spells it; a reference alone is a registry's. Raises UsageError."""
    if text.replace(" ", "").startswith("type=inline"):
        raise UsageError(f"an inline cache is read from its image: `{text}`", "write `type=registry,ref=IMAGE`")
    return _cache(text, "--cache-from", _FROM)


def parse_cache_to(text: str) -> Cache:
    """A cache to write as the Docker CLI spells it; a reference alone is a registry's. Raises UsageError."""
    return _cache(text, "--cache-to", _TO)


def _cache(text: str, option: str, kinds: Mapping[str, tuple[str, ...]]) -> Cache:
    pairs = _pairs(text, option)
    if pairs is None:
        pairs = {"type": "registry", "ref": text}
    kind = _one_of(pairs.pop("type", ""), get_args(CacheKind))
    if kind is None or kind not in kinds:
        raise UsageError(f"unknown type in {option}: `{text}`", _EXAMPLES[option])
    place = kinds[kind][0] if kinds[kind] else ""
    if place and not pairs.get(place):
        raise UsageError(f"{option} of type `{kind}` needs `{place}=`: `{text}`", _EXAMPLES[option])
    if pairs.get("mode", "min") not in ("min", "max"):
        raise UsageError(f"`mode` is `min` or `max`: `{text}`", _EXAMPLES[option])
    return Cache(kind, _known(pairs, kinds[kind], text, option))


def _output_kind(pairs: dict[str, str], text: str, option: str) -> OutputKind:
    """Docker's `image` is the engine's own, pushed or not, and so is its `docker` without a file."""
    kind = pairs.pop("type", "")
    if kind == "image":
        return "registry" if pairs.pop("push", "false") == "true" else "engine"
    if kind == "docker" and not pairs.get("dest"):
        return "engine"
    if not kind:
        raise UsageError(f"{option} without a type: `{text}`", _EXAMPLES[option])
    known: OutputKind | None = _one_of(kind, get_args(OutputKind))
    if known is None:
        raise UsageError(f"unknown type in {option}: `{kind}`", _EXAMPLES[option])
    return known


def _one_of(text: str, words: tuple[Any, ...]) -> Any:
    return text if text in words else None


def _pairs(text: str, option: str) -> dict[str, str] | None:
    """`key=value,...` with CSV's quotes; None for text without any key."""
    if "=" not in text:
        if not text or "," in text:
            raise UsageError(f"not understood in {option}: `{text}`", _EXAMPLES[option])
        return None
    import csv

    try:
        (entries,) = csv.reader([text], strict=True)
    except (csv.Error, ValueError) as error:
        raise UsageError(f"not understood in {option}: `{text}`", _EXAMPLES[option]) from error
    found: dict[str, str] = {}
    for entry in entries:
        key, equals, value = entry.strip().partition("=")
        key = key if key.startswith("annotation") else key.lower()
        if not equals or not key or key in found:
            raise UsageError(f"not understood in {option}: `{entry}`", _EXAMPLES[option])
        found[key] = value
    return found


def _known(pairs: Mapping[str, str], names: tuple[str, ...], text: str, option: str) -> Attributes:
    for key in pairs:
        if key not in names and not ("annotation." in names and key.startswith("annotation")):
            allowed = ", ".join(f"`{name}`" for name in names if not name.endswith(".")) or "nothing"
            raise UsageError(f"unknown key in {option}: `{key}` of `{text}`", f"besides `type` it takes {allowed}")
    return tuple(sorted(pairs.items()))
