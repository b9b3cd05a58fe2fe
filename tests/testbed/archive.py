"""Small tar archives, for putting files into containers."""

import io
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """A file, or a folder when `body` is None; `path` is relative to the root it is unpacked at."""

    path: str
    body: str | bytes | None
    mode: int = 0o644
    owner: int = 0


def pack(entries: Iterable[Entry]) -> bytes:
    """A tar archive whose bytes depend on the entries only."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for entry in entries:
            header = tarfile.TarInfo(entry.path)
            header.mode, header.uid, header.gid = entry.mode, entry.owner, entry.owner
            if entry.body is None:
                header.type = tarfile.DIRTYPE
                archive.addfile(header)
                continue
            body = entry.body.encode() if isinstance(entry.body, str) else entry.body
            header.size = len(body)
            archive.addfile(header, io.BytesIO(body))
    return buffer.getvalue()
