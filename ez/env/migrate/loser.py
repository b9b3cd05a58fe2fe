"""What the side has that loses where both changed the same: kept on this computer as Git bundles, before it goes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from ez.env.migrate.bases import look
from ez.env.migrate.plan import check_path
from ez.env.migrate.side import Side
from ez.errors import LinkLostError
from ez.events import Sink

_AT_ONCE = 16 << 20


def keep_loser(side: Side, folder: Path, sink: Sink) -> tuple[str, ...]:
    """Paths of the bundles, one for the repo and for each submodule; none where all of it is on a remote.

    Raises SourceError where it cannot be read, LinkLostError when the connection drops.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    return tuple(_keep(side, folder, f"{side.host.name}.{side.env}.{stamp}", sink))


def _keep(side: Side, folder: Path, name: str, sink: Sink) -> Iterator[str]:
    seen = look(side, "none", (), sink)
    if not seen.here:
        return
    reply = side.call("save", [], {}, sink)
    if "size" in reply.values:
        yield str(_fetch(side, int(reply.value("size")), folder, f"{name}.bundle"))
    for number, module in enumerate(seen.modules, 1):
        check_path(module)
        yield from _keep(side.below(module, ""), folder, f"{name}.{number}", sink)


def _fetch(side: Side, size: int, folder: Path, name: str) -> Path:
    """A file that appears whole, and never in the place of another."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = folder / f".{name}.new"
    fresh.touch(mode=0o600)
    try:
        with fresh.open("wb") as file:
            while file.tell() < size:
                part = side.plain("send", [str(file.tell()), str(_AT_ONCE)], {}).stdout
                if not part:
                    raise LinkLostError(f"the work on {side.name} broke off", "run the same line again")
                file.write(part)
        free = next(path for path in _names(folder / name) if not path.exists())
        return fresh.replace(free)
    finally:
        fresh.unlink(missing_ok=True)


def _names(path: Path) -> Iterator[Path]:
    yield path
    yield from (path.with_name(f"{path.stem}-{number}.bundle") for number in range(2, 1000))
