"""An SFTP server whose one directory holds the name that it was started with, in hexadecimal."""

from __future__ import annotations

import stat
import struct
import sys

from ez.env import sftp_wire as wire
from ez.env.sftp_wire import Message, message, number, text

FOLDER = number(4) + number(stat.S_IFDIR | 0o755)
FILE = number(4) + number(stat.S_IFREG | 0o644)


def main(name: bytes) -> None:
    listed = False
    while head := sys.stdin.buffer.read(5):
        length, kind = struct.unpack(">IB", head)
        id = number(Message(sys.stdin.buffer.read(length - 1)).number())
        names = [b"twice", b"twice"] if name == b"twice" else [name]
        entries = b"".join(text(entry) + text(b"") + FILE for entry in names)
        if kind == wire.INIT:
            answer = message(wire.VERSION, number(3))
        elif kind in (wire.STAT, wire.LSTAT):
            answer = message(wire.ATTRS, id, FOLDER)
        elif kind == wire.REALPATH:
            answer = message(wire.NAME, id, number(1) + text(b"/folder") + text(b"") + FOLDER)
        elif kind == wire.OPENDIR:
            answer = message(wire.HANDLE, id, text(b"1"))
        elif kind == wire.READDIR and not listed:
            listed = True
            answer = message(wire.NAME, id, number(len(names)) + entries)
        else:
            answer = message(wire.STATUS, id, number(1 if kind == wire.READDIR else 0) + text(b"") + text(b""))
        sys.stdout.buffer.write(answer)
        sys.stdout.buffer.flush()


main(bytes.fromhex(sys.argv[1]))
