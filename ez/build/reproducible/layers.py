"""The layers of an image as the engine gives them out: which files each has, and what of them there is to compare."""

from __future__ import annotations

import hashlib
import io
import json
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any
from urllib.parse import quote

from ez.build.buildkit.engine import NotHttpError, exchange
from ez.build.engines.address import Address
from ez.errors import EngineError

if sys.version_info >= (3, 14):
    import tarfile
else:
    from backports.zstd import tarfile

SECONDS_OF_SILENCE = 600.0
"""An engine may pack an image for long before its first byte comes."""

_OWN_STEP = re.compile(r"\bez-[a-z]+( [^\n]*)?\Z")
_SHOWN = 100
_SMALL = 4 << 20
_CHUNK = 1 << 20

LayerFiles = Mapping[str, Mapping[str, str]]
"""By path: `kind`, `mode`, `owner`, `link`, `contents` (SHA-256) and `time` of the entry."""


@dataclass(frozen=True)
class Layer:
    """`digest` names the layer within the two images that are compared; `made_by` is the history's word."""

    digest: str
    made_by: str
    files: LayerFiles = field(repr=False)


@dataclass(frozen=True)
class ImageContents:
    id: str
    config: Mapping[str, Any]
    layers: tuple[Layer, ...]


def read_image(engine: Address, reference: str) -> ImageContents:
    """Read the image through the engine's `GET /images/NAME/get`, layer by layer, keeping no file's contents.

    Raises EngineError.
    """
    path = f"/images/{quote(reference, safe='/:@')}/get"
    try:
        with exchange(engine, path, timeout=SECONDS_OF_SILENCE) as response:
            if response.status != 200:
                raise EngineError(f"the engine does not give out the image: `{reference}`", "build it again")
            return _image(reference, *_members(response))
    except NotHttpError as error:
        message = f"only a Docker Engine gives out the layers of its images: `{engine}`"
        raise EngineError(message, "compare on a Docker Engine") from error
    except (tarfile.TarError, ValueError, KeyError, IndexError, TypeError) as error:
        raise EngineError(f"the engine gives out the image in an unknown form: `{reference}`", "update it") from error


def remove_image(engine: Address, reference: str) -> None:
    """Take the name away, and the image with its last one. What cannot be removed stays."""
    with (
        suppress(NotHttpError, EngineError),
        exchange(engine, f"/images/{quote(reference, safe='/:')}", "DELETE") as it,
    ):
        it.read()


def _members(stream: IO[bytes]) -> tuple[dict[str, Any], dict[str, tuple[str, LayerFiles]]]:
    """The JSON documents and the layers (digest of the uncompressed bytes, files) of an image archive, by name."""
    documents: dict[str, Any] = {}
    layers: dict[str, tuple[str, LayerFiles]] = {}
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isreg() else None
            if content is None:
                if member.islnk() or member.issym():
                    documents[member.name] = member.linkname
                continue
            if member.size <= _SMALL:
                data = content.read()
                if data[:1] in (b"{", b"["):
                    documents[member.name] = json.loads(data)
                    continue
                content = io.BytesIO(data)
            with suppress(tarfile.ReadError):
                layers[member.name] = _layer(content)
    return documents, layers


def _layer(content: IO[bytes]) -> tuple[str, LayerFiles]:
    digest = hashlib.sha256()
    files: dict[str, Mapping[str, str]] = {}
    with tarfile.open(fileobj=content, mode="r|*") as layer:
        for member in layer:
            entry = {
                "kind": member.type.decode("ascii", "replace"),
                "mode": f"{member.mode:o}",
                "owner": f"{member.uid}:{member.gid}",
                "link": member.linkname,
                "contents": _contents(layer, member),
                "time": f"{member.mtime}",
            }
            path = "/" + member.name.removeprefix("./").lstrip("/")
            files[path] = entry
            digest.update(json.dumps([path, entry]).encode())
    return digest.hexdigest(), files


def _contents(layer: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    content = layer.extractfile(member) if member.isreg() else None
    if content is None:
        return ""
    digest = hashlib.sha256()
    while data := content.read(_CHUNK):
        digest.update(data)
    return digest.hexdigest()


def _image(reference: str, documents: Mapping[str, Any], layers: Mapping[str, tuple[str, LayerFiles]]) -> ImageContents:
    manifest = documents["manifest.json"][0]
    config = documents[manifest["Config"]]
    made_by = [
        _shown(str(entry.get("created_by") or entry.get("comment") or ""))
        for entry in config.get("history") or ()
        if not entry.get("empty_layer")
    ]
    found = []
    for number, name in enumerate(manifest["Layers"]):
        digest, files = layers[name]
        found.append(Layer(digest, made_by[number] if number < len(made_by) else "", files))
    return ImageContents(str(manifest["Config"]), config, tuple(found))


def _shown(created_by: str) -> str:
    """A history entry in one short line; of ez's own steps their name and arguments instead of their program."""
    own = _OWN_STEP.search(created_by)
    text = own[0] if own else created_by.removeprefix("mount / from exec ")
    return " ".join(text.split())[:_SHOWN]
