"""How a share looks to a person."""

from __future__ import annotations

from ez.cli.output import clean
from ez.env.shares.model import ShareState

_WORDS = {
    "up": "answers",
    "down": "does not answer",
    "wait": "is being mounted",
    "login": "nobody has logged in: ez share login",
    "missing": "nothing mounts it",
    "bound": "",
}


def share_line(share: ShareState) -> str:
    """`data: s3://bucket at /data, answers`."""
    state = ", ".join(part for part in (_WORDS[share.state], share.why) if part)
    return clean(f"{share.name}: {share.pair.replace(':' + share.target, ' at ' + share.target)}") + (
        f", {clean(state)}" if state else ""
    )
