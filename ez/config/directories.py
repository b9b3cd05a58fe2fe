"""Where ez keeps its own files on this computer."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ez.errors import ConfigError


@dataclass(frozen=True)
class Directories:
    """Where ez keeps its own files on this computer."""

    home: Path
    config: Path
    state: Path
    cache: Path

    @property
    def user_file(self) -> Path:
        return self.config / "config.toml"

    @property
    def database(self) -> Path:
        return self.state / "state.db"

    @property
    def logs(self) -> Path:
        return self.state / "log"

    @property
    def locks(self) -> Path:
        return self.state / "locks"


def find_directories(environment: Mapping[str, str]) -> Directories:
    """ez's directories by the XDG rules, on every system. Raises ConfigError for a user without a home."""
    home = Path(environment.get("HOME") or os.path.expanduser("~"))
    if not home.is_absolute():
        raise ConfigError(f"not a home directory: `{home}`", "export HOME=/path/of/your/home")

    def place(variable: str, default: str) -> Path:
        value = environment.get(variable, "")
        return (Path(value) if value.startswith("/") else home / default) / "ez"

    return Directories(
        home,
        place("XDG_CONFIG_HOME", ".config"),
        place("XDG_STATE_HOME", ".local/state"),
        place("XDG_CACHE_HOME", ".cache"),
    )
