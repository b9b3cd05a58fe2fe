"""Builtins that envd has and this version of ez cannot do: asking for one is an error, never nothing."""

from __future__ import annotations

from ez.build.frontends.envd.language import Builtin, Call
from ez.build.frontends.envd.record import Record


def later(name: str) -> Builtin:
    def refuse(record: Record, call: Call) -> None:
        raise call.wrong(
            f"{name}: not supported yet by this version of ez", f"remove this call of `{name}`, or do it with `run`"
        )

    return Builtin(name, refuse, free=True)
