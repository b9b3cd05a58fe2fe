"""Pieces of data with their length before them: four bytes, the highest first."""

from __future__ import annotations

import socket


def read_exactly(connection: socket.socket, count: int) -> bytes | None:
    """None where the other side ends before."""
    found = bytearray()
    while len(found) < count:
        part = connection.recv(min(count - len(found), 65536))
        if not part:
            return None
        found += part
    return bytes(found)


def read_frame(connection: socket.socket, longest: int) -> bytes | None:
    """One piece without its length; None at the end, and for one that is longer than `longest` bytes."""
    head = read_exactly(connection, 4)
    if head is None or int.from_bytes(head, "big") > longest:
        return None
    return read_exactly(connection, int.from_bytes(head, "big"))


def frame(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data
