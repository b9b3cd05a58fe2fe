"""From computer to computer, what was equal with the person's own directory goes along with the work.

Else a file that went from home to the first computer and changed there would look changed on both sides at home.
"""

from __future__ import annotations

from ez.env.migrate.bases import look
from ez.env.migrate.side import Side
from ez.env.source.work import Work
from ez.events import Sink

_LIMIT = str(64 << 20)
"""Bytes of a pack with what is in the notes and no longer in the work; more is not worth its way."""


def inherit(source: Side, target: Side, old: str, new: str, sink: Sink) -> None:
    """`old` and `new` are the keys under which `source` and `target` note their pair with the person's directory."""
    seen = look(source, old, (), sink)
    state = Work.load(seen.carried) if seen.carried else None
    if seen.base.record:
        wanted = [seen.base.record]
    elif state is not None:
        wanted = [state.tree, state.index]
    else:
        return
    asked = {
        "wants": "".join(f"{found}\n" for found in wanted).encode(),
        "haves": f"{seen.snapshot}\n".encode(),
    }
    result = source.plain("pack", [_LIMIT, seen.snapshot, ""], asked)
    head, _, pack = result.stdout.partition(b"\n")
    if result.exit_code != 0 or head.split()[-1:] != [str(len(pack)).encode()]:
        return
    tree = "" if seen.base.record or state is None else state.tree
    contents = {"pack": pack, "state": seen.carried.encode()}
    target.call("inherit", [new, str(seen.base.serial), seen.base.record, tree], contents, sink)
