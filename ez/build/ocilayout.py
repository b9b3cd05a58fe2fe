"""Directories in the OCI image layout: blobs by digest, and an index of what they make.

Forms: the OCI image layout specification; annotations as containerd and BuildKit write them.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ez.errors import BuildError

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

_REF_NAME = "org.opencontainers.image.ref.name"
_IMAGE_NAME = "io.containerd.image.name"
_INDEX = "index.json"
_LONGEST_INDEX = 4 << 20


def blob_path(directory: Path, digest: str) -> Path:
    """Where the blob of a well-formed `digest` is kept."""
    return directory / "blobs" / digest.replace(":", "/", 1)


def record(directory: Path, descriptor: Mapping[str, Any], name: str = "latest") -> None:
    """Write into the directory's index that `name` (a tag, or a whole image reference) is `descriptor`.

    The descriptor of a local cache is the reply's `cache.manifest`, that of an image written with `tar=false` is
    `containerimage.descriptor`. Raises BuildError where it is none or the index cannot be read or written.
    """
    digest = descriptor.get("digest")
    if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
        raise BuildError(f"the engine describes no manifest for `{directory}`", "run the same command again")
    annotations = {_REF_NAME: _tag(name)} | ({_IMAGE_NAME: name} if _tag(name) != name else {})
    entry = {**descriptor, "annotations": {**(descriptor.get("annotations") or {}), **annotations}}
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with _locked(directory):
            index = _read(directory)
            others = [known for known in _manifests(index) if not _is_named(known, annotations)]
            made = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", **index}
            _write(directory / "oci-layout", {"imageLayoutVersion": "1.0.0"})
            _write(directory / _INDEX, {**made, "manifests": [*others, entry]})
    except OSError as error:
        raise BuildError(f"cannot write the index of `{directory}`: {error.strerror}", "name another one") from error


def digest_of(directory: Path, name: str = "latest") -> str | None:
    """The digest of the manifest `name`; None where the directory has none, or it is not there.

    Raises BuildError for an index that cannot be read.
    """
    try:
        manifests = _manifests(_read(directory))
    except OSError as error:
        raise BuildError(f"cannot read the index of `{directory}`: {error.strerror}", "name another one") from error
    for entry in manifests:
        annotations = entry.get("annotations") or {}
        if name in (annotations.get(_IMAGE_NAME), annotations.get(_REF_NAME)):
            digest = str(entry.get("digest"))
            return digest if DIGEST.fullmatch(digest) and blob_path(directory, digest).is_file() else None
    return None


def _tag(name: str) -> str:
    """The tag of an image reference; a name that is none is a tag itself."""
    last = name.rpartition("/")[2]
    tag = last.partition("@")[0].partition(":")[2]
    return tag or ("latest" if "/" in name else name)


def _is_named(entry: Mapping[str, Any], annotations: Mapping[str, str]) -> bool:
    known = entry.get("annotations") or {}
    return all(known.get(key) == annotations.get(key) for key in (_REF_NAME, _IMAGE_NAME))


def _read(directory: Path) -> dict[str, Any]:
    """The index, empty where there is none."""
    try:
        with (directory / _INDEX).open("rb") as file:
            content = file.read(_LONGEST_INDEX)
        index = json.loads(content)
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise BuildError(f"not an OCI image layout: `{directory}`", f"remove `{directory / _INDEX}`") from error
    if not isinstance(index, dict):
        raise BuildError(f"not an OCI image layout: `{directory}`", f"remove `{directory / _INDEX}`")
    return index


def _manifests(index: Mapping[str, Any]) -> list[dict[str, Any]]:
    manifests = index.get("manifests")
    return [entry for entry in manifests if isinstance(entry, dict)] if isinstance(manifests, list) else []


def _write(path: Path, content: Mapping[str, Any]) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        draft.write_text(json.dumps(content), "utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Alone with the index: of two builds that write one cache, neither loses the other's name."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
