"""`ez build --check` as data: every mistake at once, nothing that is only a consequence, places an editor can use."""

from __future__ import annotations

from pathlib import Path

import pytest

from ez.build.check import Diagnostic, check
from ez.build.frontends.envd.checking import MOST_MISTAKES

LIBRARY = """def helper():
    shell(name="zsh")
    fail("no")
"""
BROKEN = "def other()\n    x = [1,\n"
BUILD = """load("lib.envd", "helper", "gone")
load("broken.envd", "other")

def build():
    bas(dev=True)
    install.pyton("3.11")
    install.python_packages(nme=["x"], requirements=3)
    for name in names:
        install.apt_packages([name, 1])
    y = 1 + "a"
    run([y])
    helper()
    other()
    gone()
    io.copy("no1", "/x")
    io.copy("no2", "/x")
    config.entrypoint(["a"])
    base(dev=True)
"""


def _places(found: tuple[Diagnostic, ...]) -> list[str]:
    return [f"{one.file}:{one.line}:{one.column} {one.code}" for one in found]


def test_all_mistakes_of_all_files_at_once(tmp_path: Path) -> None:
    for name, text in (("build.envd", BUILD), ("lib.envd", LIBRARY), ("broken.envd", BROKEN)):
        (tmp_path / name).write_text(text)
    found = check(tmp_path, "x")
    assert _places(found) == [
        "build.envd:1:28 load",
        "build.envd:5:5 undefined",
        "build.envd:6:5 member",
        "build.envd:7:5 argument",
        "build.envd:7:5 argument",
        "build.envd:8:17 undefined",
        "build.envd:10:9 run",
        "build.envd:15:5 file",
        "build.envd:16:5 file",
        "build.envd:17:5 value",
        "broken.envd:1:12 syntax",
        "broken.envd:2:9 syntax",
        "lib.envd:2:5 argument",
        "lib.envd:3:5 fail",
    ]
    first = found[0]
    assert (first.end_line, first.end_column, first.source) == (1, 34, BUILD.splitlines()[0])


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("def build():\n    base(dev=True)\n", []),
        ("", ["build.envd:1:1 entry"]),
        ("(((\n" * 3, ["build.envd:3:3 syntax"]),
        ("x = 1\nx = 2\nx = 3\n\ndef build():\n    pass\n", ["build.envd:2:1 dialect", "build.envd:3:1 dialect"]),
        ("def build(a, b):\n    pass\n", ["build.envd:1:1 entry"]),
        ("def build():\n    x = gone\n    y = x + 1\n    run([y])\n", ["build.envd:2:9 undefined"]),
    ],
    ids=["nothing", "empty", "nothing but brackets", "defined three times", "parameters", "consequences"],
)
def test_mistakes(tmp_path: Path, text: str, places: list[str]) -> None:
    (tmp_path / "build.envd").write_text(text)
    assert _places(check(tmp_path, "x")) == places


@pytest.mark.parametrize(
    "line", ["base(**{str(i): 1 for i in range(50000)})", "for i in range(40000): run(['x'], **{str(i): i})"]
)
def test_a_hundred_mistakes_are_enough(tmp_path: Path, line: str) -> None:
    (tmp_path / "build.envd").write_text(f"{'# why' * 10000}\ndef build():\n    {line}\n")
    assert 50 <= len(check(tmp_path, "x")) <= MOST_MISTAKES


def test_no_build_file_and_no_such_kind(tmp_path: Path) -> None:
    assert [one.code for one in check(tmp_path, "x")] == ["file"]
    assert check(tmp_path, "x", entry="Dockerfile")[0].message.startswith("not a kind of build file")


def test_what_a_file_prints_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "build.envd").write_text("def build():\n    print('look', 1)\n")
    (found,) = check(tmp_path, "x")
    assert (found.severity, found.line, found.message) == ("warning", 2, "look 1")
