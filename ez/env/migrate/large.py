"""Objects of LFS from one side to the other: small ones together, large ones piece by piece, never whole in memory."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from ez.env.migrate.side import Side
from ez.env.migrate.values import Seen
from ez.env.source.wire import nul_list
from ez.errors import SourceError
from ez.events import Sink

_OBJECT = re.compile(r"\./([0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{64})")
_SMALL_AT_ONCE = 20
_PIECE = 16 << 20
"""Bytes of a large object in one answer."""


def bring_objects(source: Side, target: Side, mine: Seen, theirs: Seen, sink: Sink) -> int:
    """Those that the target lacks; the bytes that went over. What has arrived stays when a connection drops."""
    missing = {path for path in {*mine.lfs} - {*theirs.lfs} if _OBJECT.fullmatch(path)}
    small = sorted(missing - {*mine.lfs_large})
    total = 0
    for start in range(0, len(small), _SMALL_AT_ONCE):
        data = source.plain("send", ["0", "0"], {"lfs": nul_list(small[start : start + _SMALL_AT_ONCE])}).stdout
        total += len(data)
        target.call("lfs", [], {"objects": data}, sink)
    return total + sum(_bring_large(source, target, path, sink) for path in sorted(missing - {*small}))


def _bring_large(source: Side, target: Side, path: str, sink: Sink) -> int:
    match = _OBJECT.fullmatch(path)
    assert match is not None
    with tempfile.TemporaryDirectory(prefix="ez-lfs-") as folder:
        content = Path(folder) / "object"
        with content.open("wb") as file:
            while True:
                reply = source.plain("send", [str(file.tell()), str(_PIECE), match[1]], {})
                if reply.exit_code != 0:
                    raise SourceError(f"an object of LFS cannot be read on {source.name}", "git lfs fsck")
                file.write(reply.stdout)
                if len(reply.stdout) < _PIECE:
                    break
        target.call("lfs", [match[1].rpartition("/")[2]], {"object": content}, sink)
        return content.stat().st_size
