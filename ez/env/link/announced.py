"""Which SSH agent the person has, as their own OpenSSH finds it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

VARIABLE = "SSH_AUTH_SOCK"
_SECONDS = 20.0
_NAME = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?")


def announced(ssh: Sequence[str], alias: str, variables: Mapping[str, str]) -> str:
    """The socket's path: that of `IdentityAgent` where the configuration names one for `alias`, as those of password
    managers do, else that of the variable; empty for none. `ssh` are the words of `ssh` before the alias."""
    chosen = _configured(ssh, alias, variables)
    if chosen in ("", VARIABLE):
        return variables.get(VARIABLE, "")
    if chosen == "none":
        return ""
    if named := _NAME.fullmatch(chosen):
        return variables.get(named[1], "")
    home = Path(variables.get("HOME", "/"))
    return str(home / chosen.removeprefix("~/")) if chosen.startswith("~/") else chosen.replace("%d", str(home))


def _configured(ssh: Sequence[str], alias: str, variables: Mapping[str, str]) -> str:
    try:
        done = subprocess.run(
            [*ssh, "-G", "--", alias], env=dict(variables), stdin=subprocess.DEVNULL, capture_output=True,
            timeout=_SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    return next((line.partition(" ")[2].strip('"') for line in lines if line.startswith("identityagent ")), "")
