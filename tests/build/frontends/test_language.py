"""The language itself: arguments, a person's defaults, what Starlark has and what bounds it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from ez.build.definition import Definition, SourceFile
from ez.build.frontends import Given
from ez.build.frontends.envd import sandbox
from ez.build.graph import Run, walk
from ez.build.includes import Included
from ez.build.load import load
from ez.errors import DefinitionError

PARAMETERS = """LIST = ["git"]

def build(version, gpu=False, workers=-2, packages=LIST, name="x" + "y", *, extra=""):
    install.apt_packages(packages)
    run(["|".join([str(one) for one in [version, gpu, workers, packages, name, extra]])])
"""


def loaded(directory: Path, text: str, given: Given | None = None) -> Definition:
    (directory / "build.envd").write_text(text)
    return load(directory, "x", given=given or Given())


def said(directory: Path, text: str, given: Given | None = None) -> str:
    """The last line of the last command."""
    runs = [one for one in walk(loaded(directory, text, given).state) if isinstance(one, Run)]
    return next(one.argv[-1].splitlines()[-1] for one in reversed(runs) if one.argv[:2] == ("bash", "-c"))


def arguments(*given: str) -> Given:
    pairs = [one.partition("=") for one in given]
    return Given(tuple((name, value) for name, _, value in pairs))


def test_arguments_have_the_types_of_the_defaults(tmp_path: Path) -> None:
    assert said(tmp_path, PARAMETERS, arguments("version=3.11")) == '3.11|False|-2|["git"]|xy|'
    every = arguments("version=é\"'", "gpu=yes", "workers=7", "packages=vim,make", "name=1", "extra=$(x)")
    assert said(tmp_path, PARAMETERS, every) == 'é"\'|True|7|["vim", "make"]|1|$(x)'
    assert said(tmp_path, PARAMETERS, arguments("version=", 'packages=["a,b"]')) == '|False|-2|["a,b"]|xy|'
    assert said(tmp_path, "def build(**more):\n    run([more['for']])\n", arguments("for=1")) == "1"


def test_arguments_are_part_of_the_digest(tmp_path: Path) -> None:
    found = {loaded(tmp_path, PARAMETERS, arguments(f"version={one}")).digest for one in ("3.11", "3.12", "3.11")}
    assert len(found) == 2


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((), "function build missing 1 argument (version)"),
        (("version=1", "gpus=1"), "function build has no parameter `gpus` (did you mean gpu?)"),
        (("version=1", "gpu=maybe"), "`gpu` is true or false, not: `maybe`"),
        (("version=1", "workers=1.5"), "`workers` is a whole number, not: `1.5`"),
        (("version=1", "packages=[1]"), "`packages` is a list of strings, not: `[1]`"),
        (("version=1", "packages=[1"), '`packages` is a list, written `a,b` or `["a", "b"]`, not: `[1`'),
    ],
)
def test_arguments_that_do_not_fit(tmp_path: Path, given: tuple[str, ...], message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        loaded(tmp_path, PARAMETERS, arguments(*given))
    assert (caught.value.message, caught.value.line, caught.value.column) == (message, 3, 1)
    assert caught.value.excerpt == PARAMETERS.splitlines()[2]


def test_a_persons_defaults_run_first_and_are_overridden(tmp_path: Path) -> None:
    mine = Given(personal=SourceFile("~/.config/ez/config.envd", b'shell("zsh")\nrun(["first"])\n'))
    plain = loaded(tmp_path, 'def build():\n    run(["second"])\n')
    with_mine = loaded(tmp_path, 'def build():\n    run(["second"])\n', mine)
    assert (plain.runtime.shell, with_mine.runtime.shell) == ("bash", "zsh")
    assert plain.digest != with_mine.digest
    assert loaded(tmp_path, 'def build():\n    shell("fish")\n', mine).runtime.shell == "fish"
    assert with_mine.sources[0].name == "~/.config/ez/config.envd"


def test_a_persons_defaults_take_no_part_in_a_locked_repo(tmp_path: Path) -> None:
    mine = Given(personal=SourceFile("mine", b'shell("zsh")\n'))
    text = 'def build():\n    base(image="ubuntu@sha256:' + "0" * 64 + '")\n'
    (tmp_path / "ez.lock").write_text("version = 1\n")
    assert loaded(tmp_path, text, mine).digest == loaded(tmp_path, text).digest


def test_a_persons_defaults_cannot_be_read_by_a_repo(tmp_path: Path) -> None:
    mine = Given(personal=SourceFile("~/.config/ez/config.envd", b'name = "secret"\n'))
    text = 'load("~/.config/ez/config.envd", "name")\n\ndef build():\n    run([name])\n'
    with pytest.raises(DefinitionError, match="not a file of the repo") as caught:
        loaded(tmp_path, text, mine)
    assert caught.value.line == 1


def test_a_file_that_is_alone_runs_once_where_that_is_remembered(tmp_path: Path) -> None:
    given = Given(finished={})
    assert given.finished is not None
    text = "def build():\n    shell('zsh')\n"
    digests = [loaded(tmp_path, one, given).digest for one in (text, text, text + "    shell('fish')\n")]
    assert (len(given.finished), digests[0] == digests[1], digests[1] == digests[2]) == (2, True, False)
    (tmp_path / "lib.envd").write_text("a = 1\n")
    loaded(tmp_path, f'load("lib.envd", "a")\n\n{text}', given)
    assert len(given.finished) == 2


def test_mistakes_in_a_persons_defaults_are_told_as_theirs(tmp_path: Path) -> None:
    for text in (b'shell("csh")\n', b'x = 1\nload("lib.envd", "a")\n', b"import x\n"):
        with pytest.raises(DefinitionError) as caught:
            loaded(tmp_path, "def build():\n    pass\n", Given(personal=SourceFile("~/mine", text)))
        assert caught.value.file == "~/mine"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("run([struct(a = 'x').a])", "x"),
        ("run([json.encode({'a': [1, True, None]})])", '{"a":[1,true,null]}'),
        ("run([json.decode('[\"x\"]')[0]])", "x"),
        ("run(['%s-%d' % ('x', 3) + ' {}'.format(4)])", "x-3 4"),
        ('run(["""a\n    b"""])', "    b"),
        ("run([(lambda a: a + '1')('x')])", "x1"),
        ("run([','.join([a for a in 'x y'.split() if a != 'x'])])", "y"),
        ("run(['a' if True else 'b'])", "a"),
        ("run([str({'a': 1} | {'b': 2})])", '{"a": 1, "b": 2}'),
        ("run(['back\\\\slash $HOME \\t.'])", "back\\slash $HOME \t."),
    ],
)
def test_what_the_language_has(tmp_path: Path, text: str, expected: str) -> None:
    assert said(tmp_path, f"def build():\n    {text}\n") == expected


def test_functions_of_functions_and_recursion(tmp_path: Path) -> None:
    text = """def build():
    def count(number):
        return 1 + count(number - 1) if number else 0

    def each(*args, **kwargs):
        return list(args) + list(kwargs)

    run([str(count(50)) + str(each(1, a = 2))])
"""
    assert said(tmp_path, text) == '50[1, "a"]'


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("indent", ["    ", "\t", "        "])
def test_tabs_and_ends_of_lines_of_other_systems(tmp_path: Path, indent: str, ends: str) -> None:
    lines = ["def build():", f"{indent}for one in ['a']:", f"{indent}{indent}run([one + '\t.'])\t# why", ""]
    (tmp_path / "build.envd").write_bytes(b"\xef\xbb\xbf" + ends.join(lines).encode())
    (step,) = [one for one in walk(load(tmp_path, "x", access=False).state) if isinstance(one, Run)]
    assert step.argv[-1].endswith("a\t.")


def test_tabs_and_spaces_that_are_mixed_end_at_multiples_of_eight(tmp_path: Path) -> None:
    assert said(tmp_path, "def build():\n\tx = 'a'\n        run([x])\n") == "a"


def test_load_is_relative_to_the_loading_file_and_for_it_alone(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "two.envd").write_text('load("../one.envd", one = "name")\ntwo = one + "2"\n')
    (tmp_path / "one.envd").write_text('name = "1"\n')
    text = 'load("sub/two.envd", "two")\n\ndef build():\n    run([two])\n'
    assert said(tmp_path, text) == "12"
    with pytest.raises(DefinitionError, match="has no `one`"):
        loaded(tmp_path, 'load("sub/two.envd", "one")\n\ndef build():\n    pass\n')


@pytest.mark.parametrize(
    ("body", "line", "what"),
    [
        ("x = 'x' * 1000\n    for i in range(99):\n        x += x", 4, "too much memory"),
        ("x = [1]\n    for i in range(99):\n        x = x + x", 4, "too much memory"),
        ("x = 'x' * 1000000\n    y = x.replace('x', x)", 3, "too much memory"),
        ("x = ()\n    for i in range(400000):\n        x = (x,)\n    y = {x: 1}", 5, "nests too deeply"),
        ("run(['x' * 40000000])", 2, "says more than"),
        ("run(['x'] * 3000000)", 2, "too much memory"),
        ("x = " + "[" * 9000 + "]" * 9000, 1, "nests too deeply"),
    ],
    ids=["text", "list", "replace", "hash", "output", "values", "parser"],
)
def test_bounds(tmp_path: Path, body: str, line: int, what: str) -> None:
    with pytest.raises(DefinitionError, match=what) as caught:
        loaded(tmp_path, f"def build():\n    {body}\n")
    assert (caught.value.file, caught.value.line, caught.value.code) == ("build.envd", line, "limit")


def test_what_is_said_of_a_file_is_short(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="unexpected keyword argument") as caught:
        loaded(tmp_path, "def build():\n    base(**{'k' * 1000000: 1})\n")
    assert len(caught.value.message) == 2000


def test_what_no_loop_check_stops_ends_with_its_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "SECONDS", 0.5)
    with pytest.raises(DefinitionError, match="runs for too long") as caught:
        loaded(tmp_path, "def build():\n    x = 3\n    for i in range(60):\n        x = x * x\n")
    assert caught.value.line == 1


@pytest.mark.parametrize(
    "call",
    [
        """_ez_record('["gone", "", [], []]')""",
        """_ez_record('["run", "", [["list", "abc"]], []]')""",
        """_ez_record('["run", "", [["list", [["string", 7]]]], []]')""",
        """_ez_record('["base", "", [["string", 5]], []]')""",
        """_ez_record('[["run"], "", [], []]')""",
        """_ez_record('["run", 5, [], []]')""",
        "_ez_record('[' * 100000)",
        "_ez_record()",
        "_ez_record(None)",
        "_ez_record([1])",
        "_ez_include('')",
        "_ez_at(99)\n    _ez_at('x')\n    _ez_at('9' * 5000)\n    fail()",
        "x = []\n    x.append(x)\n    run(x)",
        "run([[[[['x']]]]])",
    ],
)
def test_names_behind_the_builtins_give_a_file_nothing(tmp_path: Path, call: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        loaded(tmp_path, f"def build():\n    {call}\n")
    assert caught.value.file == "build.envd"


def test_includes_of_includes_run_once_and_in_order(tmp_path: Path) -> None:
    repos = {
        "https://a/a": (("a.envd", b'b = include("https://b/b")\nprint("a")\n\ndef a():\n    return b.b() + "a"\n'),),
        "https://b/b": (("b.envd", b'print("b")\n\ndef b():\n    return "b"\n'),),
        "https://c/c": (("c.envd", b'include("https://c/c")\n'),),
        "https://d/d": (("d.envd", b"same = 1\n"), ("e.envd", b"same = 1\n")),
    }

    def fetch(url: str, ref: str, commit: str) -> Included:
        return Included(url, ref, "0" * 40, repos[url])

    given = Given(fetch=fetch)
    text = """def build():
    print("start")
    a = include("https://a/a")
    include(git = "https://b/b")
    run([a.a()])
"""
    assert said(tmp_path, text, given) == "ba"
    definition = loaded(tmp_path, text, given)
    assert [line.rpartition(" ")[2] for line in definition.warnings] == ["start", "b", "a"]
    assert sorted(one.url for one in definition.includes) == ["https://a/a", "https://b/b"]
    for url, message in (
        ("https://c/c", "Detected cycle import"),
        ("https://d/d", "found duplicated object name: same"),
    ):
        with pytest.raises(DefinitionError, match=message):
            loaded(tmp_path, f'def build():\n    include("{url}")\n', given)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("x = 1; x = 2", (1, 8)),
        ("x, y = 1, 2\ny = 3", (2, 1)),
        ('load("lib.envd", "a")\n\ndef a():\n    pass', (3, 5)),
        ('load("lib.envd", b = "a")\nb = 1', (2, 1)),
        ("def f():\n    pass\n\ndef f():\n    pass", (4, 5)),
        ("x = []\nx += [1]", (2, 1)),
        ('"""\nx = 1\nx = 2\n"""\nx = {\n"a": 1,\n}', None),
        ("x = 1\n\ndef f(x):\n    x = 2\n    return x", None),
        ("x = dict(\na = 1,\nb = 2)\nif_ = 1\nprint(x == 1)", None),
    ],
)
def test_globals_are_defined_once(tmp_path: Path, text: str, place: tuple[int, int] | None) -> None:
    (tmp_path / "lib.envd").write_text("a = 1\n")
    if place is None:
        loaded(tmp_path, f"{text}\n\ndef build():\n    pass\n")
        return
    with pytest.raises(DefinitionError, match=r"cannot reassign global \w+ declared at build.envd:\d+:\d+") as caught:
        loaded(tmp_path, f"{text}\n\ndef build():\n    pass\n")
    assert (caught.value.line, caught.value.column) == place
