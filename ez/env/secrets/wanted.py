"""Which secrets an environment gets, and as what. Names alone: no value passes through here."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from ez.env.link.places import make_private
from ez.errors import ConfigError, UsageError
from ez.names import shown
from ez.ssh.files import write_atomic

DIRECTORY = "/run/secrets"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}", re.ASCII)
_OWN = re.compile(r"(?:EZ|LD|SSH|GIT_CONFIG)_.*|PATH|HOME|USER|SHELL|ENV|BASH_ENV|IFS|LOGNAME|PWD")
_SPELLING = "write it as NAME, NAME=file, NAME=env or NAME=env:VARIABLE"


@dataclass(frozen=True, order=True)
class Wanted:
    """The secret `name`, as the file `/run/secrets/NAME`, or as `variable` where that is not empty."""

    name: str
    variable: str = ""

    @property
    def place(self) -> str:
        return f"${self.variable}" if self.variable else f"{DIRECTORY}/{self.name}"


def check_secret_name(name: str) -> str:
    """Raises UsageError for what can name no secret."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"not a name for a secret: `{shown(name)}`", "use letters, digits, `_`, `-` and `.`")
    return name


def parse_wanted(text: str) -> Wanted:
    """`NAME[=file|=env|=env:VARIABLE]`, as `--secret` has it. Raises UsageError."""
    name, _, form = text.partition("=")
    return wanted_as(name, form or "file")


def wanted_as(name: str, form: str) -> Wanted:
    """`form` is `file`, `env` or `env:VARIABLE`. Raises UsageError."""
    check_secret_name(name)
    kind, colon, variable = form.partition(":")
    if kind == "file" and not colon:
        return Wanted(name)
    variable = variable if colon else name
    if kind != "env" or not _VARIABLE.fullmatch(variable) or _OWN.fullmatch(variable):
        # Not shown: somebody may have written the value itself there.
        raise UsageError(f"not what the secret `{name}` can become", _SPELLING)
    return Wanted(name, variable)


def of_settings(
    told: Mapping[str, tuple[str, bool]], allowed: Iterable[str]
) -> tuple[tuple[Wanted, ...], tuple[str, ...]]:
    """What the table `[secrets]` asks for: name -> form, and whether a repo says so. Gives what may be handed over, and
    the names that a repo asks for and nobody allowed."""
    known = frozenset(allowed)
    refused = tuple(sorted(name for name, (_, of_repo) in told.items() if of_repo and name not in known))
    return tuple(sorted(wanted_as(name, form) for name, (form, _) in told.items() if name not in refused)), refused


def joined(*layers: Iterable[Wanted]) -> tuple[Wanted, ...]:
    """All of them, but of two for one variable that of the earlier layer. Raises UsageError for two of one layer."""
    found: set[Wanted] = set()
    taken: set[str] = set()
    for layer in layers:
        new = {entry for entry in layer if entry not in found and not (entry.variable and entry.variable in taken)}
        variables = [entry.variable for entry in new if entry.variable]
        twice = next((name for name in variables if variables.count(name) > 1), "")
        if twice:
            raise UsageError(f"two secrets are to be one variable: `{twice}`", "name another: NAME=env:OTHER")
        found |= new
        taken.update(variables)
    return tuple(sorted(found))


class WantedFile:
    """What one environment gets, in its `records` directory, so that it gets it again after each of its starts."""

    def __init__(self, records: Path) -> None:
        self._path = records / "secrets.json"

    def read(self) -> tuple[Wanted, ...]:
        """Raises ConfigError."""
        try:
            entries = json.loads(self._path.read_bytes())
            return tuple(sorted(Wanted(str(entry["name"]), str(entry["variable"])) for entry in entries))
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"list of secrets cannot be read: `{self._path}`", f"remove {self._path}") from error

    def write(self, wanted: Iterable[Wanted]) -> None:
        listed = sorted(set(wanted))
        if listed or self._path.exists():
            make_private(self._path.parent)
            write_atomic(self._path, json.dumps([asdict(entry) for entry in listed], indent=1).encode(), 0o600)
