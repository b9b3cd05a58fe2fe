"""What a question from inside gets back: as a program that ran here would have ended."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SECONDS = 300.0
"""For a person who has to answer a window, or to touch a key."""

LONGEST = 1_000_000

REFUSED, UNKNOWN, GIVEN, SIGNED = "refused", "unknown", "given", "signed"


@dataclass(frozen=True)
class Answer:
    """`stdout` may be a secret, so that it is in no text about this. `name` and `use` are for the record of uses."""

    name: str
    use: str
    code: int = 0
    stdout: bytes = field(default=b"", repr=False)
    stderr: str = ""


def not_allowed(environment: str, kind: str, name: str) -> str:
    """What the person inside reads of a question that the allow-list has no rule for."""
    command = shlex.join(["ez", "env", "allow", environment, kind, name])
    return f"ez: `{environment}` may not ask for {name} at home; allow it there: {command}\n"


def run_here(
    command: Sequence[str], given: bytes, variables: Mapping[str, str], home: Path
) -> tuple[int, bytes, bytes] | None:
    """Exit code, stdout and stderr of a program of the person's, run in their home without a terminal; None where it
    cannot run or takes too long."""
    try:
        done = subprocess.run(
            command, input=given, env=dict(variables), cwd=home, capture_output=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.returncode, done.stdout[:LONGEST], done.stderr[:LONGEST]
