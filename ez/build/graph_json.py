"""A graph and its image configuration as JSON, and back: for people, for other tools, and between processes.

Each state is an object whose `state` names its kind and whose other keys are the fields of that class in
`ez/build/graph.py`; states below it are numbers, their places in the list, in which all that is read comes first.
Bytes are `{"text": ...}`, or `{"base64": ...}` where they are no UTF-8.

Reading is strict, since what is read may come from anybody: unknown and missing keys, values of another type, numbers
that no request can hold and states that come too late are refused. What a value means is checked where it is used.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import reprlib
import types
import typing
from collections.abc import Iterable, Mapping, Set
from enum import Enum
from functools import cache
from typing import Any, TypeVar

from ez.build import graph
from ez.build.graph import ImageConfig, State, walk
from ez.errors import DefinitionError

VERSION = 1

Value = TypeVar("Value")

_STATES = {kind.__name__: kind for kind in typing.get_args(State)}

_BOUNDS = {"mode": (0, 0o7777), "size": (0, 2**63 - 1), "gpus": (-1, 2**31 - 1)}
_ANY_BOUNDS = (0, 2**31 - 1)
"""The least and the largest number, by the name of its field."""


def graph_to_json(state: State, config: ImageConfig) -> dict[str, Any]:
    """`{"version", "states", "result", "config"}`; `result` is the place of `state` among the states."""
    ordered = walk(state)
    places = {one.identity: number for number, one in enumerate(ordered)}
    return {
        "version": VERSION,
        "states": [{"state": type(one).__name__, **_fields(one, places)} for one in ordered],
        "result": places[state.identity],
        "config": value_to_json(config),
    }


def graph_from_json(data: Any) -> tuple[State, ImageConfig]:
    """Raises DefinitionError for anything that `graph_to_json` would not have written."""
    parts = _object(data, {"version", "states", "result", "config"}, "graph")
    if parts["version"] != VERSION or not isinstance(parts["states"], list):
        raise _wrong("version or states", parts["version"])
    known: list[State] = []
    for number, one in enumerate(parts["states"]):
        known.append(_state(one, known, f"states[{number}]"))
    return _place(parts["result"], known, "result"), value_from_json(parts["config"], ImageConfig, "config")


def value_to_json(value: Any) -> Any:
    """A dataclass of plain values, such as a `Runtime`, as an object."""
    return _fields(value, {})


def value_from_json(data: Any, kind: type[Value], where: str) -> Value:
    """A `kind` from what `value_to_json` wrote. Raises DefinitionError."""
    return _instance(data, kind, [], where)


def _fields(value: Any, places: dict[str, int]) -> dict[str, Any]:
    """The fields of a dataclass; those that have their default are left out."""
    found = {}
    for item in dataclasses.fields(value):
        content = getattr(value, item.name)
        if content != item.default:
            found[item.name] = _to_json(content, places)
    return found


def _to_json(value: Any, places: dict[str, int]) -> Any:
    match value:
        case graph.Node():
            return places[value.identity]
        case bytes():
            return _bytes_to_json(value)
        case Enum():
            return value.name
        case tuple():
            return [_to_json(item, places) for item in value]
        case _ if dataclasses.is_dataclass(value):
            tag = {"kind": type(value).__name__} if type(value) in _KINDS.values() else {}
            return {**tag, **_fields(value, places)}
        case _:
            return value


def _bytes_to_json(value: bytes) -> dict[str, str]:
    try:
        return {"text": value.decode("utf-8")}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode("ascii")}


_KINDS: dict[str, type] = {
    kind.__name__: kind for union in (graph.Mount, graph.FileAction) for kind in typing.get_args(union)
}
"""Values of which several kinds can stand at one place, by the name that tells them apart."""


def _state(data: Any, known: list[State], where: str) -> State:
    kind, rest = _tagged(data, "state", _STATES, where)
    return typing.cast(State, _instance(rest, kind, known, where))


def _tagged(data: Any, tag: str, kinds: Mapping[str, type], where: str) -> tuple[type, dict[str, Any]]:
    """The one of `kinds` that `data` names at `tag`, and the rest of it."""
    name = data.get(tag) if isinstance(data, dict) else None
    if not isinstance(name, str) or name not in kinds:
        raise _wrong(where, data)
    return kinds[name], {key: value for key, value in data.items() if key != tag}


def _instance(data: Any, kind: type[Value], known: list[State], where: str) -> Value:
    hints = _hints(typing.cast(typing.Hashable, kind))
    optional = {item.name for item in dataclasses.fields(kind) if item.default is not dataclasses.MISSING}  # type: ignore[arg-type]
    parts = _object(data, set(hints), where, optional)
    return kind(**{key: _from_json(value, hints[key], known, f"{where}.{key}") for key, value in parts.items()})


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return {item.name: typing.get_type_hints(kind)[item.name] for item in dataclasses.fields(kind)}


def _from_json(data: Any, kind: Any, known: list[State], where: str) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind == State:
        return _place(data, known, where)
    if origin is tuple:
        return _tuple(data, arguments, known, where)
    if origin in (typing.Union, types.UnionType):
        return _one_of(data, arguments, known, where)
    if kind is bytes:
        return _bytes(data, where)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _member(data, kind, where)
    if dataclasses.is_dataclass(kind):
        return _instance(data, typing.cast(type, kind), known, where)
    if type(data) is not kind or (kind is str and not _is_unicode(data)):
        raise _wrong(where, data)
    if kind is int:
        least, largest = _BOUNDS.get(where.rpartition(".")[2], _ANY_BOUNDS)
        if not least <= data <= largest:
            raise _wrong(where, data)
    return data


def _is_unicode(text: str) -> bool:
    """JSON can spell halves of characters, which no name, file or protocol can hold."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _place(data: Any, known: list[State], where: str) -> State:
    if type(data) is not int or not 0 <= data < len(known):
        raise _wrong(where, data)
    return known[data]


def _tuple(data: Any, kinds: tuple[Any, ...], known: list[State], where: str) -> tuple[Any, ...]:
    endless = len(kinds) == 2 and kinds[1] is Ellipsis
    if not isinstance(data, list) or not (endless or len(data) == len(kinds)):
        raise _wrong(where, data)
    wanted: Iterable[Any] = kinds[:1] * len(data) if endless else kinds
    return tuple(
        _from_json(item, kind, known, f"{where}[{number}]")
        for number, (item, kind) in enumerate(zip(data, wanted, strict=True))
    )


def _one_of(data: Any, kinds: tuple[Any, ...], known: list[State], where: str) -> Any:
    """A value or None; or a value of one of several kinds, which `kind` names."""
    if type(None) in kinds:
        (only,) = (kind for kind in kinds if kind is not type(None))
        return None if data is None else _from_json(data, only, known, where)
    kind, rest = _tagged(data, "kind", {name: kind for name, kind in _KINDS.items() if kind in kinds}, where)
    return _instance(rest, kind, known, where)


def _bytes(data: Any, where: str) -> bytes:
    if isinstance(data, dict) and len(data) == 1:
        ((kind, content),) = data.items()
        try:
            if kind == "text":
                return str.encode(content, "utf-8")
            if kind == "base64":
                return base64.b64decode(content, validate=True)
        except (TypeError, ValueError, binascii.Error) as error:
            raise _wrong(where, content) from error
    raise _wrong(where, data)


def _member(data: Any, kind: type[Enum], where: str) -> Enum:
    if not isinstance(data, str) or data not in kind.__members__:
        raise _wrong(where, data)
    return kind[data]


def _object(data: Any, allowed: Set[str], where: str, optional: Set[str] = frozenset()) -> dict[str, Any]:
    if not isinstance(data, dict) or not allowed - optional <= set(data) <= allowed:
        raise _wrong(where, data if not isinstance(data, dict) else sorted(map(str, data)))
    return data


def _wrong(where: str, data: Any) -> DefinitionError:
    # However deep and long it is; to write all of it could fail in its turn.
    return DefinitionError(
        f"not a build graph: `{where}` is `{reprlib.repr(data)[:100]}`", "write it with `--print json`"
    )
