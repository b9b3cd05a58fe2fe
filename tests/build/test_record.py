"""What a build leaves behind, and that nothing can be read from it that should not be. See also test_explain.py."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from ez.build.explain import parts, record
from ez.build.explain.parts import Hasher, Tree
from ez.build.explain.record import (
    BUILDS_KEPT,
    CACHED,
    FAILED,
    NOT_REACHED,
    RAN,
    History,
    Trace,
    described,
    read_history,
    remember,
    write_history,
)
from ez.build.graph import (
    BindMount,
    CacheMount,
    CopyAction,
    Files,
    GitSource,
    LocalSource,
    MkFileAction,
    Note,
    Position,
    Run,
    Scratch,
    SecretMount,
    Sharing,
    SshMount,
    walk,
)
from ez.build.image.shell import command
from ez.events import Vertex, VertexLog
from tests.build.buildkit.conftest import BASE, define

LOCAL = LocalSource("context", include=("src", "a\\*b"))
PIP = Run(
    BASE,
    command("pip", arguments=("once", "0", "pip", "numpy", "--index-url=https://me:hunter2@example.org/simple")),
    env=(("PASSWORD", "hunter2"),),
    mounts=(CacheMount("/cache", "ez-pip", Sharing.SHARED), SecretMount("/key", "id"), SshMount()),
    note=Note("pip install numpy", Position("build.envd", 3)),
)
OWN = Run(
    Files(PIP, (CopyAction(LOCAL, "/src", "/src"), MkFileAction("/etc/x", b"hunter2"))),
    ("bash", "-c", "set -e\ncurl -H 'Authorization: Bearer hunter2'"),
    cwd="/x",
    mounts=(BindMount("/y", LOCAL),),
    note=Note("run curl -H 'Authorization: Bearer hunter2' https://me:hunter2@example.org DB_PASSWORD=hunter2"),
)
STATE = Files(OWN, (CopyAction(GitSource("https://me:hunter2@example.org/x.git", "main"), "/", "/x"),))
CONTENTS = (("src", "link", "x"), ("src/a", "file", "1"), ("srcs/b", "file", "2"), ("a*b", "program", "3"))
DEFINITION = replace(define(STATE), contents=CONTENTS)


def traced(outcome: str = RAN) -> Trace:
    """A build of STATE whose every step ended as `outcome` after two seconds."""
    trace = Trace(images={"docker.io/library/debian:12": "sha256:1"})
    states = {f"sha256:{number}": state for number, state in enumerate(walk(STATE))}
    trace.planned("linux/amd64", states)
    for digest in states if outcome != NOT_REACHED else ():
        began = trace.began + 1
        error = "exit code: 1" if outcome == FAILED else ""
        trace(Vertex(digest, "x", started=began))
        trace(Vertex(digest, "x", started=began, completed=began + 2, cached=outcome == CACHED, error=error))
        trace(VertexLog(digest, 1, ("one", "two")))
    trace(Vertex("sha256:export", "exporting to image", started=trace.began, completed=trace.began + 1))
    return trace


def test_a_step_is_what_makes_its_cache_key() -> None:
    steps = {step.label or step.kind: step for step in described(walk(STATE), Tree(CONTENTS), {}, "00")}
    pip = steps["pip install numpy"]
    assert (pip.kind, pip.file, pip.line) == ("run", "build.envd", 3)
    assert pip.parts["arguments"] == ("once", "0", "pip", "numpy", "--index-url=https://***@example.org/simple")
    assert pip.parts["mounts"] == (
        "cache ez-pip at /cache",
        "secret id at /key",
        "ssh at /run/buildkit/ssh_agent.0",
    )
    own = next(step for label, step in steps.items() if label.startswith("run "))
    assert own.label == "run curl -H 'Authorization: Bearer ***' https://***@example.org DB_PASSWORD=***"
    assert (own.parts["program"], own.parts["cwd"]) == ("bash", "/x")
    assert set(own.parts["files"]) == {"src", "src/a", "a*b"}
    copied = next(step for step in described(walk(STATE), Tree(CONTENTS), {}, "00") if "written" in step.parts)
    assert set(copied.parts["files"]) == {"src", "src/a"}
    assert set(copied.parts["written"]) == {"/etc/x"}


def test_what_a_cache_mount_begins_with_is_no_work() -> None:
    owned = Run(BASE, ("true",), mounts=(CacheMount("/cache", "own", uid=1000, gid=1000),))
    made = [state for state in walk(owned) if not isinstance(state, Scratch)]
    assert [step.kind for step in described(made, Tree(()), {}, "00")] == ["image", "cache", "run"]


@pytest.mark.parametrize("outcome", [RAN, CACHED, FAILED, NOT_REACHED])
def test_what_is_remembered_is_read_again(tmp_path: Path, outcome: str) -> None:
    path = tmp_path / "builds" / "hello@box.json"
    build = remember(path, DEFINITION, traced(outcome), failed=outcome == FAILED)
    assert read_history(path).builds == (build,)
    *steps, export = build.steps
    assert {step.outcome for step in steps} == {outcome}
    assert {step.seconds for step in steps} == {2.0 if outcome in (RAN, FAILED) else 0.0}
    assert steps[0].parts["id"] == "sha256:1"
    assert [step.kind for step in steps] == ["image", "run", "local", "files", "run", "git", "files"]
    assert [step.inputs for step in steps] == [(), (0,), (), (1, 2), (3, 2), (), (4, 5)]
    assert (export.kind, export.seconds) == ("engine", 1.0)
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_secrets_are_not_in_the_file(tmp_path: Path) -> None:
    remember(tmp_path / "history", DEFINITION, traced())
    assert "hunter2" not in (tmp_path / "history").read_text()


@pytest.mark.parametrize("text", ["a" * 100_000, "token" * 20_000, "token" + " " * 100_000, "x://" * 25_000])
def test_no_text_takes_long_to_look_through(text: str) -> None:
    started = time.monotonic()
    assert Hasher(b"salt").masked(text) == text
    assert time.monotonic() - started < 1


def test_hashes_compare_within_a_history_and_nowhere_else(tmp_path: Path) -> None:
    for name in ("one", "one", "other"):
        remember(tmp_path / name, DEFINITION, traced())
    first, second = read_history(tmp_path / "one").builds
    (other,) = read_history(tmp_path / "other").builds
    assert first.steps[1].parts == second.steps[1].parts
    assert first.steps[1].parts["env"] != other.steps[1].parts["env"]


def test_only_the_last_builds_that_fit_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "history"
    builds = [remember(path, DEFINITION, traced()) for _ in range(BUILDS_KEPT + 2)]
    assert read_history(path).builds == tuple(builds[2:])
    history = read_history(path)
    monkeypatch.setattr(record, "LARGEST", path.stat().st_size // BUILDS_KEPT * 2)
    write_history(path, history)
    assert read_history(path).builds == tuple(builds[-2:])


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format":0}', '{"format":1,"salt":"x","builds":[]}', "\0"])
def test_a_file_that_cannot_be_read_is_an_empty_history(tmp_path: Path, text: str) -> None:
    (tmp_path / "history").write_text(text)
    assert read_history(tmp_path / "history").builds == ()
    assert read_history(tmp_path / "none").builds == ()


def test_a_place_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    write_history(tmp_path / "file" / "history", History())
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_many_files_become_their_directories(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "MOST_FILES", 3)
    contents = tuple((f"{top}/{below}/x{number}", "file", "1") for top in "ab" for below in "cd" for number in range(4))
    state = Files(BASE, (CopyAction(LocalSource("context"), "/", "/x"),))
    found = parts.parts_of(state, Tree(contents), {}, Hasher(b""))
    assert set(found["files"]) == {"a/", "b/"}
    changed = tuple((path, "file", "2" if path == "b/d/x3" else "1") for path, *_ in contents)
    other = parts.parts_of(state, Tree(changed), {}, Hasher(b""))
    assert [top for top in "ab" if dict(other["files"])[f"{top}/"] != dict(found["files"])[f"{top}/"]] == ["b"]  # type: ignore[arg-type]
