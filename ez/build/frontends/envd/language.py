"""What a builtin of the language is: its parameters, how a call is checked against them, and what it then does.

Messages and strictness are those of envd, so that a build file fails in both tools alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from ez.build.frontends.envd.record import DataSource, Record
from ez.build.frontends.where import where
from ez.build.graph import Position
from ez.errors import DefinitionError


@dataclass(frozen=True)
class Value:
    """A Starlark value: its type's name and what Python has for it; items of lists and dicts are Values too."""

    type: str
    content: Any


@dataclass(frozen=True)
class Parameter:
    """`kind` is `string`, `bool`, `int`, `strings`, `lists` (lists of strings), `table` (string to string) or `source`
    (a string, or what `data.envd` gives).

    `default` None makes it required. `keyword_only` ones come last.
    """

    name: str
    kind: str = "string"
    default: Any = None
    keyword_only: bool = False


@dataclass(frozen=True)
class Call:
    """A checked call. Values of parameters that were not given are their defaults."""

    position: Position
    arguments: dict[str, Any]

    def string(self, name: str) -> str:
        return str(self.arguments[name])

    def bool(self, name: str) -> bool:
        return bool(self.arguments[name])

    def int(self, name: str) -> int:
        return int(self.arguments[name])

    def strings(self, name: str) -> tuple[str, ...]:
        return tuple(self.arguments[name])

    def lists(self, name: str) -> tuple[tuple[str, ...], ...]:
        return tuple(self.arguments[name])

    def table(self, name: str) -> dict[str, str]:
        return dict(self.arguments[name])

    def source(self, name: str) -> str | DataSource:
        value = self.arguments[name]
        return value if isinstance(value, DataSource) else str(value)

    def wrong(self, message: str, hint: str | None = None) -> DefinitionError:
        return DefinitionError(message, hint, **where(self.position))


@dataclass(frozen=True)
class Builtin:
    """`name` with its namespace; `action` writes down what a call asks for. `free` takes any
    arguments and reads those texts that it has a parameter for."""

    name: str
    action: Callable[[Record, Call], DataSource | None]
    parameters: tuple[Parameter, ...] = ()
    positional_only: bool = False
    free: bool = False

    def call(
        self, record: Record, position: Position, arguments: Sequence[Value], keywords: Sequence[tuple[str, Value]]
    ) -> DataSource | None:
        """Check the arguments and do it; what the call gives. Raises DefinitionError at `position`."""
        if self.free:
            known = {parameter.name for parameter in self.parameters}
            given = {name: value.content for name, value in keywords if name in known and value.type == "string"}
            bound = self._with_defaults(given)
        else:
            try:
                bound = self._bind(arguments, keywords)
            except ArgumentError as error:
                raise DefinitionError(str(error), self._usage(), **where(position), code="argument") from error
        made = self.action(record, Call(position, bound))
        record.cut()
        return made

    def _bind(self, arguments: Sequence[Value], keywords: Sequence[tuple[str, Value]]) -> dict[str, Any]:
        if self.positional_only:
            self._check_positions(arguments, keywords)
        elif len(arguments) > (most := sum(not parameter.keyword_only for parameter in self.parameters)):
            raise ArgumentError(f"{self.name}: got {len(arguments)} arguments, want at most {most}")
        bound: dict[str, Any] = {}
        for parameter, value in zip(self.parameters, arguments, strict=False):
            bound[parameter.name] = self._convert(parameter, value, parameter.name)
        for name, value in keywords:
            parameter = self._named(name)
            if name in bound:
                raise ArgumentError(f'{self.name}: got multiple values for keyword argument "{name}"')
            bound[name] = self._convert(parameter, value, f'"{name}"')
        return self._with_defaults(bound)

    def _check_positions(self, arguments: Sequence[Value], keywords: Sequence[tuple[str, Value]]) -> None:
        if keywords:
            raise ArgumentError(f"{self.name}: unexpected keyword arguments")
        if len(arguments) != len(self.parameters):
            raise ArgumentError(f"{self.name}: got {len(arguments)} arguments, want {len(self.parameters)}")

    def _named(self, name: str) -> Parameter:
        names = [parameter.name for parameter in self.parameters]
        if name in names:
            return self.parameters[names.index(name)]
        raise ArgumentError(f'{self.name}: unexpected keyword argument "{name}"{did_you_mean(name, names)}')

    def _with_defaults(self, bound: dict[str, Any]) -> dict[str, Any]:
        for parameter in self.parameters:
            if parameter.name in bound:
                continue
            if parameter.default is None:
                raise ArgumentError(f"{self.name}: missing argument for {parameter.name}")
            bound[parameter.name] = parameter.default
        return bound

    def _convert(self, parameter: Parameter, value: Value, shown: str) -> Any:
        if parameter.kind == "source":
            return _source(value)
        wanted = {"strings": "list", "lists": "list", "table": "dict"}.get(parameter.kind, parameter.kind)
        if value.type != wanted:
            raise ArgumentError(f"{self.name}: for parameter {shown}: got {value.type}, want {wanted}")
        match parameter.kind:
            case "strings":
                return tuple(_string(item) for item in value.content)
            case "lists":
                return tuple(self._inner(item) for item in value.content)
            case "table":
                return {_string(key): _string(item) for key, item in value.content}
            case "string":
                return _string(value)
            case _:
                return value.content

    def _inner(self, value: Value) -> tuple[str, ...]:
        if value.type != "list":
            raise ArgumentError(f"invalid {self.name.rpartition('.')[2]} commands ({_shown(value)})")
        return tuple(_string(item) for item in value.content)

    def _usage(self) -> str:
        words = [parameter.name + _default(parameter.default) for parameter in self.parameters]
        named = sum(parameter.keyword_only for parameter in self.parameters)
        written = ", ".join([*words[: len(words) - named], *(["*"] if named else []), *words[len(words) - named :]])
        return f"call it as `{self.name}({written})`"


class ArgumentError(Exception):
    """A call does not fit the parameters."""


def did_you_mean(name: str, names: Sequence[str]) -> str:
    """` (did you mean X?)` for the closest of `names`, empty where none is close."""
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    return f" (did you mean {close[0]}?)" if close else ""


def _default(default: Any) -> str:
    match default:
        case None:
            return ""
        case str():
            return f'="{default}"'
        case tuple():
            return "=[]"
        case _:
            return f"={default}"


def _source(value: Value) -> str | DataSource:
    if value.type == "source":
        return DataSource(str(value.content))
    if value.type != "string":
        raise ArgumentError("invalid data source")
    return _string(value)


def _string(value: Value) -> str:
    if value.type != "string":
        raise ArgumentError(f"Conversion failed, expect string type, but got {_shown(value)} as {value.type}")
    if "\0" in value.content:
        raise ArgumentError("a string here cannot hold the character NUL")
    return str(value.content)


def _shown(value: Value) -> str:
    match value.type:
        case "list":
            return f"[{', '.join(map(_shown, value.content))}]"
        case "tuple":
            return f"({', '.join(map(_shown, value.content))}{',' if len(value.content) == 1 else ''})"
        case "string":
            return f'"{value.content}"'
        case "dict":
            return "{...}"
        case "NoneType":
            return "None"
        case _:
            return str(value.content)
