"""`ez build --migrate`: what comes out looks as before, describes the same, and what cannot be done is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ez.build.frontends.envd.v0.migrate import migrate
from ez.build.frontends.envd.v0.rewrite import rewrite
from ez.errors import DefinitionError
from tests.build.frontends.test_envd_cases import CASES

REWRITES = CASES / "migrate"


@pytest.mark.parametrize("case", sorted(REWRITES.glob("*.v0")), ids=lambda case: case.stem)
def test_rewritten_text(case: Path) -> None:
    """`NAME.v0` becomes `NAME.v1`, with what is left for a person behind it."""
    with case.open(newline="") as file:
        rewritten = rewrite(file.read(), "build.envd", default_in="build" if "default" in case.stem else "")
    left = "".join(f"LEFT {one.line}: {one.text}\n" for one in rewritten.untranslated)
    with case.with_suffix(".v1").open(newline="") as file:
        assert rewritten.text + left == file.read()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def build(:\n", "cannot be rewritten"),
        ("x = " + "(" * 400, "cannot be rewritten"),
        ("f()\n" * 2001, "too many"),
    ],
)
def test_text_that_cannot_be_read(text: str, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        rewrite(text, "build.envd")


def test_other_files_are_rewritten_too(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "copy.envd").write_text('def copies():\n    io.copy(host_path="a", envd_path="/a")\n')
    (tmp_path / "a").write_text("")
    (tmp_path / "build.envd").write_text('load("lib/copy.envd", "copies")\n\ndef build():\n    copies()\n')
    migration = migrate(tmp_path, "x", "build.envd:build#v0")
    assert [file.path for file in migration.files] == ["build.envd", "lib/copy.envd"]
    assert migration.files[0].after.startswith("# syntax=v1\nload(")
    assert "install.conda()" in migration.files[0].after
    assert migration.files[1].after == 'def copies():\n    io.copy(source="a", target="/a")\n'
    assert migration.left == ()


def test_what_comes_out_differently_is_told(tmp_path: Path) -> None:
    """Two bases, of which v0 takes the last; the second would undo what conda was told before."""
    text = '# syntax=v0\ndef build():\n    base(language="r")\n    base(language="python3.9")\n'
    (tmp_path / "build.envd").write_text(text)
    assert [one.text for one in migrate(tmp_path, "x", "build.envd").left] != []


def test_files_of_v1_stay(tmp_path: Path) -> None:
    (tmp_path / "build.envd").write_text("def build():\n    base(dev=True)\n")
    assert migrate(tmp_path, "x", "build.envd").files == ()
    (tmp_path / "build.envd").write_text('def build():\n    base(language="python3")\n')
    assert [file.path for file in migrate(tmp_path, "x", "build.envd").files] == ["build.envd"]


WORDS = st.sampled_from(["python", "python3", "python3.9", "r4.2", "julia", "python3.10.4"])
BASES = st.builds(
    lambda os, language, break_: f'base({break_}os="{os}", language="{language}"{break_})',
    st.sampled_from(["ubuntu20.04", "ubuntu22.04", ""]),
    WORDS,
    st.sampled_from(["", "\n        "]),
)
CALLS = st.sampled_from(
    [
        'io.copy(host_path="src", envd_path="/opt/src")  # é, and 日本',
        'io.copy("src", envd_path="/x")',
        'shell("zsh")',
        'shell("fish")',
        'install.python_packages(name=["numpy", "ünïcode"])',
        'run(commands=["true"])  # base(language="r")',
        "install.r_packages([])",
        'runtime.environ(env={"A": "io.copy(host_path=1)"})',
        "config.conda_channel(use_mamba=True)",
        '"""text"""',
    ]
)


@settings(max_examples=30, deadline=None)
@given(
    base=st.one_of(BASES, st.just("")),
    calls=st.lists(CALLS, min_size=1, max_size=5),
    line_end=st.sampled_from(["\n", "\r\n"]),
)
def test_any_file_describes_the_same(
    base: str, calls: list[str], line_end: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    repo = tmp_path_factory.mktemp("repo")
    (repo / "src").write_text("x")
    lines = ["# syntax=v0", "def build():", *(f"    {line}" for line in [base, *calls] if line)]
    (repo / "build.envd").write_bytes((line_end.join(lines) + line_end).encode())
    migration = migrate(repo, "x", "build.envd")
    assert migration.left == ()
    assert migration.files[0].after.count("#") == migration.files[0].before.count("#")


def test_a_mark_at_the_start_is_left_out(tmp_path: Path) -> None:
    """Some editors begin files with one."""
    text = "\ufeff# syntax=v0\ndef build():\n    base(language='r')\n"
    (tmp_path / "build.envd").write_text(text)
    (file,) = migrate(tmp_path, "x", "build.envd").files
    assert file.before == text
    assert file.after == "# syntax=v1\ndef build():\n    base(dev=True)\n    install.r_lang()\n"
