"""Blobs in directories of this computer (OCI image layouts), which the engine reads and writes by digest.

Serves `local` caches (store `local:DIRECTORY`), `oci-layout://` sources (store `oci:NAME`) and images written with
`tar=false` (store `export`). The methods are those of containerd's content service that BuildKit calls.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grpclib.const import Cardinality, Handler, Status
from grpclib.exceptions import GRPCError

from ez.build.buildkit.messages import content
from ez.build.ocilayout import DIGEST, blob_path

_SERVICE = "/containerd.services.content.v1.Content/"
_CHUNK = 1 << 20
_STAT, _COMMIT = 0, 2


@dataclass(frozen=True)
class Store:
    """A directory in the OCI image layout, made where it is not there if it is `writable`."""

    directory: Path
    writable: bool = False


class Content:
    """`stores` by the id under which the engine asks for them."""

    def __init__(self, stores: Mapping[str, Store]) -> None:
        self._stores = stores

    def methods(self) -> dict[str, Handler]:
        unary, replies, both = Cardinality.UNARY_UNARY, Cardinality.UNARY_STREAM, Cardinality.STREAM_STREAM
        shapes = {
            "Info": (self._info, unary, content.InfoRequest, content.InfoResponse),
            "Update": (self._update, unary, content.UpdateRequest, content.UpdateResponse),
            "Read": (self._read, replies, content.ReadContentRequest, content.ReadContentResponse),
            "Status": (self._status, unary, content.StatusRequest, content.StatusResponse),
            "ListStatuses": (self._statuses, unary, content.ListStatusesRequest, content.ListStatusesResponse),
            "Write": (self._write, both, content.WriteContentRequest, content.WriteContentResponse),
            "Abort": (self._abort, unary, content.AbortRequest, content.Empty),
        }
        return {_SERVICE + name: Handler(*shape) for name, shape in shapes.items()}

    async def _info(self, stream: Any) -> None:
        request = await stream.recv_message()
        await stream.send_message(content.InfoResponse(info=self._described(stream, request.digest)))

    async def _update(self, stream: Any) -> None:
        """Labels are not kept: nothing here is collected as garbage."""
        request = await stream.recv_message()
        await stream.send_message(content.UpdateResponse(info=self._described(stream, request.info.digest)))

    async def _read(self, stream: Any) -> None:
        request = await stream.recv_message()
        path = _path(self._store(stream), request.digest)
        if request.offset < 0:
            raise GRPCError(Status.OUT_OF_RANGE, f"no such offset: {request.offset}")
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise _missing(request.digest) from error
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            size, offset = os.fstat(descriptor).st_size, request.offset
            end = min(size, offset + request.size) if request.size > 0 else size
            while offset < end:
                data = await asyncio.to_thread(os.pread, file.fileno(), min(_CHUNK, end - offset), offset)
                if not data:
                    raise GRPCError(Status.DATA_LOSS, f"the blob became shorter while it was read: {request.digest}")
                await stream.send_message(content.ReadContentResponse(offset=offset, data=data))
                offset += len(data)

    async def _status(self, stream: Any) -> None:
        """A write that broke off is begun anew."""
        request = await stream.recv_message()
        raise GRPCError(Status.NOT_FOUND, f"no write `{request.ref}` goes on")

    async def _statuses(self, stream: Any) -> None:
        await stream.recv_message()
        await stream.send_message(content.ListStatusesResponse())

    async def _abort(self, stream: Any) -> None:
        await stream.recv_message()
        await stream.send_message(content.Empty())

    async def _write(self, stream: Any) -> None:
        store = self._store(stream)
        if not store.writable:
            raise GRPCError(Status.PERMISSION_DENIED, "this store can only be read")
        draft = _Draft(store)
        try:
            async for request in stream:
                await stream.send_message(await asyncio.to_thread(draft.take, request))
        except OSError as error:
            raise GRPCError(Status.ABORTED, f"cannot write `{store.directory}`: {error.strerror}") from error
        finally:
            await asyncio.to_thread(draft.discard)

    def _store(self, stream: Any) -> Store:
        id = stream.metadata.get("buildkit-attachable-store-id", "")
        if id not in self._stores:
            raise GRPCError(Status.NOT_FOUND, f"no store `{id}` in this build")
        return self._stores[id]

    def _described(self, stream: Any, digest: str) -> Any:
        try:
            status = os.stat(_path(self._store(stream), digest), follow_symlinks=False)
        except OSError as error:
            raise _missing(digest) from error
        info = content.Info(digest=digest, size=status.st_size)
        info.created_at.FromNanoseconds(status.st_mtime_ns)
        info.updated_at.FromNanoseconds(status.st_mtime_ns)
        return info


class _Draft:
    """A blob that is being written; it gets its name when its digest is right. All methods block."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._path: Path | None = None
        self._hash = hashlib.sha256()
        self._offset = 0
        self._descriptor = -1

    def take(self, request: Any) -> Any:
        """One request of a write, answered. Raises GRPCError and OSError."""
        if request.expected and _path(self._store, request.expected).is_file():
            raise GRPCError(Status.ALREADY_EXISTS, f"content {request.expected}: already exists")
        if request.action == _STAT:
            return self._answer(request, "")
        if request.data:
            self._append(request)
        digest = self._commit(request) if request.action == _COMMIT else ""
        return self._answer(request, digest)

    def discard(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _answer(self, request: Any, digest: str) -> Any:
        return content.WriteContentResponse(
            action=request.action, offset=self._offset, total=request.total, digest=digest
        )

    def _append(self, request: Any) -> None:
        if request.offset != self._offset:
            raise GRPCError(Status.OUT_OF_RANGE, f"a write at {request.offset} where {self._offset} comes next")
        self._open()
        rest = memoryview(request.data)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        self._hash.update(request.data)
        self._offset += len(request.data)

    def _open(self) -> None:
        if self._path is None:
            directory = self._store.directory / "blobs" / "sha256"
            directory.mkdir(parents=True, exist_ok=True)
            self._path = directory / f".draft-{secrets.token_hex(8)}"
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)

    def _commit(self, request: Any) -> str:
        self._open()
        digest = f"sha256:{self._hash.hexdigest()}"
        if request.total and request.total != self._offset:
            raise GRPCError(Status.FAILED_PRECONDITION, f"{self._offset} bytes came of {request.total}")
        if request.expected and request.expected != digest:
            raise GRPCError(Status.FAILED_PRECONDITION, f"the blob is {digest}, not {request.expected}")
        assert self._path is not None
        os.fsync(self._descriptor)
        self._path.replace(blob_path(self._store.directory, digest))
        self._path = None
        return digest


def _path(store: Store, digest: str) -> Path:
    if not DIGEST.fullmatch(digest):
        raise GRPCError(Status.INVALID_ARGUMENT, f"not a digest: `{digest}`")
    return blob_path(store.directory, digest)


def _missing(digest: str) -> GRPCError:
    return GRPCError(Status.NOT_FOUND, f"content {digest}: not found")
