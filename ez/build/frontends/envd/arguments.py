"""Arguments that a person gives to a build function: `--arg name=value`, typed by the parameter's default."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from ez.build.frontends.envd.language import did_you_mean
from ez.errors import DefinitionError

_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_ALL = "**"
_MORE = "*"


def call_text(
    function: str, parameters: Sequence[str], given: Sequence[tuple[str, str]], file: str, line: int | None
) -> str:
    """Starlark that loads `function` of a module and calls it. `parameters` are names and kinds, one after the other,
    as `ez.build.frontends.envd.outline.parameters` tells them. Raises DefinitionError at the function's line."""
    kinds = dict(zip(parameters[::2], parameters[1::2], strict=False))
    try:
        written = dict(_written(function, kinds, given))
    except ValueError as error:
        raise DefinitionError(
            str(error), _usage(function, kinds), file=file, line=line, column=1, code="entry"
        ) from error
    missing = [name for name, kind in kinds.items() if not kind and name not in written]
    if missing:
        count = f"{len(missing)} argument{'s' if len(missing) > 1 else ''}"
        flags = " ".join(f"--arg {name}=VALUE" for name in missing)
        message = f"function {function} missing {count} ({', '.join(missing)})"
        hint = f"give it a default, or build with `{flags}`"
        raise DefinitionError(message, hint, file=file, line=line, column=1, code="entry")
    call = ", ".join(f"{_text(name)}: {value}" for name, value in written.items())
    return f'load("", _ez_function = "{function}")\n\ndef _ez_run():\n    _ez_function(**{{{call}}})\n\n_ez_run()\n'


def _written(function: str, kinds: dict[str, str], given: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Each argument as Starlark. Raises ValueError, which says what is wrong with one."""
    names = [name for name, kind in kinds.items() if kind not in (_ALL, _MORE)]
    for name, value in given:
        if name not in names and _ALL not in kinds.values():
            raise ValueError(f"function {function} has no parameter `{name}`{did_you_mean(name, names)}")
        yield name, _literal(name, kinds.get(name, ""), value)


def _literal(name: str, kind: str, value: str) -> str:
    match kind:
        case "bool":
            if value.lower() not in _WORDS:
                raise ValueError(f"`{name}` is true or false, not: `{value}`")
            return str(_WORDS[value.lower()])
        case "int":
            if not re.fullmatch(r"-?[0-9]{1,18}", value, re.ASCII):
                raise ValueError(f"`{name}` is a whole number, not: `{value}`")
            return str(int(value))
        case "list":
            return "[" + ", ".join(_text(item) for item in _items(name, value)) + "]"
        case _:
            return _text(value)


def _items(name: str, value: str) -> list[str]:
    """`a,b`, or JSON for items that hold a comma: `["a,b"]`."""
    if not value.startswith("["):
        return [item for item in value.split(",") if item]
    try:
        items = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise ValueError(f'`{name}` is a list, written `a,b` or `["a", "b"]`, not: `{value}`') from error
    if not all(isinstance(item, str) for item in items):
        raise ValueError(f"`{name}` is a list of strings, not: `{value}`")
    return list(items)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _usage(function: str, kinds: dict[str, str]) -> str:
    written = " ".join(f"--arg {name}={kind.upper() or 'VALUE'}" for name, kind in kinds.items() if kind[:1] != _MORE)
    return f"give it {written}" if written else f"call `{function}` without arguments"
