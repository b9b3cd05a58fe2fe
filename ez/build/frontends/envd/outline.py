"""What a build file's text tells without being run: what it defines, what it defines twice, a function's parameters.

Starlark's grammar is, but for names, within Python's, so Python's own parser reads it; where that cannot, nothing is
told. Nothing here imports more than the interpreter has at its start; see `ez.build.frontends.envd.child`.
"""

from __future__ import annotations

from _ast import (
    AST,
    Assign,
    AugAssign,
    Call,
    Constant,
    Expr,
    For,
    FunctionDef,
    If,
    List,
    Module,
    Name,
    Starred,
    Tuple,
    UnaryOp,
    USub,
    keyword,
    stmt,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_ONLY_AST = 0x400


def tree(text: str) -> Module | None:
    """The file as Python reads it, None where it does not."""
    try:
        return parsed(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def parsed(text: str) -> Module:
    """The file as Python reads it. Raises SyntaxError, ValueError, RecursionError, MemoryError."""
    from warnings import catch_warnings, simplefilter

    with catch_warnings():
        simplefilter("ignore")
        found = compile(text, "build.envd", "exec", _ONLY_AST, dont_inherit=True)
    assert isinstance(found, Module)
    return found


def global_names(module: Module) -> list[str]:
    """What the file defines for others, each once, in order; names with `_` are its own."""
    names = [name.id for statement in module.body for name in _bound(statement)]
    return [name for name in dict.fromkeys(names) if not name.startswith("_")]


def defined_twice(module: Module) -> tuple[str, int, int, int, int] | None:
    """The first global name that is given a second value: name, line and column of that, and of the first."""
    seen: dict[str, Name] = {}
    for statement in module.body:
        for name in [*_loaded(statement), *_bound(statement)]:
            if name.id in seen:
                first = seen[name.id]
                return name.id, name.lineno, name.col_offset + 1, first.lineno, first.col_offset + 1
            seen[name.id] = name
    return None


def parameters(module: Module, function: str) -> list[str]:
    """Name and kind of each parameter of a function, one after the other. The kind is the type of its default as
    Starlark calls it, `any` for another default, empty for none, `*` and `**` for what takes all others."""
    found = next((one for one in module.body if isinstance(one, FunctionDef) and one.name == function), None)
    if found is None:
        return []
    given = found.args
    plain = [*given.posonlyargs, *given.args]
    defaults = [*[None] * (len(plain) - len(given.defaults)), *given.defaults, *given.kw_defaults]
    told = [
        word
        for one, default in zip([*plain, *given.kwonlyargs], defaults, strict=False)
        for word in (one.arg, _kind(default, module))
    ]
    for one, kind in ((given.vararg, "*"), (given.kwarg, "**")):
        told += [one.arg, kind] if one else []
    return told


def traced(text: str) -> str:
    """The same program with a call of `_ez_at`, with its line, before each statement; no line moves."""
    module = tree(text)
    lines = text.encode().split(b"\n")
    places = sorted(_places(module.body), reverse=True) if module else []
    for line, column in places:
        start = lines[line - 1]
        lines[line - 1] = start[:column] + b"_ez_at(%d); " % line + start[column:]
    return b"\n".join(lines).decode("utf-8", "replace")


def _places(body: Sequence[AST]) -> Iterator[tuple[int, int]]:
    """Line and column of each statement that holds no others."""
    for statement in body:
        match statement:
            case FunctionDef(body=inner):
                yield from _places(inner)
            case For(body=inner, orelse=other) | If(body=inner, orelse=other):
                yield from _places([*inner, *other])
            case stmt():
                yield statement.lineno, statement.col_offset


def _kind(default: AST | None, module: Module) -> str:
    match default:
        case None:
            return ""
        case Constant(value=bool()):
            return "bool"
        case Constant(value=int()) | UnaryOp(op=USub(), operand=Constant(value=int())):
            return "int"
        case Constant(value=str()):
            return "string"
        case List():
            return "list"
        case Name(id=name):
            values = [one.value for one in module.body if isinstance(one, Assign) and _is(one.targets, name)]
            return _kind(values[0], Module([], [])) if values else "any"
        case _:
            return "any"


def _is(targets: Sequence[AST], name: str) -> bool:
    return len(targets) == 1 and isinstance(targets[0], Name) and targets[0].id == name


def _bound(statement: AST) -> Iterator[Name]:
    """The global names to which a statement gives a value."""
    match statement:
        case FunctionDef():
            name = Name(statement.name)
            name.lineno, name.col_offset = statement.lineno, statement.col_offset + len("def ")
            yield name
        case Assign():
            for target in statement.targets:
                yield from _names(target)
        case AugAssign():
            yield from _names(statement.target)


def _loaded(statement: AST) -> Iterator[Name]:
    match statement:
        case Expr(value=Call(func=Name(id="load"), args=arguments, keywords=keywords)):
            for word in arguments[1:]:
                if isinstance(word, Constant) and isinstance(word.value, str):
                    yield _named(word.value, word)
            for given in keywords:
                yield _named(given.arg or "", given)


def _named(name: str, at: Constant | keyword) -> Name:
    made = Name(name)
    made.lineno, made.col_offset = at.lineno, at.col_offset
    return made


def _names(target: AST) -> Iterator[Name]:
    match target:
        case Name():
            yield target
        case Tuple(elts=items) | List(elts=items):
            for item in items:
                yield from _names(item)
        case Starred(value=value):
            yield from _names(value)
