"""What every frontend gets from `load`: a stable digest, files confined to the repo, and the names of missing ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ez.build.load import load
from ez.errors import DefinitionError, MissingInputError

BUILD = """
def build():
    base(dev=True)
    install.python()
    install.python_packages(requirements="requirements.txt")
    io.copy("data", "/data")
    runtime.environ(env={"A": "1", "B": "2", "C": "3"}, extra_path=["/a", "/b"])
    runtime.command({"x": "1", "y": "2", "z": "3"})
"""


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return _repo(tmp_path / "repo")


def _repo(place: Path) -> Path:
    (place / "data" / "deep").mkdir(parents=True)
    (place / "build.envd").write_text(BUILD)
    (place / "requirements.txt").write_text("numpy\n")
    (place / "data" / "deep" / "one").write_text("1")
    (place / "data" / "link").symlink_to("deep/one")
    return place


def _digest(repo: Path, name: str = "x") -> str:
    return load(repo, name).digest


def test_digest_is_the_same_in_every_process_and_place(repo: Path, tmp_path: Path) -> None:
    other = _repo(tmp_path / "elsewhere" / "clone")
    (other / ".git").mkdir()
    (other / "data" / ".git").write_text("gitdir: elsewhere")
    (other / "data" / "empty").mkdir()
    os.utime(other / "data" / "deep" / "one", (0, 0))
    (other / "data" / "deep" / "one").chmod(0o664)
    program = "import pathlib, sys, ez.build.load; print(ez.build.load.load(pathlib.Path(sys.argv[1]), 'x').digest)"
    digests = {
        subprocess.run(
            [sys.executable, "-c", program, str(place)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed, place in (("1", repo), ("2", repo), ("77", other))
    }
    assert digests == {_digest(repo)}


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("data/deep/one", "2"),
        ("data/new", ""),
        ("requirements.txt", "numpy\nscipy\n"),
        ("build.envd", BUILD + "    run(['true'])\n"),
    ],
)
def test_digest_follows_what_the_build_uses(repo: Path, path: str, content: str) -> None:
    before = _digest(repo)
    (repo / path).write_text(content)
    assert _digest(repo) != before


def test_digest_follows_executable_bit_link_and_name(repo: Path) -> None:
    found = {_digest(repo), _digest(repo, "y")}
    (repo / "data" / "deep" / "one").chmod(0o755)
    found.add(_digest(repo))
    (repo / "data" / "link").unlink()
    (repo / "data" / "link").symlink_to("deep/two")
    found.add(_digest(repo))
    assert len(found) == 4


def test_digest_ignores_comments_and_other_files(repo: Path) -> None:
    before = _digest(repo)
    (repo / "build.envd").write_text("# a comment\n" + BUILD)
    (repo / "main.py").write_text("1")
    assert _digest(repo) == before


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside"])
@pytest.mark.parametrize("path", ["build.envd", "requirements.txt"])
def test_links_out_of_the_repo_are_not_read(repo: Path, path: str, target: str) -> None:
    (repo.parent.parent / "outside").write_text("secret")
    (repo / path).unlink()
    (repo / path).symlink_to(target)
    with pytest.raises(DefinitionError, match="leads out of the repo"):
        load(repo, "x")


@pytest.mark.parametrize("path", ["build.envd", "requirements.txt", "data", ".dockerignore", "ez.lock"])
def test_links_to_themselves_are_told(repo: Path, path: str) -> None:
    (repo / "build.envd").write_text(BUILD.replace('"data"', '"data/link"'))
    if (repo / path).exists():
        (repo / path).rename(repo / "other")
    (repo / path).symlink_to(path)
    with pytest.raises(DefinitionError, match=r"leads to itself|cannot be read"):
        load(repo, "x")


@pytest.mark.parametrize("copied", ["out/passwd", "data/../out/passwd", "../repo/data", "a\\nb"])
def test_copies_stay_in_the_repo(repo: Path, copied: str) -> None:
    (repo / "out").symlink_to("/etc")
    (repo / "build.envd").write_text(f'def build():\n    io.copy("{copied}", "/x")\n')
    with pytest.raises(DefinitionError) as caught:
        load(repo, "x")
    assert not isinstance(caught.value, MissingInputError)
    assert (caught.value.file, caught.value.line, caught.value.column) == ("build.envd", 2, 5)


def test_copied_link_is_not_followed(repo: Path) -> None:
    (repo / "data" / "link").unlink()
    (repo / "data" / "link").symlink_to("/etc/passwd")
    assert load(repo, "x").inputs == ("build.envd", "data", "requirements.txt")


def test_pipes_and_huge_files_are_not_read(repo: Path) -> None:
    (repo / "requirements.txt").unlink()
    os.mkfifo(repo / "requirements.txt")
    with pytest.raises(DefinitionError, match="not a file"):
        load(repo, "x")
    (repo / "build.envd").write_bytes(b"#" * (1 << 20) + b"#")
    with pytest.raises(DefinitionError, match="larger than 1 MB"):
        load(repo, "x")


@pytest.mark.parametrize(
    "body",
    ["x = [i for i in range(1 << 29) for j in range(1 << 29)]", "for i in range(100000):\n        run(['x'])"],
    ids=["endless", "too many calls"],
)
def test_hostile_programs_end(repo: Path, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ez.build.frontends.envd.sandbox.SECONDS", 0.5)
    monkeypatch.setattr("ez.build.frontends.envd.interpreter.MOST_CALLS", 1000)
    (repo / "build.envd").write_text(f"def build():\n    {body}\n")
    with pytest.raises(DefinitionError) as caught:
        load(repo, "x")
    assert caught.value.line in (2, 3)


def test_text_that_is_not_utf8(repo: Path) -> None:
    (repo / "build.envd").write_bytes(b"def build():\n    run(['\xff'])\n")
    with pytest.raises(DefinitionError) as caught:
        load(repo, "x")
    assert caught.value.line == 2


@pytest.mark.parametrize("name", ["", "a/b", "..", "a\nb"])
def test_names_that_are_no_directory(repo: Path, name: str) -> None:
    with pytest.raises(DefinitionError, match="not a name"):
        load(repo, name)


def test_partial_copy_tells_what_more_it_needs(repo: Path, tmp_path: Path) -> None:
    """As a caller does whose repo is on another computer: fetch what is wanted, load again."""
    copy = tmp_path / "copy"
    copy.mkdir()
    fetched: list[str] = []
    rounds: list[tuple[str, ...]] = []
    for _ in range(5):
        try:
            definition = load(copy, "x", fetched=fetched)
            break
        except MissingInputError as error:
            rounds.append(error.paths)
            fetched.extend(error.paths)
            for path in filter(lambda path: (repo / path).exists(), error.paths):
                (copy / path).parent.mkdir(parents=True, exist_ok=True)
                subprocess.run(["cp", "-a", str(repo / path), str(copy / path)], check=True)
    assert rounds == [("build.envd", ".ezignore", ".dockerignore", "ez.lock"), ("requirements.txt",), ("data",)]
    assert definition.digest == _digest(repo)
    (copy / "requirements.txt").unlink()
    with pytest.raises(DefinitionError) as caught:
        load(copy, "x", fetched=fetched)
    assert not isinstance(caught.value, MissingInputError)


def test_missing_copies_are_told_together(repo: Path) -> None:
    (repo / "build.envd").write_text('def build():\n    io.copy("a", "/x")\n    io.copy("b/c", "/x")\n')
    with pytest.raises(MissingInputError) as caught:
        load(repo, "x")
    assert caught.value.paths == ("a", "b/c")
    assert caught.value.line == 2


def test_no_build_file_is_told_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError) as caught:
        load(tmp_path, "x")
    assert caught.value.message == "no such file in the repo: `build.envd`"
    hint = caught.value.hint or ""
    (tmp_path / "build.envd").write_text(hint.partition("\n\n")[2])
    assert load(tmp_path, "x").runtime.workdir == "/home/envd/x"


def test_what_is_ignored_takes_no_part(repo: Path) -> None:
    before = _digest(repo)
    (repo / "data" / "scratch").mkdir()
    (repo / "data" / "scratch" / "big.bin").write_text("x")
    assert _digest(repo) != before
    (repo / ".dockerignore").write_text("# large\n  **/scratch \n")
    assert _digest(repo) == before
    (repo / ".ezignore").write_text("")
    assert _digest(repo) != before
    (repo / ".ezignore").write_text("*\n!requirements.txt\n")
    with pytest.raises(DefinitionError, match=r"`\.ezignore` leaves out a file that the build copies: `data`"):
        load(repo, "x")
    (repo / ".ezignore").write_text("a\n!\n")
    with pytest.raises(DefinitionError, match="without a pattern") as caught:
        load(repo, "x")
    assert (caught.value.file, caught.value.line) == (".ezignore", 2)
