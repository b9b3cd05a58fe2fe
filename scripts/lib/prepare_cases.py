"""The cases of `ez compute prepare`: what a computer tells and what is wanted, and what is to be done."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ez.compute.facts import Facts, parse
from ez.compute.need import GpuNeed, IdleNeed, Need
from ez.models import Network

FOLDER = Path(__file__).parents[2] / "tests" / "cases" / "prepare"
MACHINES: dict[str, dict[str, str]] = tomllib.loads((FOLDER / "machines.toml").read_text())
NOW = 1_800_000_000.0
_KEYS = {"about", "machine", "facts", "network", "engine", "gpu", "idle", "repair", "steps", "says", "error", "hint"}


@dataclass(frozen=True)
class Case:
    """`steps` are ids with their arguments, and `says` the warnings beside them; or there is an `error` with `hint`."""

    name: str
    about: str
    values: Mapping[str, str]
    facts: Facts
    need: Need
    repair: bool
    steps: list[list[str]]
    says: list[str]
    error: str
    hint: str


def cases() -> list[Case]:
    return [read(path) for path in sorted(FOLDER.glob("*.json"))]


def read(path: Path) -> Case:
    """The case of a file; one with unknown keys is refused, so that none says what nobody looks at."""
    file: dict[str, Any] = json.loads(path.read_text())
    values = told(file.get("machine", []), file.get("facts", {}))
    assert file.keys() <= _KEYS, f"{path.name}: {file.keys() - _KEYS}"
    assert ("error" in file) != ("steps" in file), path.name
    return Case(
        name=path.stem,
        about=file["about"],
        values=values,
        facts=parse("box", values, NOW),
        need=_need(file),
        repair=file.get("repair", False),
        steps=file.get("steps", []),
        says=file.get("says", []),
        error=file.get("error", ""),
        hint=file.get("hint", ""),
    )


def told(parts: list[str], own: Mapping[str, str]) -> dict[str, str]:
    """What a computer tells that is made of parts of `machines.toml`, later ones winning."""
    bare = MACHINES["bare"]
    values = dict(bare)
    for part in (*(MACHINES[name] for name in parts), own):
        assert part.keys() <= bare.keys(), part.keys() - bare.keys()
        values |= part
    return values


def _need(file: Mapping[str, Any]) -> Need:
    network = dict(file.get("network", {}))
    network["mirrors"] = tuple(tuple(pair) for pair in network.get("mirrors", ()))
    gpu = file.get("gpu")
    if isinstance(gpu, dict) and "cuda" in gpu:
        gpu = {**gpu, "cuda": tuple(gpu["cuda"])}
    return Need(
        Network(**network),
        engine=file.get("engine", True),
        gpu=None if gpu is None else GpuNeed(**gpu),
        idle=IdleNeed(**file["idle"]) if "idle" in file else None,
    )
