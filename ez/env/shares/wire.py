"""Messages of SFTP version 3 as bytes (draft-ietf-secsh-filexfer-02), as far as a server of files needs them."""

from __future__ import annotations

import errno
import os
import stat
import struct
from dataclasses import dataclass
from typing import BinaryIO

INIT, VERSION, OPEN, CLOSE, READ, WRITE, LSTAT, FSTAT, SETSTAT, FSETSTAT = range(1, 11)
OPENDIR, READDIR, REMOVE, MKDIR, RMDIR, REALPATH, STAT, RENAME, READLINK, SYMLINK = range(11, 21)
STATUS, HANDLE, DATA, NAME, ATTRS = range(101, 106)
EXTENDED, EXTENDED_REPLY = 200, 201

OK, END, NO_SUCH_FILE, PERMISSION_DENIED, FAILURE, BAD_MESSAGE, UNSUPPORTED = 0, 1, 2, 3, 4, 5, 8
FLAG_READ, FLAG_WRITE, FLAG_APPEND, FLAG_CREATE, FLAG_TRUNCATE, FLAG_EXCLUSIVE = 1, 2, 4, 8, 16, 32
_SIZE, _OWNER, _MODE, _TIMES, _EXTENDED = 1, 2, 4, 8, 1 << 31

LONGEST = 1 << 20
"""Bytes of a message; clients of this protocol stay below 256 kB."""

_CODES = {
    errno.ENOENT: NO_SUCH_FILE,
    errno.EACCES: PERMISSION_DENIED,
    errno.EPERM: PERMISSION_DENIED,
    errno.EROFS: PERMISSION_DENIED,
    errno.ENOSYS: UNSUPPORTED,
}


@dataclass(frozen=True)
class Attributes:
    """What a client wants of a file, None for what it leaves open; times are Unix seconds."""

    size: int | None = None
    mode: int | None = None
    times: tuple[int, int] | None = None


class Message:
    """What a client sent, read from front to back. Raises ValueError at its end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def number(self) -> int:
        return int(self._unpack(">I", 4))

    def long(self) -> int:
        return int(self._unpack(">Q", 8))

    def text(self) -> bytes:
        size = self.number()
        start, self._place = self._place, self._place + size
        if self._place > len(self._data):
            raise ValueError("a message ends early")
        return self._data[start : self._place]

    def attributes(self) -> Attributes:
        flags = self.number()
        size = self.long() if flags & _SIZE else None
        if flags & _OWNER:
            # Whoever is served works as the person whose files they are.
            self.long()
        mode = self.number() & 0o777 if flags & _MODE else None
        times = (self.number(), self.number()) if flags & _TIMES else None
        return Attributes(size, mode, times)

    def _unpack(self, form: str, size: int) -> int:
        try:
            (value,) = struct.unpack_from(form, self._data, self._place)
        except struct.error as error:
            raise ValueError("a message ends early") from error
        self._place += size
        return int(value)


def read_message(stream: BinaryIO) -> tuple[int, Message] | None:
    """The kind and the rest of the next one, None at the end. Raises ValueError for what is none."""
    head = stream.read(5)
    if len(head) < 5:
        return None
    size, kind = struct.unpack(">IB", head)
    if not 1 <= size <= LONGEST:
        raise ValueError("not a message of SFTP")
    body = stream.read(size - 1)
    return (kind, Message(body)) if len(body) == size - 1 else None


def message(kind: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">IB", len(body) + 1, kind) + body


def number(value: int) -> bytes:
    return struct.pack(">I", value & 0xFFFFFFFF)


def long(value: int) -> bytes:
    return struct.pack(">Q", value & 0xFFFFFFFFFFFFFFFF)


def text(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


def status(id: int, code: int, said: str = "") -> bytes:
    return message(STATUS, number(id), number(code), text(said.encode()), text(b""))


def failure(id: int, error: OSError) -> bytes:
    return status(id, _CODES.get(error.errno or 0, FAILURE), os.strerror(error.errno) if error.errno else "")


def attributes(found: os.stat_result) -> bytes:
    mode = stat.S_IFMT(found.st_mode) | stat.S_IMODE(found.st_mode)
    owner = number(found.st_uid) + number(found.st_gid)
    times = number(max(0, int(found.st_atime))) + number(max(0, int(found.st_mtime)))
    return number(_SIZE | _OWNER | _MODE | _TIMES) + long(found.st_size) + owner + number(mode) + times
