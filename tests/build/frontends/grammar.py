"""A grammar of build files for hypothesis: mostly sensible ones, with mistakes of every kind in them."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from ez.build.frontends.envd.language import Builtin, Parameter
from ez.build.frontends.envd.namespaces import BUILTINS, CONSTANTS

Text = st.SearchStrategy[str]

NAMES = st.sampled_from(["a", "b", "names", "helper", "base", "struct", "x1"])
WORDS = st.sampled_from(
    [
        *("ubuntu:22.04", "debian:12", "numpy", "numpy==1.26", "git", "requirements.txt", "data", "/data", "..", "~/x"),
        *("", "3.11", "2.7", "12.4.1", "zsh", "echo 'hi'", "https://example.org/x.tar", "sha256:" + "0" * 64, "-x"),
        *("a.b-1.0", "{}", "%s", "ünïcode", "\\n", "'", "bin=$(ls)", "x" * 300),
    ]
)
ODD = st.sampled_from(
    [
        *("import os", "while True: pass", "class A: pass", 'f"{a}"', "a is b", "1 < 2 < 3", '"a" "b"', "yield a", "("),
        *("]", "\t", "\\", "\0", "“", "lambda: a", "*a", "**a", "del a", "a := 1", "0x", "1e999", "1 << 100", "return"),
        *("\r", "'''", '"""', "#", ";", ":", "not not a", "a if b", "break", "load", "set([1])", "x: int = 1", "@a"),
        "\ufeff",
    ]
)


def literal(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


STRINGS = st.one_of(WORDS.map(literal), st.text(max_size=8).map(literal), WORDS.map(lambda word: f'r"{word}"'))
INTEGERS = st.one_of(st.integers(-2, 70000), st.integers()).map(str)
BOOLEANS = st.sampled_from(["True", "False"])
LISTS = st.lists(STRINGS, max_size=3).map(lambda items: f"[{', '.join(items)}]")
TABLES = st.lists(st.tuples(STRINGS, STRINGS), max_size=2).map(
    lambda pairs: "{" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}"
)
OF_A_KIND: dict[str, Text] = {
    "string": STRINGS,
    "bool": BOOLEANS,
    "int": INTEGERS,
    "strings": LISTS,
    "lists": st.lists(LISTS, max_size=2).map(lambda items: f"[{', '.join(items)}]"),
    "table": TABLES,
    "source": st.one_of(STRINGS, STRINGS.map(lambda name: f"data.envd({name})")),
}
ATOMS = st.one_of(STRINGS, INTEGERS, BOOLEANS, LISTS, TABLES, st.sampled_from([*CONSTANTS, "None", "1.5", "()"]))


def _grown(inner: Text) -> Text:
    pairs = st.tuples(inner, inner)
    return st.one_of(
        pairs.map(lambda two: f"{two[0]} + {two[1]}"),
        pairs.map(lambda two: f"({two[0]}, {two[1]})"),
        pairs.map(lambda two: f"{two[0]} % {two[1]}"),
        pairs.map(lambda two: f"{two[0]} * {two[1]}"),
        pairs.map(lambda two: f"({two[0]} if {two[1]} else None)"),
        pairs.map(lambda two: f"[{two[0]} for a in {two[1]}]"),
        pairs.map(lambda two: f"{two[0]}[{two[1]}]"),
        inner.map(lambda one: f"str({one})"),
        inner.map(lambda one: f"list({one})"),
        inner.map(lambda one: f"json.encode({one})"),
        inner.map(lambda one: f"struct(a = {one}).a"),
        inner.map(lambda one: f'"{{}}".format({one})'),
        inner.map(lambda one: f"(lambda a: a)({one})"),
    )


EXPRESSIONS = st.recursive(ATOMS, _grown, max_leaves=4)


@st.composite
def _call(draw: st.DrawFn) -> str:
    """A call of a builtin: most arguments are of the right type."""
    builtin: Builtin = draw(st.sampled_from(list(BUILTINS.values())))
    written = [
        draw(_argument(parameter))
        for parameter in builtin.parameters
        if parameter.default is None or draw(st.booleans())
    ]
    if draw(st.integers(0, 11)) == 11:
        written.append(draw(st.one_of(EXPRESSIONS, EXPRESSIONS.map(lambda value: f"nme = {value}"))))
    if builtin.positional_only:
        written = [one.partition(" = ")[2] or one for one in written]
    return f"{builtin.name}({', '.join(written)})"


def _argument(parameter: Parameter) -> Text:
    right = OF_A_KIND.get(parameter.kind, STRINGS)
    value = st.one_of(*[right] * 19, EXPRESSIONS)
    return value.map(lambda written: f"{parameter.name} = {written}")


SIMPLE = st.one_of(
    *[_call()] * 12,
    st.tuples(NAMES, EXPRESSIONS).map(lambda two: f"{two[0]} = {two[1]}"),
    st.tuples(NAMES, EXPRESSIONS).map(lambda two: f"{two[0]} += {two[1]}"),
    st.tuples(NAMES, EXPRESSIONS).map(lambda two: f"{two[0]}({two[1]})"),
    EXPRESSIONS.map(lambda value: f"print({value})"),
    st.one_of(
        EXPRESSIONS.map(lambda value: f"fail({value})"),
        EXPRESSIONS.map(lambda value: f"return {value}"),
        STRINGS.map(lambda value: f"include({value})"),
    ),
)


def _indented(block: str) -> str:
    return "\n".join(f"    {line}" for line in block.split("\n"))


def _nested(inner: Text) -> Text:
    def header(form: str) -> Callable[[tuple[str, str]], str]:
        return lambda two: form.format(two[0]) + "\n" + _indented(two[1])

    several = st.lists(inner, min_size=1, max_size=4).map("\n".join)
    return st.one_of(
        inner,
        st.tuples(EXPRESSIONS, several).map(header("if {}:")),
        st.tuples(EXPRESSIONS, several).map(header("for a in {}:")),
        st.tuples(NAMES, several).map(header("def {}(a = 1, *args, **kwargs):")),
    )


STATEMENTS = st.recursive(SIMPLE, _nested, max_leaves=6)
TOP_LEVEL = st.one_of(
    _call(),
    st.one_of(STATEMENTS, _call()),
    st.sampled_from(
        [
            *('load("lib.envd", "helper")', 'load("lib.envd", b = "names")', 'load("gone.envd", "a")', "# syntax=v0"),
            *('load("build.envd", "build")', 'load("../x.envd", "a")', 'load("git@h:x", "a")', 'names = ["git"]', ""),
        ]
    ),
)


@st.composite
def build_files(draw: st.DrawFn) -> str:
    """A whole file; one of four is cut or has something odd pushed into it."""
    top = draw(st.lists(TOP_LEVEL, max_size=2))
    body = draw(st.lists(STATEMENTS, max_size=6)) or ["pass"]
    parameters = draw(st.sampled_from(["", "", "", "a", "a = 1", "*args"]))
    build = f"def build({parameters}):\n" + "\n".join(_indented(one) for one in body)
    text = "\n".join([*top, build, ""])
    if draw(st.integers(0, 3)) == 3:
        place = draw(st.integers(0, len(text)))
        text = (
            text[:place]
            + draw(st.one_of(ODD, st.just(""), st.text(max_size=3)))
            + text[place + draw(st.integers(0, 9)) :]
        )
    return text
