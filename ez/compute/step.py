"""One change to a computer, as the plan asks for it and a job there does it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """`script` is a program of this room's `scripts/`, run as root with `args`; doing it twice is safe.

    `settings` are files (name, text) for the script, for values that a process list must not show.
    `check` and `verify` are POSIX shell that runs with `lib.sh` and the same `args`: where `check` succeeds there is
    nothing to do, where `verify` fails the step did not work. After steps with `reboots` the machine restarts if one
    of them asked for it, and the job goes on. `needs_reconnect`: only a new login sees the effect. In the end the
    facts are read again: the plan for them must be empty.
    """

    id: str
    title: str
    script: str
    args: tuple[str, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    needs_reconnect: bool = False
    check: str = ""
    verify: str = ""
    reboots: bool = False
