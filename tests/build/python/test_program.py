"""`build.py`: a program that runs only when it is named, in a process of its own, and is believed in nothing."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ez.build.engine import Address
from ez.build.graph import Run, base_image, walk
from ez.build.load import load
from ez.build.solve import build
from ez.config import KEYS
from ez.errors import DefinitionError, MissingInputError
from ez.models import Network
from tests.build.image.conftest import BUNDLE, Enter
from tests.testbed.docker import docker
from tests.testbed.shell import wait_until

EXAMPLE = Path(__file__).parents[3] / "examples" / "python-api"

PROGRAM = """
import helper
from ez.build import Image

def image(cuda=""):
    print("two\\x1b[31m lines")
    made = Image("ubuntu:22.04").run(helper.COMMAND).copy("data", "/srv/data")
    return made.with_cuda(cuda) if cuda else made

plain = Image("debian:12").cmd("true")
number = 5

def broken():
    return helper.divide(0)

def wrong():
    return (
        plain
        .apt_install("-x")
    )
"""
HELPER = """
COMMAND = "echo hi"

def divide(by):
    return 1 / by
"""


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    place = tmp_path / "repo"
    (place / "data").mkdir(parents=True)
    (place / "data" / "one").write_text("1")
    (place / "build.py").write_text(PROGRAM)
    (place / "helper.py").write_text(HELPER)
    return place


def failure(repo: Path, program: str) -> DefinitionError:
    (repo / "build.py").write_text(program)
    with pytest.raises(DefinitionError) as caught:
        load(repo, "x", entry="build.py")
    return caught.value


def test_a_program_makes_a_definition(repo: Path) -> None:
    definition = load(repo, "x", entry="build.py")
    commands = [step for step in walk(definition.state) if isinstance(step, Run) and step.argv[-1] == "echo hi"]
    assert [(step.note.label, step.note.position.line) for step in commands if step.note.position] == [
        ("run echo hi", 7)
    ]
    assert definition.inputs == ("build.py", "data", "helper.py")
    assert definition.contents[0][:2] == ("data/one", "file")
    assert definition.warnings == ("two [31m lines",)
    assert [source.name for source in definition.sources] == ["build.py"]
    assert load(repo, "x", entry="build.py:image").digest == definition.digest
    (repo / "data" / "one").write_text("2")
    assert load(repo, "x", entry="build.py").digest != definition.digest
    assert not list(repo.rglob("__pycache__"))


def test_arguments_and_values(repo: Path) -> None:
    found = base_image(load(repo, "x", entry='build.py:image(cuda="12.4")').state)
    assert found is not None
    assert found.reference.startswith("nvidia/cuda:12.4")
    assert load(repo, "x", entry="build.py:plain", access=False).config.cmd == ("true",)


@pytest.mark.parametrize(
    ("function", "message", "place"),
    [
        ("nothing", "`build.py` has no `nothing`", ("build.py", None)),
        ("number", "`number` is no image, nor a function that returns one", ("build.py", None)),
        ("plain(a=1)", "`plain` is no image, nor a function", ("build.py", None)),
        ("image(other=1)", "TypeError: image() got an unexpected keyword argument", ("build.py", None)),
        ("image(__import__('os'))", "not a function and its arguments", (None, None)),
        ("image(cuda=open('x'))", "not a function and its arguments", (None, None)),
        ("image:other", "not a build file and a function", (None, None)),
        ("broken", "ZeroDivisionError: division by zero (called from build.py:14)", ("helper.py", 5)),
        ("wrong", "apt_install: not a name: `-x`", ("build.py", 19)),
    ],
)
def test_failures_are_told_with_the_repos_own_lines(
    repo: Path, function: str, message: str, place: tuple[str | None, int | None]
) -> None:
    with pytest.raises(DefinitionError) as caught:
        load(repo, "x", entry=f"build.py:{function}")
    error = caught.value
    assert message in error.message
    assert (error.file, error.line) == place
    assert error.hint


@pytest.mark.parametrize(
    ("program", "message", "line"),
    [
        ("a = 1\nb = (", "SyntaxError: '(' was never closed", 2),
        ("import nowhere", "ModuleNotFoundError: No module named 'nowhere'", 1),
        ("\nraise SystemExit(3)", "the program ended itself with status 3", 2),
        ("print('last words', flush=True)\nimport os\nos._exit(3)", "ended before it made an image: last words", None),
        ("raise ValueError('a\\x1b]0;title\\x07\\nb')", "ValueError: a ]0;title  b", 1),
        ("import os\nfor fd in range(3, 20):\n    try: os.write(fd, b'[]')\n    except OSError: pass\nos._exit(0)",
         "ended before it made an image", None),
        ("def f(): f()\nf()", "RecursionError", 1),
    ],
)  # fmt: skip
def test_broken_programs(repo: Path, program: str, message: str, line: int | None) -> None:
    error = failure(repo, program)
    assert message in error.message
    assert (error.file, error.line) == ("build.py", line)


@pytest.mark.parametrize(
    "answer",
    [
        '{"graph": 1, "runtime": {}}',
        '{"graph": {"version": 1, "states": [], "result": 0, "config": {}}, "runtime": {}}',
        '{"graph": {"version": 1, "states": [{"state": "LocalSource", "name": "home"}], "result": 0, "config": {}},'
        ' "runtime": {}}',
        '{"graph": {"version": 1, "states": [{"state": "LocalSource", "name": "context", "include": ["../x"]}],'
        ' "result": 0, "config": {}}, "runtime": {}}',
        '{"graph": {"version": 1, "states": [{"state": ["Run"]}], "result": 0, "config": {}}, "runtime": {}}',
        '{"graph": {"version": 1, "states": [{"state": "ImageSource", "reference": "x"}], "result": 0, "config": {}},'
        ' "runtime": {"shell": "sh"}}',
        '{"error": 5}',
        '{"error": {"message": ["x"], "file": 7, "line": "y", "paths": ["../../etc/passwd"]}, "used": "x"}',
        '{"used": ["/etc/passwd"], "error": {}}',
    ],
)
def test_answers_are_not_believed(repo: Path, answer: str) -> None:
    program = f"""
import os
for number in range(3, 20):
    try:
        os.write(number, {answer!r}.encode())
    except OSError:
        pass
os._exit(0)
"""
    assert not isinstance(failure(repo, program), MissingInputError)


def test_a_program_is_ended_with_all_that_it_started(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ez.build.frontends.process.SECONDS", 4.0)
    program = f"""
import os, subprocess
child = subprocess.Popen(["sleep", "1000"])
open({str(tmp_path / "child")!r}, "w").write(str(child.pid))
print("x" * (4 << 20), flush=True)
child.wait()
"""
    assert "runs for more than" in failure(repo, program).message
    state = Path("/proc", (tmp_path / "child").read_text(), "stat")
    wait_until(lambda: not state.exists() or ") Z " in state.read_text(), "it is ended", timeout=10)


def test_a_program_sees_little_of_this_computer(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUD_TOKEN", "secret")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    error = failure(repo, "import os, sys\nraise ValueError(sorted(os.environ), '/elsewhere' in sys.path)")
    assert error.message == "ValueError: (['LANG', 'PATH'], False)"


def test_a_program_is_never_run_unless_it_is_named(repo: Path, tmp_path: Path) -> None:
    (repo / "build.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(MissingInputError):
        load(repo, "x")
    assert not (tmp_path / "ran").exists()
    assert not [name for name in KEYS if name.rpartition(".")[2] in ("from", "entry", "build", "file")]


def test_a_partial_copy_is_asked_for_what_the_program_reads(repo: Path, tmp_path: Path) -> None:
    (repo / "build.py").write_text(PROGRAM + "\nopen('words.txt').read()\nimport os\nos.listdir('data')\n")
    (repo / "words.txt").write_text("words")
    copy = tmp_path / "copy"
    copy.mkdir()
    fetched: list[str] = []
    rounds: list[set[str]] = []
    for _ in range(9):
        try:
            definition = load(copy, "x", entry="build.py", fetched=fetched)
            break
        except MissingInputError as error:
            rounds.append(set(error.paths) - {".ezignore", ".dockerignore", "ez.lock"})
            for path in error.paths:
                if (repo / path).exists():
                    subprocess.run(["cp", "-a", str(repo / path), str(copy / path)], check=True)
                fetched.append(path)
    assert rounds[:4] == [{"build.py"}, {"helper", "helper.py"}, {"words.txt"}, {"data"}]
    assert definition.digest == load(repo, "x", entry="build.py").digest
    assert {"data", "helper.py", "words.txt"} <= set(definition.inputs)


@pytest.fixture
def image(engine: Path, tmp_path: Path) -> Callable[[str], str]:
    def make(entry: str) -> str:
        reference = "ez-test-python:latest"
        shutil.copytree(EXAMPLE, tmp_path / "example", dirs_exist_ok=True)
        definition = load(tmp_path / "example", "hello", entry=entry)
        network = Network(ca_bundle=BUNDLE.read_text() if BUNDLE.exists() else "")
        build(definition, Address.unix(engine), reference, network=network)
        return reference

    return make


@pytest.mark.engine
def test_the_examples_environment_can_be_entered(image: Callable[[str], str], enter: Enter) -> None:
    container = enter(image("build.py"), 1234, 1234)
    assert container.says("whoami; make --version | head -1; cat /srv/built-by").split()[:3] == ["envd", "GNU", "Make"]
    shutil.copy(EXAMPLE / "main.py", container.work / "main.py")
    assert container.says("cd hello && python main.py") == "hello 6 of the repo"
    docker("rm", "--force", "--volumes", container.name)
    docker("rmi", "--force", "ez-test-python:latest")
