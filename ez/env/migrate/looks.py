"""What the last look before a machine's stop found: one that is off cannot be looked at."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


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
