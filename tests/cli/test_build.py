"""`ez build` and `ez lock` as they are typed: what they say to wrong words, and what needs no engine."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ez.build.buildkit.messages import llb
from ez.build.graph_json import graph_from_json
from ez.build.load import load
from ez.cli.app import run
from ez.cli.quantities import parse_size, parse_span, show_size
from ez.errors import UsageError
from tests.cli.terminal import Terminal
from tests.integration.person import Person
from tests.integration.places import PLAIN, write_files

CASES = Path(__file__).parents[1] / "cases" / "cli"
LOG = re.compile(r"^log: .*\n", re.MULTILINE)


def transcripts() -> Iterator[tuple[str, int, str]]:
    """Command lines after `$ ez `, what they say, and the exit code that the last line, `= CODE`, gives."""
    for file in sorted(CASES.glob("*.transcript")):
        for case in file.read_text().split("$ ez ")[1:]:
            command, _, rest = case.partition("\n")
            said, _, code = rest.rpartition("= ")
            yield command, int(code), said


TRANSCRIPTS = list(transcripts())


@pytest.fixture
def repo(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands run; a terminal there would have 80 columns."""
    folder = write_files(home / "repo", {"build.envd": PLAIN, "explain/build.envd": PLAIN})
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.argv", ["ez"])
    monkeypatch.setattr("ez.cli.output._log", None)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{home}/no.sock")
    monkeypatch.setenv("EZ_SSH_CONFIG", str(home / ".ssh" / "config"))
    return folder


@pytest.mark.parametrize(("command", "code", "said"), TRANSCRIPTS, ids=[case[0] for case in TRANSCRIPTS])
def test_what_is_said(command: str, code: int, said: str, repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command.split()) == code
    shown = capsys.readouterr()
    assert LOG.sub("", shown.out + shown.err).replace(str(repo.parent), "~") == said
    assert (shown.out == "") == (code != 0)


def test_what_would_be_built_needs_no_engine(repo: Path, person: Person) -> None:
    build = ("build", "--print")
    text = person.ez(*build, "graph", cwd=repo).stdout
    assert "base image ubuntu:22.04" in text
    assert "build.envd:4" in text
    person.ez(*build, "graph", "--file", "graph.svg", cwd=repo)
    assert ElementTree.parse(repo / "graph.svg").getroot().tag.endswith("svg")

    definition = load(repo, "repo")
    assert graph_from_json(person.ez(*build, "json", cwd=repo).json) == (definition.state, definition.config)
    told = person.ez(*build, "llb", "--platform", "arm64", "--file", "graph.llb", cwd=repo).stderr
    assert "`docker.io/library/ubuntu:22.04`" in told
    message = llb.Definition.FromString((repo / "graph.llb").read_bytes())
    assert message.source.infos[0].filename == "build.envd"
    with Terminal(person, *build, "llb", cwd=repo) as shown:
        assert "would write bytes to the terminal" in shown.rest()
        assert shown.code() == 2


def test_a_directory_that_is_called_as_a_command(repo: Path, person: Person) -> None:
    assert "base image" in person.ez("build", "./explain", "--print", "graph", cwd=repo).stdout
    assert "no build of `repo` on `local`" in person.ez("build", "explain", cwd=repo, code=1).told


def test_a_check_lists_all_mistakes_for_people_and_for_editors(repo: Path, person: Person) -> None:
    assert "no mistakes" in person.ez("build", "--check", cwd=repo).stderr
    (repo / "build.envd").write_text("def build():\n    shell('csh')\n    gone()\n")
    done = person.ez("build", "--check", cwd=repo, code=1)
    assert "build.envd:2:5: error: shell: not a shell that ez knows: `csh`\n   2 |     shell('csh')\n" in done.stdout
    assert "2 mistakes" in done.stderr
    told = person.ez("build", "--check", "--json", cwd=repo, code=1).json
    assert (told["errors"], told["directory"]) == (2, str(repo))
    assert [(one["line"], one["column"], one["end_column"], one["code"]) for one in told["diagnostics"]] == [
        (2, 5, 10, "value"),
        (3, 5, 9, "undefined"),
    ]


def test_a_persons_defaults_count_where_the_image_is_theirs_alone(repo: Path, person: Person) -> None:
    mine = person.home / ".config" / "ez" / "config.envd"
    mine.parent.mkdir(parents=True, exist_ok=True)
    mine.write_text('runtime.environ(env = {"MINE": "1"})\n')
    assert "MINE" in person.ez("build", "--print", "json", cwd=repo).stdout
    assert "MINE" not in person.ez("build", "--print", "json", "-t", "thing", cwd=repo).stdout
    mine.write_text("shell('csh')\n")
    assert "at ~/.config/ez/config.envd:1:1" in person.ez("build", "--print", "json", cwd=repo, code=1).stderr


def test_a_lock_is_checked_without_an_engine(repo: Path, person: Person) -> None:
    missing = person.ez("lock", "--check", "--json", cwd=repo, code=1)
    assert json.loads(missing.stdout)["missing"] == ["the image `ubuntu:22.04`"]
    assert not (repo / "ez.lock").exists()


@pytest.mark.parametrize(
    ("text", "size"),
    [("20GB", 20 * 10**9), ("512MiB", 512 * 2**20), ("1.5 tb", 15 * 10**11), ("0", 0), ("10k", 10_000)],
)
def test_a_size(text: str, size: int) -> None:
    assert parse_size(text, "--keep") == size


@pytest.mark.parametrize(("text", "seconds"), [("7d", 604800), ("1d12h", 129600), ("90s", 90), ("2w", 1209600)])
def test_a_span(text: str, seconds: int) -> None:
    assert parse_span(text, "--older") == seconds


@pytest.mark.parametrize("text", ["", "x", "20XB", "5i", "-3GB", "1e9", "9" * 400, "999999999w", "nan", "٣GB", "h"])
def test_neither_a_size_nor_a_span(text: str) -> None:
    for parse in (parse_size, parse_span):
        with pytest.raises(UsageError, match="--flag"):
            parse(text, "--flag")


def test_sizes_as_people_read_them() -> None:
    sizes = (0, 999, 1000, 1_530_000_000, 5 * 10**12)
    assert [show_size(size) for size in sizes] == ["0 B", "999 B", "1 kB", "1.53 GB", "5 TB"]
