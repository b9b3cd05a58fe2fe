"""Whether the connections that are kept to environments are there."""

from __future__ import annotations

from ez.config import Settings
from ez.env.check import Check
from ez.env.link.client import Keeper
from ez.errors import EzError
from ez.names import shown
from ez.state import State

_TITLE = "kept connections"


def link_check(settings: Settings) -> Check:
    """One that is not there at all is no fault: the next command that enters the environment makes it."""
    if not settings.flag("link.keep"):
        return Check("link", _TITLE, "ok", "none is wanted: `link.keep`")
    try:
        with State(settings.directories.database) as state:
            running = [record for record in state.environments() if record.status == "running"]
    except EzError:
        return Check("link", _TITLE, "ok", "not known")  # What is wrong with the index is a finding of its own.
    kept = 0
    for record in running:
        told = _told(Keeper(record.name, record.computer, settings.directories.state))
        kept += bool(told.get("connected"))
        if not told.get("connected") and told.get("trouble"):
            trouble = shown(str(told["trouble"]))
            fix = f"ez env link start {record.name} -c {record.computer}"
            return Check("link", _TITLE, "warning", f"that to `{record.name}` on `{record.computer}`: {trouble}", fix)
    return Check("link", _TITLE, "ok", f"{kept}, of {len(running)} environments that run")


def _told(keeper: Keeper) -> dict[str, object]:
    """Empty where none runs."""
    try:
        found = keeper.ask("keeper", "show", timeout=5.0)
    except EzError:
        return {}
    return found if isinstance(found, dict) else {}
