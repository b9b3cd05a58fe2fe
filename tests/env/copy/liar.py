"""An SFTP server whose one directory holds the name that it was started with, in hexadecimal."""

from __future__ import annotations

import stat
import struct
import sys

from ez.env.copy.packets import Fields, Kind, packet, text, word

FOLDER = word(4) + word(stat.S_IFDIR | 0o755)
FILE = word(4) + word(stat.S_IFREG | 0o644)


def main(name: bytes) -> None:
    listed = False
    while head := sys.stdin.buffer.read(5):
        length, kind = struct.unpack(">IB", head)
        number = Fields(sys.stdin.buffer.read(length - 1)).word()
        names = [b"twice", b"twice"] if name == b"twice" else [name]
        entries = b"".join(text(entry) + text(b"") + FILE for entry in names)
        if kind == Kind.INIT:
            answer = packet(Kind.VERSION, 3, b"")
        elif kind in (Kind.STAT, Kind.LSTAT):
            answer = packet(Kind.ATTRIBUTES, number, FOLDER)
        elif kind == Kind.REALPATH:
            answer = packet(Kind.NAME, number, word(1) + text(b"/folder") + text(b"") + FOLDER)
        elif kind == Kind.OPENDIR:
            answer = packet(Kind.HANDLE, number, text(b"1"))
        elif kind == Kind.READDIR and not listed:
            listed = True
            answer = packet(Kind.NAME, number, word(len(names)) + entries)
        else:
            answer = packet(Kind.STATUS, number, word(1 if kind == Kind.READDIR else 0) + text(b"") + text(b""))
        sys.stdout.buffer.write(answer)
        sys.stdout.buffer.flush()


main(bytes.fromhex(sys.argv[1]))
