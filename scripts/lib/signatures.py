"""The builtins of the build language as Python would write them, made from their own tables of parameters."""

from collections.abc import Iterator

from ez.build.frontends.envd.language import Builtin, Parameter
from ez.build.frontends.envd.namespaces import BUILTINS, CONSTANTS
from ez.build.frontends.envd.syntax import V1
from ez.build.frontends.envd.v0.translation import Translation

TYPES = {
    "string": "str",
    "bool": "bool",
    "int": "int",
    "strings": "list[str]",
    "lists": "list[list[str]]",
    "table": "dict[str, str]",
    "source": "str | DataSource",
}
"""A parameter's kind -> how Python writes its type."""

RETURNS = {"include": "Any", "data.envd": "DataSource"}
"""What the few builtins give that give something."""


def vocabulary(version: str) -> dict[str, Builtin]:
    """The builtins of a version, by name, in the order of v1's namespaces."""
    if version == V1:
        return dict(BUILTINS)
    translation = Translation(BUILTINS)
    known = translation.known
    return {name: known[name] for name in BUILTINS if name in known}


def constants() -> dict[str, str]:
    return dict(CONSTANTS)


def signature(builtin: Builtin) -> str:
    """`install.python(version: str = "3.11")`; what takes anything is `name(*args, **kwargs)`."""
    return f"{builtin.name}({parameters(builtin)})"


def parameters(builtin: Builtin) -> str:
    if builtin.free:
        return ", ".join(("*args", *map(_parameter, builtin.parameters), "**kwargs"))
    return ", ".join(_parameters(builtin))


def _parameters(builtin: Builtin) -> Iterator[str]:
    starred = False
    for parameter in builtin.parameters:
        if parameter.keyword_only and not starred:
            starred = True
            yield "*"
        yield _parameter(parameter)
    if builtin.positional_only:
        yield "/"


def _parameter(parameter: Parameter) -> str:
    written = f"{parameter.name}: {TYPES[parameter.kind]}"
    if parameter.default is None:
        return written
    return f"{written} = {literal(parameter.default)}"


def literal(value: object) -> str:
    """A default, or a constant, as a build file writes it."""
    match value:
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case tuple():
            return "[]"
        case _:
            return repr(value)
