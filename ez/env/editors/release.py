"""Which release of an editor is installed here: its server inside has to be of just the same one."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_COMMIT = re.compile(r"[0-9a-f]{40}")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+-]{0,59}")
_SECONDS = 10
_LARGEST = 4_000_000
_PRODUCT = ("resources/app/product.json", "product.json")
"""Beside the `bin` that the program is in: on Linux and Windows, and in a Mac's application."""


@dataclass(frozen=True)
class Release:
    """`commit` that it is built from, and the `version` in its server's address; empty where it does not tell."""

    commit: str = ""
    version: str = ""


def release_of(program: str, environment: Mapping[str, str], parts: Sequence[str] = (), joint: str = "") -> Release:
    """Of the editor whose program that is: by the file that it carries, else by what `--version` says, the commit.

    `parts` are the members of that file whose values, with `joint` between, are the version.
    """
    product = _product(program)
    commit = product.get("commit")
    version = ""
    for part in parts:
        value = str(product.get(part, ""))
        if value and not version.endswith(joint + value):
            version += joint + value if version else value
    return Release(
        commit if isinstance(commit, str) and _COMMIT.fullmatch(commit) else _asked(program, environment),
        version if _VERSION.fullmatch(version) else "",
    )


def _product(program: str) -> dict[str, object]:
    top = Path(program).resolve().parent.parent
    for place in _PRODUCT:
        try:
            with (top / place).open("rb") as file:
                found = json.loads(file.read(_LARGEST))
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            return found
    return {}


def _asked(program: str, environment: Mapping[str, str]) -> str:
    """The second line of `--version`, or nothing."""
    command = ["cmd.exe", "/d", "/c", program] if program.endswith(".cmd") else [program]
    try:
        done = subprocess.run(
            [*command, "--version"],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = done.stdout.decode("utf-8", "replace").split()
    return next((line for line in lines if _COMMIT.fullmatch(line)), "")
