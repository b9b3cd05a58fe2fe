"""Which secrets a repo asks for, as its own files say. It gets none by that alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ez.errors import ConfigError
from ez.names import shown

FILE = "ez.toml"
_LONGEST = 100_000
_AT_MOST = 50


def told_by(directory: Path) -> dict[str, str]:
    """The table `[secrets]` of the `ez.toml` in `directory`, which is anybody's: name -> form. Raises ConfigError."""
    import tomllib

    try:
        text = _read(directory / FILE)
        table = tomllib.loads(text).get("secrets", {}) if text else {}
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"the repo's `{FILE}` cannot be read: {shown(str(error))}") from error
    is_table = isinstance(table, dict) and all(isinstance(form, str) for form in table.values())
    if not is_table or len(table) > _AT_MOST:
        raise ConfigError(f"`[secrets]` of the repo's `{FILE}` is no list of names and forms")
    return {name: form for name, form in table.items() if form}


def _read(path: Path) -> str:
    """Empty where there is none. A link is not followed: it could lead to a file of the person's."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return ""
        data = file.read(_LONGEST + 1)
    if len(data) > _LONGEST:
        raise ValueError(f"it has more than {_LONGEST} bytes")
    return data.decode()
