"""What a look before a machine's stop found: from home, since one that is off cannot be looked at; or its own."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from ez.env.request import GoContext
from ez.events import Notice
from ez.names import shown


@dataclass(frozen=True)
class Look:
    """At a machine of a cloud, `create_id`, at `at` (Unix seconds): `saved` are names of what was saved of its
    `environments`."""

    create_id: str
    at: float
    environments: tuple[str, ...]
    saved: tuple[str, ...]


def note_look(folder: Path, name: str, look: Look) -> None:
    place = folder / "looks"
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = place / f".{name}.new"
    fresh.write_text(json.dumps(asdict(look)))
    fresh.replace(place / f"{name}.json")


def last_look(folder: Path, name: str) -> Look | None:
    """None where there was none, or what is noted cannot be read."""
    try:
        values = json.loads((folder / "looks" / f"{name}.json").read_text())
        lists = {key: tuple(map(str, values[key])) for key in ("environments", "saved")}
        return Look(str(values["create_id"]), float(values["at"]), **lists)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def tell_kept(context: GoContext, name: str, kept: str) -> None:
    """Once: what computer `name` saved on itself before it rested."""
    if not kept:
        return
    file = context.settings.directories.state / "saved" / "told" / name
    if file.exists() and file.read_text("utf-8", "replace") == kept:
        return
    moment, _, what = kept.partition("; ")
    places = ", ".join(f"`{_printable(each)}`" for each in what.split("; ")[:10])
    context.sink(Notice(f"`{name}` rested at {shown(moment)}; work that was nowhere else is saved there: {places}"))
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.write_text(kept, "utf-8", "replace")


def _printable(text: str) -> str:
    return "".join(mark if mark.isprintable() else "?" for mark in text[:300])
