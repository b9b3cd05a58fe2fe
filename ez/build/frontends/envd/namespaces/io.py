"""`io.*`"""

from __future__ import annotations

from ez.build.frontends.envd.language import Builtin, Call, Parameter
from ez.build.frontends.envd.namespaces.later import later
from ez.build.frontends.envd.record import At, Copy, Record


def _copy(record: Record, call: Call) -> None:
    for name in ("source", "target"):
        if not call.string(name):
            raise call.wrong(f"io.copy: {name} is empty", f"give a path as `{name}`")
    record.copies.append(At(Copy(call.string("source"), call.string("target"), call.string("image")), call.position))


BUILTINS = (
    Builtin("io.copy", _copy, (Parameter("source"), Parameter("target"), Parameter("image", default=""))),
    later("io.http"),
)
