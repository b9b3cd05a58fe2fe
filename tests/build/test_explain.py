"""Why steps ran: `tests/cases/explain/*.txt` and, on a real engine, one input changed at a time.

A case holds files below `== before/` and `== after/`, and after `== expected` what a build of the second would run,
given one of the first: the causes, not what runs behind them.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from ez.build.definition import Definition
from ez.build.explain.parts import Part
from ez.build.explain.reasons import Explanation, compare, explain, foresee
from ez.build.explain.record import (
    CACHED,
    FAILED,
    NOT_REACHED,
    RAN,
    Build,
    History,
    Step,
    Trace,
    read_history,
    recorded,
    remember,
)
from ez.build.frontends.inputs import Inputs
from ez.build.graph import CopyAction, Files, ImageSource, LocalSource, Note, State, walk
from ez.build.load import load
from tests.build.buildkit.conftest import BASE, Engine, define, sh

CASES = Path(__file__).parents[1] / "cases" / "explain"


@pytest.mark.parametrize("case", sorted(CASES.glob("*.txt")), ids=lambda case: case.stem)
def test_case(case: Path, tmp_path: Path) -> None:
    sections = re.split(r"^== (.+)\n", case.read_text(), flags=re.M)[1:]
    files = dict(zip(sections[::2], sections[1::2], strict=True))
    expected = files.pop("expected")
    for name, content in files.items():
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
    history = History((built(load(tmp_path / "before", "hello")),), SALT)
    foreseen = foresee(history, load(tmp_path / "after", "hello"))
    assert foreseen is not None
    assert told(foreseen) == expected


SALT = "00" * 16


def built(definition: Definition) -> Build:
    trace = Trace(images={"docker.io/library/ubuntu:22.04": "sha256:" + "a" * 64})
    states = {str(number): state for number, state in enumerate(walk(definition.state)) if hasattr(state, "note")}
    trace.planned("linux/amd64", states)
    build = recorded(definition, trace, SALT)
    return replace(build, steps=tuple(replace(step, outcome=RAN, seconds=1.0) for step in build.steps))


def told(explanation: Explanation) -> str:
    """One line for each cause: the step and what changed of it."""
    steps = explanation.build.steps
    causes = [reason for reason in explanation.reasons if reason.because == (reason.step,)]
    return "".join(f"{steps[reason.step].label}: {'; '.join(reason.changes)}\n" for reason in causes)


def step(label: str, *inputs: int, outcome: str = RAN, seconds: float = 1.0, kind: str = "run", **parts: Part) -> Step:
    return Step(kind, label, parts, inputs, outcome=outcome, seconds=seconds)


def build(*steps: Step, failed: bool = False, rebuilt: bool = False) -> Build:
    return Build("sha256:0", 0.0, 1.0, failed, rebuilt, steps)


def kinds(explanation: Explanation) -> list[tuple[str, str, tuple[int, ...]]]:
    return [(explanation.build.steps[one.step].label, one.kind, one.because) for one in explanation.reasons]


LINE = (step("base", kind="image"), step("one", 0), step("two", 1), step("three", 2))


def test_a_first_build_runs_everything_for_no_other_reason() -> None:
    found = compare(None, build(*LINE))
    assert kinds(found) == [(one.label, "first", (number,)) for number, one in enumerate(LINE)]


def test_steps_behind_a_changed_one_cost_for_it() -> None:
    changed = (LINE[0], step("one", 0, cwd="/x"), step("two", 1, seconds=2.5), step("three", 2, cwd="/y", seconds=4.0))
    found = compare(build(*LINE), build(*changed))
    assert kinds(found) == [("one", "changed", (1,)), ("two", "before", (1,)), ("three", "changed", (3,))]
    assert [(cost.step, cost.steps, cost.seconds) for cost in found.costs] == [(3, 1, 4.0), (1, 2, 3.5)]
    assert found.seconds == 7.5


def test_nothing_changed_and_the_engine_forgot() -> None:
    newest = build(LINE[0], replace(LINE[1], outcome=CACHED), *LINE[2:])
    assert kinds(compare(build(*LINE), newest)) == [("two", "lost", (2,)), ("three", "before", (2,))]


def test_what_the_build_before_did_not_reach() -> None:
    broken = build(*LINE[:2], replace(LINE[2], outcome=FAILED), replace(LINE[3], outcome=NOT_REACHED), failed=True)
    newest = build(LINE[0], replace(LINE[1], outcome=CACHED), *LINE[2:])
    assert kinds(compare(broken, newest)) == [("two", "unfinished", (2,)), ("three", "before", (2,))]


def test_a_rebuild_was_asked_for() -> None:
    found = compare(build(*LINE), build(*LINE, rebuilt=True))
    assert [kind for _, kind, _ in kinds(found)] == ["rebuild"] * 3


def test_a_base_image_that_moved_on_is_the_cause_without_having_run() -> None:
    old = step("base", kind="image", reference="x", id="sha256:" + "a" * 64)
    new = step("base", kind="image", reference="x", id="sha256:" + "b" * 64, outcome=CACHED)
    found = compare(build(old, *LINE[1:]), build(new, *LINE[1:]))
    assert kinds(found)[0] == ("base", "changed", (0,))
    assert found.reasons[0].changes == ("the base image is another: sha256:aaaaaaaaaaaa -> sha256:bbbbbbbbbbbb",)
    assert [(cost.step, cost.seconds) for cost in found.costs] == [(0, 4.0)]


def test_many_files_are_told_by_a_few_names() -> None:
    old = step("copy", files={f"{number}": "x" for number in range(40)})
    new = step("copy", files={f"{number}": "y" for number in range(40)})
    (reason,) = compare(build(old), build(new)).reasons
    assert reason.changes == ("40 files: 0 changed, 1 changed, 10 changed, 11 changed, 12 changed, and 35 more",)


def test_without_a_build_there_is_nothing_to_explain() -> None:
    assert explain(History()) is None


@pytest.mark.engine
def test_what_was_changed_is_what_is_told(local: Engine, tmp_path: Path) -> None:
    """One input of a real build at a time; the history is a file in between."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("1")
    (tmp_path / "other").write_text("1")
    path = tmp_path / "state" / "history.json"
    secret = uuid.uuid4().hex
    base = ImageSource(f"ez-test/{uuid.uuid4().hex}:base", note=Note("base"))

    def make_base(content: str) -> None:
        local.build(define(sh(BASE, f"echo {content} >/base")), reference=base.reference)

    def run(variable: str = "old", command: str = "true", salt: str = "") -> list[str]:
        state: State = sh(base, f"echo {secret} >/one", label="first", env=(("TOKEN", f"{secret} {variable}"),))
        source = LocalSource("context")
        for name in ("src", "other"):
            state = Files(state, (CopyAction(source, f"/{name}", f"/{name}"),), Note(f"copy {name}"))
        state = sh(sh(state, f"{command} && cat /src/a.py", label="second"), "echo end", label="third")
        trace = Trace()
        contents = Inputs(tmp_path)
        for name in ("src", "other"):
            contents.add(name)
        definition = replace(define(state, tmp_path), contents=contents.fingerprint())
        local.build(definition, trace=trace, salt=salt)
        remember(path, definition, trace, rebuilt=bool(salt))
        found = explain(read_history(path))
        assert found is not None
        steps = found.build.steps
        assert {step.label for step in steps} >= {"first", "second", "third", "copy src", "copy other"}
        return [
            f"{steps[one.step].label}: {'; '.join(one.changes) or one.kind}"
            + "".join(f" <- {steps[cause].label}" for cause in one.because if cause != one.step)
            for one in found.reasons
            if one.kind != "sent"
        ]

    local.made.append(base.reference)
    make_base("1")
    assert [line for line in run() if not line.startswith("base")] == [
        f"{label}: first" for label in ("first", "copy src", "copy other", "second", "third")
    ]
    assert run() == []
    (tmp_path / "src" / "a.py").write_text("2")
    assert run() == [
        "copy src: file src/a.py changed",
        *(f"{label}: before <- copy src" for label in ("copy other", "second", "third")),
    ]
    behind = ("copy src", "copy other", "second", "third")
    assert run("new") == ["first: variable TOKEN changed", *(f"{label}: before <- first" for label in behind)]
    assert run("new", "true; true") == ["second: the command changed (1 of 2 lines)", "third: before <- second"]
    make_base("2")
    moved, *rest = run("new", "true; true")
    assert re.fullmatch("base: the base image is another: sha256:[0-9a-f]{12} -> sha256:[0-9a-f]{12}", moved)
    assert rest == [f"{label}: before <- base" for label in ("first", *behind)]
    assert run("new", "true; true", salt="again")[0] == "first: rebuild"
    text = path.read_text()
    assert secret not in text
    assert path.stat().st_mode & 0o777 == 0o600
