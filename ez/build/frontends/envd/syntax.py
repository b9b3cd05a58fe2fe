"""Which version of the language a build file is written in: what the person says, else what its first line says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ez.build.frontends.envd.language import Builtin, Value
from ez.build.frontends.envd.record import Record
from ez.build.graph import Position
from ez.errors import DefinitionError

V0 = "v0"
V1 = "v1"
VERSIONS = (V0, V1)

_MARKER = "# syntax="


def marker(version: str) -> str:
    """The first line that says so."""
    return f"{_MARKER}{version}"


def with_syntax(entry: str, version: str) -> str:
    """`FILE:FUNCTION` that is read as `version`, whatever its first line says: `FILE:FUNCTION#v0`."""
    file, _, function = entry.partition(":")
    return f"{file}:{function or 'build'}#{version}"


def split_syntax(function: str) -> tuple[str, str]:
    """The function of an entry, and the version that `with_syntax` put behind it or nothing."""
    name, mark, version = function.rpartition("#")
    return (name, version) if mark and version in VERSIONS else (function, "")


def marked(content: bytes) -> str:
    """The version that the first line of a build file names, or nothing."""
    first = content.split(b"\n", 1)[0].decode("utf-8", "replace")
    return next((version for version in (V1, V0) if marker(version) in first), "")


def syntax_of(content: bytes, asked: str) -> str:
    """v1 where neither the person nor the file says anything, as in envd since 1.0."""
    return asked or marked(content) or V1


def aware(builtins: Mapping[str, Builtin], others: Mapping[str, Builtin], advice: str) -> dict[str, Builtin]:
    """The builtins of a version that know those of the other: a call that fits only there is told with `advice`."""
    return {
        name: _Aware(**vars(builtin), other=others[name], advice=advice) if name in others else builtin
        for name, builtin in builtins.items()
    }


def advice_for_v1(file: str) -> str:
    """What to do with a file that is read as v1 and makes sense only as v0."""
    return f"it is a call of v0: write `{marker(V0)}` as the first line of `{file}`, or use `--syntax v0`"


def advice_for_v0(file: str, asked: str) -> str:
    if asked:
        return "it is a call of v1: leave out `--syntax v0`"
    return f"it is a call of v1: remove `{marker(V0)}` from the first line of `{file}`, or use `--syntax v1`"


@dataclass(frozen=True)
class _Aware(Builtin):
    other: Builtin | None = None
    advice: str = ""

    def call(
        self, record: Record, position: Position, arguments: Sequence[Value], keywords: Sequence[tuple[str, Value]]
    ) -> Any:
        try:
            return super().call(record, position, arguments, keywords)
        except DefinitionError as error:
            if self.other is None or "multiple values" in error.message:
                raise
            if _fits(self, arguments, keywords) or not _fits(self.other, arguments, keywords):
                raise
            error.hint = self.advice
            raise


def _fits(builtin: Builtin, arguments: Sequence[Value], keywords: Sequence[tuple[str, Value]]) -> bool:
    """Whether a call agrees with the parameters' names and types, whatever is missing and whatever comes of it."""
    optional = tuple(replace(parameter, default="") for parameter in builtin.parameters)
    unread = replace(builtin, action=lambda record, call: None, parameters=optional)
    try:
        Builtin.call(unread, Record(), Position("", 1), arguments, keywords)
    except DefinitionError:
        return False
    return True
