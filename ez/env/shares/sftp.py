"""Serve a jailed folder by SFTP version 3 on a stream: what sshfs on another computer speaks.

OpenSSH's own server is none of a folder alone, and is not at one place on every system.
"""

from __future__ import annotations

import os
import posixpath
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO, cast

from ez.env import sftp_wire as wire
from ez.env.sftp_wire import Message
from ez.env.shares.jail import Jail

_MOST_OPEN = 512
_ENTRIES = 100
"""Names in one message."""

_EXTENSIONS = (b"posix-rename@openssh.com", b"1", b"statvfs@openssh.com", b"2", b"fsync@openssh.com", b"1")
"""OpenSSH's PROTOCOL file, section 4."""

_LARGEST_READ = 256 * 1024


class Server:
    """One connection. `serve` returns when the other side has ended it, and raises ValueError for what is no SFTP."""

    def __init__(self, jail: Jail) -> None:
        self._jail = jail
        self._files: dict[bytes, int] = {}
        self._folders: dict[bytes, list[tuple[bytes, os.stat_result]]] = {}
        self._count = 0
        self._answers: dict[int, Callable[[int, Message], bytes]] = {
            wire.OPEN: self._open,
            wire.CLOSE: self._close,
            wire.READ: self._read,
            wire.WRITE: self._write,
            wire.LSTAT: self._stat,
            wire.STAT: self._stat,
            wire.FSTAT: self._stat_open,
            wire.SETSTAT: self._change,
            wire.FSETSTAT: self._change_open,
            wire.OPENDIR: self._open_folder,
            wire.READDIR: self._read_folder,
            wire.REMOVE: lambda id, said: self._do(id, self._jail.remove, said.text()),
            wire.MKDIR: self._make_folder,
            wire.RMDIR: lambda id, said: self._do(id, self._jail.remove_folder, said.text()),
            wire.REALPATH: self._real_path,
            wire.RENAME: lambda id, said: self._rename(id, said, replace=False),
            wire.READLINK: self._read_link,
            # OpenSSH and its clients have the two paths the other way around than the draft.
            wire.SYMLINK: lambda id, said: self._do(id, self._jail.link, said.text(), said.text()),
            wire.EXTENDED: self._extended,
        }

    def serve(self, connection: socket.socket) -> None:
        stream = cast(BinaryIO, connection.makefile("rb", buffering=1 << 18))
        try:
            with stream:
                while (received := wire.read_message(stream)) is not None:
                    connection.sendall(self._answer(*received))
        except OSError:
            # The other side went away.
            return
        finally:
            for descriptor in self._files.values():
                with suppress(OSError):
                    os.close(descriptor)

    def _answer(self, kind: int, said: Message) -> bytes:
        if kind == wire.INIT:
            return wire.message(wire.VERSION, wire.number(3), *map(wire.text, _EXTENSIONS))
        id = said.number()
        answer = self._answers.get(kind)
        if answer is None:
            return wire.status(id, wire.UNSUPPORTED)
        try:
            return answer(id, said)
        except OSError as error:
            return wire.failure(id, error)
        except (ValueError, OverflowError):
            return wire.status(id, wire.BAD_MESSAGE)

    def _do(self, id: int, action: Callable[..., None], *arguments: object) -> bytes:
        action(*arguments)
        return self._done(id)

    def _done(self, id: int) -> bytes:
        return wire.status(id, wire.OK)

    def _open(self, id: int, said: Message) -> bytes:
        path, asked, wanted = said.text(), said.number(), said.wanted()
        if len(self._files) >= _MOST_OPEN:
            return wire.status(id, wire.FAILURE, "too many open files")
        flags = os.O_RDONLY
        if asked & wire.FLAG_WRITE:
            flags = os.O_RDWR if asked & wire.FLAG_READ else os.O_WRONLY
        flags |= os.O_CREAT if asked & wire.FLAG_CREATE else 0
        flags |= os.O_TRUNC if asked & wire.FLAG_TRUNCATE else 0
        flags |= os.O_EXCL if asked & wire.FLAG_EXCLUSIVE else 0
        flags |= os.O_APPEND if asked & wire.FLAG_APPEND else 0
        descriptor = self._jail.open(path, flags, 0o666 if wanted.mode is None else wanted.mode)
        handle = self._handle()
        self._files[handle] = descriptor
        return wire.message(wire.HANDLE, wire.number(id), wire.text(handle))

    def _handle(self) -> bytes:
        self._count += 1
        return str(self._count).encode()

    def _file(self, said: Message) -> int:
        """Raises ValueError for a handle that nobody was given."""
        descriptor = self._files.get(said.text())
        if descriptor is None:
            raise ValueError("no such handle")
        return descriptor

    def _close(self, id: int, said: Message) -> bytes:
        handle = said.text()
        if self._folders.pop(handle, None) is None:
            descriptor = self._files.pop(handle, None)
            if descriptor is None:
                raise ValueError("no such handle")
            os.close(descriptor)
        return self._done(id)

    def _read(self, id: int, said: Message) -> bytes:
        descriptor, offset, size = self._file(said), said.long(), said.number()
        data = os.pread(descriptor, min(size, _LARGEST_READ), offset)
        if not data and size:
            return wire.status(id, wire.END)
        return wire.message(wire.DATA, wire.number(id), wire.text(data))

    def _write(self, id: int, said: Message) -> bytes:
        descriptor, offset, data = self._file(said), said.long(), said.text()
        while data:
            count = os.pwrite(descriptor, data, offset)
            data, offset = data[count:], offset + count
        return self._done(id)

    def _stat(self, id: int, said: Message) -> bytes:
        return wire.message(wire.ATTRS, wire.number(id), wire.attributes(self._jail.stat(said.text())))

    def _stat_open(self, id: int, said: Message) -> bytes:
        return wire.message(wire.ATTRS, wire.number(id), wire.attributes(os.fstat(self._file(said))))

    def _change(self, id: int, said: Message) -> bytes:
        path = said.text()
        return self._do(id, self._jail.change, path, said.wanted())

    def _change_open(self, id: int, said: Message) -> bytes:
        descriptor, wanted = self._file(said), said.wanted()
        if self._jail.read_only:
            return wire.status(id, wire.PERMISSION_DENIED)
        if wanted.size is not None:
            os.ftruncate(descriptor, wanted.size)
        if wanted.mode is not None:
            os.fchmod(descriptor, wanted.mode)
        if wanted.times is not None:
            os.utime(descriptor, wanted.times)
        return self._done(id)

    def _open_folder(self, id: int, said: Message) -> bytes:
        if len(self._folders) >= _MOST_OPEN:
            return wire.status(id, wire.FAILURE, "too many open folders")
        found = self._jail.list(said.text())
        handle = self._handle()
        self._folders[handle] = found
        return wire.message(wire.HANDLE, wire.number(id), wire.text(handle))

    def _read_folder(self, id: int, said: Message) -> bytes:
        found = self._folders.get(said.text())
        if found is None:
            raise ValueError("no such handle")
        if not found:
            return wire.status(id, wire.END)
        part = found[:_ENTRIES]
        del found[:_ENTRIES]
        return _names(id, part)

    def _make_folder(self, id: int, said: Message) -> bytes:
        path, wanted = said.text(), said.wanted()
        return self._do(id, self._jail.make_folder, path, 0o777 if wanted.mode is None else wanted.mode)

    def _real_path(self, id: int, said: Message) -> bytes:
        path = posixpath.normpath(b"/" + said.text().lstrip(b"/"))
        return wire.message(
            wire.NAME, wire.number(id), wire.number(1), wire.text(path), wire.text(path), wire.number(0)
        )

    def _rename(self, id: int, said: Message, *, replace: bool) -> bytes:
        before = said.text()
        self._jail.rename(before, said.text(), replace=replace)
        return self._done(id)

    def _read_link(self, id: int, said: Message) -> bytes:
        leads_to = self._jail.read_link(said.text())
        name = wire.text(leads_to)
        return wire.message(wire.NAME, wire.number(id), wire.number(1), name, name, wire.number(0))

    def _extended(self, id: int, said: Message) -> bytes:
        asked = said.text()
        if asked == b"posix-rename@openssh.com":
            return self._rename(id, said, replace=True)
        if asked == b"fsync@openssh.com":
            os.fsync(self._file(said))
            return self._done(id)
        if asked != b"statvfs@openssh.com":
            return wire.status(id, wire.UNSUPPORTED)
        space = self._jail.space()
        values = (
            *(space.f_bsize, space.f_frsize, space.f_blocks, space.f_bfree, space.f_bavail),
            *(space.f_files, space.f_ffree, space.f_favail, 0, 1 if self._jail.read_only else 0, space.f_namemax),
        )
        return wire.message(wire.EXTENDED_REPLY, wire.number(id), *map(wire.long, values))


def _names(id: int, entries: list[tuple[bytes, os.stat_result]]) -> bytes:
    parts = [wire.text(name) + wire.text(b"") + wire.attributes(found) for name, found in entries]
    return wire.message(wire.NAME, wire.number(id), wire.number(len(parts)), *parts)
