"""How the shares of an environment are."""

from __future__ import annotations

from collections.abc import Iterable

from ez.env.shares.model import LOCAL, STATES, Share, ShareState
from ez.env.shares.programs import program
from ez.ssh.host import Host

_SECONDS = 60


def states(host: Host, environment: str, shares: Iterable[Share]) -> tuple[ShareState, ...]:
    """As the computer sees them; one round trip where it mounts some. A server that hangs holds nobody up."""
    listed = tuple(shares)
    mounted = [share.name for share in listed if share.is_mounted]
    found = _asked(host, environment, mounted) if mounted else {}
    return tuple(_state(share, found.get(share.name, ("missing", 0, ""))) for share in listed)


def _state(share: Share, told: tuple[str, int, str]) -> ShareState:
    if not share.is_mounted:
        return ShareState(share.name, share.pair, share.target, "bound", kind=share.kind)
    state, seconds, why = told
    if share.kind == LOCAL and state in ("missing", "down") and not why:
        why = "no ez serves it: ez env go"
    return ShareState(share.name, share.pair, share.target, state, seconds, why, share.kind)


def _asked(host: Host, environment: str, names: list[str]) -> dict[str, tuple[str, int, str]]:
    found = {}
    for line in host.script(program("status"), [environment, *names], timeout=_SECONDS).text.splitlines():
        words = line.split(" ", 4)
        if len(words) == 5 and words[0] == "share" and words[1] in names and words[2] in STATES:
            said = "".join(mark if mark.isprintable() else "?" for mark in words[4])
            found[words[1]] = (words[2], int(words[3]) if words[3].isdigit() else 0, said[:300])
    return found
