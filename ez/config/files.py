"""Settings files: TOML with a table for each group of keys, read with every key and type checked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ez.config.keys import KEYS, key_of
from ez.config.shares import TABLE, check_share
from ez.errors import ConfigError

Values = dict[str, str | bool | int]
"""`table.key` -> value."""


def read_file(path: Path, refused: frozenset[str] = frozenset()) -> Values:
    """The settings of one TOML file, `table.key` -> value; empty if it does not exist."""
    try:
        if not path.exists():
            return {}
        if not path.is_file():
            raise OSError("it is no file")
        import tomllib

        tables: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"settings file cannot be read: `{path}`: {error}", f"correct or remove {path}") from error
    found: Values = {}
    for table, content in tables.items():
        entries = content.items() if isinstance(content, dict) else [("", content)]
        for key, value in entries:
            name = f"{table}.{key}" if key else table
            found[name] = check_value(name, value, str(path))
            if name in refused:
                raise ConfigError(
                    f"`{name}` may not be set in a repo's `{path.name}`",
                    f"move it to your own file: ez config set {name}",
                )
    return found


def check_value(name: str, value: object, origin: str) -> str | bool | int:
    """`value` for the setting `name`, or ConfigError naming `origin`. Text from a person is converted."""
    key = key_of(name)
    if key is None:
        import difflib

        close = difflib.get_close_matches(name, KEYS, 1)
        raise ConfigError(
            f"unknown setting in {origin}: `{name}`",
            f"did you mean `{close[0]}`?" if close else "ez config ls shows all settings",
        )
    if key.kind is bool and isinstance(value, str) and value.lower() in _WORDS:
        return _WORDS[value.lower()]
    if type(value) is not key.kind:
        raise ConfigError(f"`{name}` in {origin} must be a {_KIND_NAMES[key.kind]}: `{value}`", key.help)
    assert isinstance(value, (str, bool, int))
    if name.startswith(TABLE):
        check_share(name, str(value), origin)
    return value


_WORDS = {"true": True, "yes": True, "1": True, "on": True, "false": False, "no": False, "0": False, "off": False}
_KIND_NAMES = {str: "string", bool: "true or false", int: "whole number"}


def write_value(path: Path, name: str, value: str | bool | int | None) -> None:
    """Set `name` in the settings file at `path`, or remove it for None; comments and other keys stay.

    The file appears whole and readable for its owner alone; a link is followed. Raises ConfigError.
    """
    write_values(path, {name: value})


def write_values(path: Path, values: Mapping[str, str | bool | int | None], *, shared: bool = False) -> None:
    """The same for several; a `shared` file is readable for everybody."""
    import tomlkit

    document = tomlkit.parse(path.read_text("utf-8")) if path.exists() else tomlkit.document()
    for name, value in values.items():
        table, _, key = name.partition(".")
        if value is None and table not in document:
            continue
        section = document.setdefault(table, tomlkit.table())
        if value is None:
            section.pop(key, None)
        else:
            section[key] = value
    replace_file(path, tomlkit.dumps(document), shared=shared)


def replace_file(path: Path, text: str, *, shared: bool = False) -> None:
    """Write it as a whole, for its owner alone unless it is `shared`; a link is followed. Raises ConfigError."""
    try:
        _replace(path.resolve(), text, 0o644 if shared else 0o600)
    except OSError as error:
        raise ConfigError(f"settings file cannot be written: `{path}`: {error}", f"ls -ld {path.parent}") from error


def _replace(path: Path, text: str, mode: int) -> None:
    import tempfile

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, draft = tempfile.mkstemp(prefix=".ez-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(draft, mode)
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise
