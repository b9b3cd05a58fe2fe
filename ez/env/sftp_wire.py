"""Messages of SFTP as bytes, version 3 (draft-ietf-secsh-filexfer-02; OpenSSH's PROTOCOL for its extensions): what ez's
client (`ez.env.copy.sftp`) and its server (`ez.env.shares.sftp`) both speak."""

from __future__ import annotations

import errno
import os
import stat
import struct
from dataclasses import dataclass, replace
from typing import BinaryIO

INIT, VERSION, OPEN, CLOSE, READ, WRITE, LSTAT, FSTAT, SETSTAT, FSETSTAT = range(1, 11)
OPENDIR, READDIR, REMOVE, MKDIR, RMDIR, REALPATH, STAT, RENAME, READLINK, SYMLINK = range(11, 21)
STATUS, HANDLE, DATA, NAME, ATTRS = range(101, 106)
EXTENDED, EXTENDED_REPLY = 200, 201

OK, END, NO_SUCH_FILE, PERMISSION_DENIED, FAILURE, BAD_MESSAGE, UNSUPPORTED = 0, 1, 2, 3, 4, 5, 8
FLAG_READ, FLAG_WRITE, FLAG_APPEND, FLAG_CREATE, FLAG_TRUNCATE, FLAG_EXCLUSIVE = 1, 2, 4, 8, 16, 32
_SIZE, _OWNER, _MODE, _TIMES, _EXTENDED = 1, 2, 4, 8, 1 << 31

LONGEST = 1 << 20
"""Bytes of a message; OpenSSH sends and takes 256 kB at most."""

_CODES = {
    errno.ENOENT: NO_SUCH_FILE,
    errno.EACCES: PERMISSION_DENIED,
    errno.EPERM: PERMISSION_DENIED,
    errno.EROFS: PERMISSION_DENIED,
    errno.ENOSYS: UNSUPPORTED,
}


class MessageError(ValueError):
    """The other side sent what is no message of this protocol."""


@dataclass(frozen=True)
class Attributes:
    """What is known, or wanted, of a file, None for what is left open; `times` of the last use and the last change are
    Unix seconds."""

    size: int | None = None
    mode: int | None = None
    times: tuple[int, int] | None = None

    @property
    def modified(self) -> int | None:
        return self.times[1] if self.times is not None else None

    @property
    def is_directory(self) -> bool:
        return self.mode is not None and stat.S_ISDIR(self.mode)

    @property
    def is_file(self) -> bool:
        return self.mode is not None and stat.S_ISREG(self.mode)

    @property
    def is_link(self) -> bool:
        return self.mode is not None and stat.S_ISLNK(self.mode)


class Message:
    """What the other side sent, read from front to back. Raises MessageError at its end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def number(self) -> int:
        return int.from_bytes(self._take(4), "big")

    def long(self) -> int:
        return int.from_bytes(self._take(8), "big")

    def text(self) -> bytes:
        return self._take(self.number())

    def wanted(self) -> Attributes:
        """What a file is to get: of its mode the permissions alone."""
        found = self.attributes()
        return replace(found, mode=found.mode & 0o777 if found.mode is not None else None)

    def attributes(self) -> Attributes:
        flags = self.number()
        size = self.long() if flags & _SIZE else None
        if flags & _OWNER:
            # Whoever is served works as the person whose files they are.
            self.long()
        mode = self.number() if flags & _MODE else None
        times = (self.number(), self.number()) if flags & _TIMES else None
        for _ in range(2 * self.number() if flags & _EXTENDED else 0):
            self.text()
        return Attributes(size, mode, times)

    def _take(self, size: int) -> bytes:
        start, self._place = self._place, self._place + size
        if self._place > len(self._data):
            raise MessageError("a message ends early")
        return self._data[start : self._place]


def read_message(stream: BinaryIO) -> tuple[int, Message] | None:
    """The kind and the rest of the next one, None at the end. Raises MessageError for what is none."""
    head = stream.read(5)
    if len(head) < 5:
        return None
    size, kind = struct.unpack(">IB", head)
    if not 1 <= size <= LONGEST:
        raise MessageError("not a message of SFTP")
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


def wanted(*, mode: int | None = None, modified: int | None = None) -> bytes:
    """Attributes to set: permission bits, and the time of the last change in Unix seconds."""
    flags = (_MODE if mode is not None else 0) | (_TIMES if modified is not None else 0)
    seconds = number(min(max(modified or 0, 0), 0xFFFFFFFF))
    times = seconds + seconds if modified is not None else b""
    return number(flags) + (number(mode) if mode is not None else b"") + times


def attributes(found: os.stat_result) -> bytes:
    mode = stat.S_IFMT(found.st_mode) | stat.S_IMODE(found.st_mode)
    owner = number(found.st_uid) + number(found.st_gid)
    times = number(max(0, int(found.st_atime))) + number(max(0, int(found.st_mtime)))
    return number(_SIZE | _OWNER | _MODE | _TIMES) + long(found.st_size) + owner + number(mode) + times
