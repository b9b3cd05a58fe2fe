"""`data.*`"""

from __future__ import annotations

from ez.build.frontends.envd.language import Builtin, Call, Parameter
from ez.build.frontends.envd.record import DataSource, Record


def _envd(record: Record, call: Call) -> DataSource:
    """A directory below `~/.cache/envd/data` of the computer, the same for all environments that name it."""
    if not is_name(call.string("name")):
        raise call.wrong(f"data.envd: not a name for data: `{call.string('name')}`", "use letters, digits, `-` and `_`")
    return DataSource(call.string("name"))


def is_name(name: str) -> bool:
    return name not in (".", "..") and "/" not in name and name.isprintable()


BUILTINS = (Builtin("data.envd", _envd, (Parameter("name", default=""),)),)

CONSTANTS = {
    "data.path.huggingface": "~/.cache/huggingface",
    "data.path.dgl": "~/.dgl",
}
