"""The fields of SFTP's packets, version 3 (draft-ietf-secsh-filexfer-02, and OpenSSH's PROTOCOL for its extensions)."""

from __future__ import annotations

import stat
import struct
from dataclasses import dataclass
from enum import IntEnum

VERSION = 3
LONGEST = 256 * 1024 + 1024
"""Bytes: what OpenSSH's server sends and takes at most in one packet, and a little."""


class Kind(IntEnum):
    INIT = 1
    VERSION = 2
    OPEN = 3
    CLOSE = 4
    READ = 5
    WRITE = 6
    LSTAT = 7
    FSTAT = 8
    SETSTAT = 9
    FSETSTAT = 10
    OPENDIR = 11
    READDIR = 12
    REMOVE = 13
    MKDIR = 14
    REALPATH = 16
    STAT = 17
    READLINK = 19
    SYMLINK = 20
    STATUS = 101
    HANDLE = 102
    DATA = 103
    NAME = 104
    ATTRIBUTES = 105
    EXTENDED = 200


class Status(IntEnum):
    OK = 0
    END = 1
    NO_SUCH_FILE = 2
    PERMISSION_DENIED = 3


class Access(IntEnum):
    READ = 0x01
    WRITE = 0x02
    CREATE = 0x08
    TRUNCATE = 0x10


_SIZE, _OWNER, _MODE, _TIMES, _EXTENDED = 0x1, 0x2, 0x4, 0x8, 0x80000000


class PacketError(Exception):
    """The other side sent what is no packet of this protocol."""


@dataclass(frozen=True)
class Attributes:
    """What is known of a file: `size` in bytes, `mode` with the file's type, `modified` in Unix seconds."""

    size: int | None = None
    mode: int | None = None
    modified: int | None = None

    @property
    def is_directory(self) -> bool:
        return self.mode is not None and stat.S_ISDIR(self.mode)

    @property
    def is_file(self) -> bool:
        return self.mode is not None and stat.S_ISREG(self.mode)

    @property
    def is_link(self) -> bool:
        return self.mode is not None and stat.S_ISLNK(self.mode)


def packet(kind: Kind, number: int, body: bytes) -> bytes:
    """A whole packet; `number` is the request's, or the version for the first one."""
    return struct.pack(">IBI", len(body) + 5, kind, number) + body


def text(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


def word(value: int) -> bytes:
    return struct.pack(">I", value)


def long(value: int) -> bytes:
    return struct.pack(">Q", value)


def attributes(*, mode: int | None = None, modified: int | None = None) -> bytes:
    """Attributes to set: permission bits, and the time of the last change."""
    flags = (_MODE if mode is not None else 0) | (_TIMES if modified is not None else 0)
    fields = [word(flags)]
    if mode is not None:
        fields.append(word(mode))
    if modified is not None:
        seconds = min(max(modified, 0), 0xFFFFFFFF)
        fields.append(struct.pack(">II", seconds, seconds))
    return b"".join(fields)


class Fields:
    """Reads a packet's body from its start; raises PacketError where it ends too early."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def word(self) -> int:
        return int.from_bytes(self._take(4), "big")

    def long(self) -> int:
        return int.from_bytes(self._take(8), "big")

    def text(self) -> bytes:
        return self._take(self.word())

    def attributes(self) -> Attributes:
        flags = self.word()
        size = self.long() if flags & _SIZE else None
        if flags & _OWNER:
            self._take(8)
        mode = self.word() if flags & _MODE else None
        modified = None
        if flags & _TIMES:
            self._take(4)
            modified = self.word()
        if flags & _EXTENDED:
            for _ in range(self.word()):
                self.text()
                self.text()
        return Attributes(size, mode, modified)

    def _take(self, count: int) -> bytes:
        part = self._body[self._at : self._at + count]
        if len(part) != count:
            raise PacketError("a packet ends too early")
        self._at += count
        return part
