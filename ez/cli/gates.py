"""The gates of this person's environments: where each is held, and ending it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ez.cli.session import Session
from ez.errors import HostError

if TYPE_CHECKING:
    from ez.env.web.held import Held


def gate_of(run: Session, environment: str, computer: str, kind: str) -> Held:
    """What holds the gate of one environment and kind on this computer, whether it runs or not."""
    from ez.env.web.held import Held, runtime_directory

    return Held(environment, computer, kind, runtime_directory(run.settings.directories.state, os.getuid()))


def close_gates(run: Session, environment: str, computer: str) -> None:
    """End what holds gates of an environment that goes away."""
    from ez.env.web.held import ask

    for kind in ("jupyter", "web"):
        held = gate_of(run, environment, computer, kind)
        try:
            if held.control.exists() and ask(held, {"ask": "stop"}) is None:
                # Of a holder that was killed.
                held.control.unlink(missing_ok=True)
                held.upstream.unlink(missing_ok=True)
        except HostError:
            pass  # It ends by itself, some time after the environment.
