"""Settings that a repo wishes for its editors, as settings of the machine that the editor's server runs on.

An editor puts them above the person's own of their computer, and below those of the work directory. What somebody has
written into that file stays: only what ez itself wrote there, as a note beside it says, is changed or taken away.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files

from ez.ssh.base import CommandHost

LARGEST = 200_000
"""Characters of all settings of one repo, as JSON."""

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,200}|(?:\[[A-Za-z0-9_.+ -]{1,60}\]){1,20}")
_SECONDS = 60

Settings = Mapping[str, object]


@dataclass(frozen=True)
class Fitting:
    """Settings that can be written, and why others cannot."""

    settings: Settings = field(default_factory=dict)
    notices: tuple[str, ...] = ()


def fitting(wanted: Settings) -> Fitting:
    """Those with a name that an editor's setting can have, and a value that JSON can."""
    if len(json.dumps(wanted)) > LARGEST:
        return Fitting(notices=("the settings of `devcontainer.json` are too large, and left out",))
    fine = {name: value for name, value in wanted.items() if _NAME.fullmatch(name) and _is_json(value)}
    left = len(wanted) - len(fine)
    odd = f"left out {left} of the settings of `devcontainer.json`: none that an editor can have"
    return Fitting(fine, (odd,) if left else ())


def _is_json(value: object) -> bool:
    """Not so for a number that is too large for one."""
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True


def apply(host: CommandHost, folder: str, wanted: Settings) -> str:
    """Have them in `settings.json` of `folder`, below the home inside; the empty string, or why they are not there."""
    script = files("ez.env.editors").joinpath("scripts", "settings.sh").read_text("utf-8")
    told = host.script(script, [folder, "read"], timeout=_SECONDS, check=False).text
    noted, _, text = told.partition("\n")
    try:
        before = _object(text)
    except (ValueError, RecursionError):
        return f"`~/{folder}/settings.json` has more than plain JSON and was left as it is"
    after, ours = merged(before, _noted(noted), wanted)
    if after == before and json.dumps(ours) == noted.strip():
        return ""
    given = f"{json.dumps(ours)}\n{json.dumps(after, indent=4, ensure_ascii=True)}\n"
    done = host.script(script, [folder, "write"], input=given.encode(), timeout=_SECONDS, check=False)
    return "" if done.exit_code == 0 else f"`~/{folder}/settings.json` could not be written"


def merged(before: Settings, noted: Settings, wanted: Settings) -> tuple[Settings, Settings]:
    """The settings as they are to be, and what ez notes: what it wrote, and what of that somebody took away since."""
    ours = {name for name in noted if name in before and _same(before[name], noted[name])}
    kept = {name: value for name, value in before.items() if name not in ours}
    refused = {name: noted[name] for name in noted if name not in before and name in wanted}
    added = {name: value for name, value in wanted.items() if name not in kept and name not in refused}
    return {**kept, **added}, {**added, **refused}


def _same(one: object, other: object) -> bool:
    """As JSON has it, where `true` is no number."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _noted(text: str) -> Settings:
    try:
        return _object(text)
    except (ValueError, RecursionError):
        return {}


def _object(text: str) -> dict[str, object]:
    found = json.loads(text) if text.strip() else {}
    if not isinstance(found, dict):
        raise ValueError(text[:20])
    return found
