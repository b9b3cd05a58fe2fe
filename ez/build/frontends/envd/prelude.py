"""What every file of the language finds defined: Starlark that passes calls on, with the line that made them.

Starlark does not tell a Python function who called it. So each builtin is a small Starlark function, which passes on
the call stack, whose last frame is the calling line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ez.build.frontends.envd.frames import INCLUDED

INCLUDE = "include"
"""The one builtin that gives a module."""

_FUNCTIONS = f"""
load("{INCLUDED}", _ez_included = "included")

def _ez_value(value, depth):
    kind = type(value)
    if kind == "string" or kind == "bool":
        return [kind, value]
    if kind == "int":
        return [kind, max(min(value, 1 << 62), -(1 << 62))]
    if depth > 0 and (kind == "list" or kind == "tuple"):
        return [kind, [_ez_value(item, depth - 1) for item in value]]
    if depth > 0 and kind == "dict":
        return [kind, [[_ez_value(key, 0), _ez_value(item, depth - 1)] for key, item in value.items()]]
    if kind == "float":
        return [kind, repr(value)]
    if kind == "struct" and hasattr(value, "ez_data_source"):
        return ["source", value.ez_data_source]
    return [kind, [] if kind in ("list", "tuple", "dict") else kind]

def _ez_call(name, stack, args, kwargs):
    return json.encode([
        name,
        stack,
        [_ez_value(value, 3) for value in args],
        [[key, _ez_value(value, 3)] for key, value in kwargs.items()],
    ])

def _ez_builtin(name):
    def builtin(*args, **kwargs):
        _ez_record(_ez_call(name, call_stack(strip_frames = 1), args, kwargs))
    return builtin

def _ez_source(name):
    def builtin(*args, **kwargs):
        _ez_record(_ez_call(name, call_stack(strip_frames = 1), args, kwargs))
        return struct(ez_data_source = str(args[0] if args else kwargs.get("name", "")))
    return builtin

def include(*args, **kwargs):
    return _ez_included[_ez_include(_ez_call("{INCLUDE}", call_stack(strip_frames = 1), args, kwargs))]

def print(*args, sep = " "):
    _ez_print(call_stack(strip_frames = 1), sep.join([str(value)[:1000] for value in args])[:1000])

"""


def prelude(builtins: Iterable[str], sources: Iterable[str], constants: Mapping[str, str]) -> str:
    """The functions above, then every name of the language; `a.b.c` is a member of nested structs. `sources` are the
    builtins that give a data source."""
    giving = frozenset(sources)
    tree: dict[str, Any] = {}
    for name, written in [
        *((name, f'{"_ez_source" if name in giving else "_ez_builtin"}("{name}")') for name in builtins),
        *((name, json.dumps(value, ensure_ascii=False)) for name, value in constants.items()),
    ]:
        if name == INCLUDE:
            continue
        *spaces, member = name.split(".")
        space = tree
        for part in spaces:
            space = space.setdefault(part, {})
        space[member] = written
    return _FUNCTIONS + "".join(f"{name} = {_written(value)}\n" for name, value in tree.items())


def _written(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "struct(" + ", ".join(f"{name} = {_written(item)}" for name, item in value.items()) + ")"
