"""What `ez doctor` finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One finding. `status` is `ok`, `warning` or `failed`; `fix` is one command or action, empty when ok."""

    id: str
    title: str
    status: str
    detail: str = ""
    fix: str = ""
