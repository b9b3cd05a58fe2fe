"""Git on this computer, for reading a repo without changing a byte of it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from ez.env.source.failures import LOCAL, failure
from ez.errors import Result, SourceError

# Variables by which a caller's Git (a hook, an alias) would turn ours to another repo.
_FORGOTTEN = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_CONFIG",
    "GIT_ATTR_SOURCE",
)
_ALWAYS = {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": "none"}
_SAFE = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.splitIndex=false",
    "core.quotePath=false",
    "gc.auto=0",
    "maintenance.auto=false",
)


def git(
    args: Sequence[str],
    *,
    directory: Path,
    variables: Mapping[str, str] | None = None,
    input: bytes | None = None,
    output: IO[bytes] | None = None,
    check: bool = True,
) -> Result:
    """Run Git in `directory`, without hooks, monitors or network. Raises SourceError if it fails and `check`."""
    set_ = [f"{key}={value}" for key, value in {**_ALWAYS, **(variables or {})}.items()]
    unset = [part for name in _FORGOTTEN for part in ("-u", name)]
    safe = [part for setting in _SAFE for part in ("-c", setting)]
    started = time.monotonic()
    done = subprocess.run(
        ["env", *unset, *set_, "git", *safe, *args],
        cwd=directory,
        input=b"" if input is None else input,
        stdout=output or subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
    )
    result = Result(
        LOCAL, f"git {args[0]}", done.returncode, done.stdout or b"", done.stderr, time.monotonic() - started
    )
    if result.exit_code == 127:
        raise SourceError("no Git on this computer", "install it: `sudo apt-get install -y git`")
    if check and result.exit_code != 0:
        raise failure(result, LOCAL)
    return result


def text(data: bytes) -> str:
    """Bytes of Git as text that gives the same bytes back."""
    return data.decode("utf-8", "surrogateescape")
