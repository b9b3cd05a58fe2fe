"""`ez build explain`: why the steps of the last build ran, and what that cost."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import typer

from ez.build.explain.reasons import BEFORE, FIRST, LOST, REBUILD, SENT, UNFINISHED, Explanation, Reason, explain
from ez.build.explain.record import CACHED, FAILED, RAN, read_history
from ez.cli.output import clean, print_json, print_table
from ez.cli.quantities import counted, show_span
from ez.cli.session import session
from ez.config import Settings
from ez.env.kept import histories, history_path
from ez.env.reference import parse_reference
from ez.env.steps import count_steps
from ez.errors import EzError
from ez.names import check_name, shown

_WIDEST = 90
"""Columns of a reason; `--json` has all of it."""

_WHY = {
    FIRST: "there was no build before it on this computer",
    REBUILD: "--no-cache asked for it",
    UNFINISHED: "the build before did not finish it",
    LOST: "nothing changed; the engine had forgotten its result",
    SENT: "files are compared on each build",
}


@dataclass(frozen=True)
class ExplainedStep:
    """A step that ran. `why` is one of the words of `ez.build.explain.reasons`, `changes` say what differs from the
    build before, `because` are the steps whose change made it run."""

    step: str
    file: str
    line: int
    platform: str
    why: str
    changes: tuple[str, ...]
    because: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class ExplainedCost:
    """What a change cost: seconds of all the steps that ran because of it."""

    step: str
    steps: int
    seconds: float


@dataclass(frozen=True)
class Explained:
    """`ez build explain --json`. `at` is when the build began, in Unix seconds, `seconds` how long it took;
    `executed`, `cached` and `failures` count steps."""

    environment: str
    computer: str
    at: float
    seconds: float
    failed: bool
    executed: int
    cached: int
    failures: int
    steps: tuple[ExplainedStep, ...]
    costs: tuple[ExplainedCost, ...]


def run_explain(named: str | None, computer: str | None, *, json_output: bool) -> None:
    with session("build-explain", json_output=json_output, quiet=True, log=False) as run:
        found = run.settings.text("defaults.computer") if computer is None else computer
        place = "local" if found == "." else found
        environment, path = _find(named, place, run.settings)
        explanation = explain(read_history(path)) if path is not None else None
        if explanation is None:
            raise _nothing(environment, place, run.settings)
        explained = _explained(environment, place, explanation)
    if json_output:
        print_json(explained)
    else:
        _show(explained)


def _find(named: str | None, computer: str, settings: Settings) -> tuple[str, Path | None]:
    """The name and the file of an environment: given as such, or by its directory or address."""
    if named is None or "/" in named or Path(named).is_dir():
        repo = parse_reference(named, Path.cwd())
        return repo.name, history_path(settings, computer, repo)
    paths = [path for place, path in histories(settings, check_name("environment", named)) if place == computer]
    if len(paths) > 1:
        raise EzError(f"{len(paths)} repos are called `{named}` on `{computer}`", "ez build explain DIRECTORY")
    return named, paths[0] if paths else None


def _nothing(environment: str, computer: str, settings: Settings) -> EzError:
    others = [place for place, _ in histories(settings, environment) if place != computer]
    hint = f"ez build explain {environment} -c {others[0]}" if others else "ez build, or ez env go, makes one"
    return EzError(f"no build of `{shown(environment)}` on `{shown(computer)}` is known", hint)


def _explained(environment: str, computer: str, found: Explanation) -> Explained:
    steps = found.build.steps

    def told(reason: Reason) -> ExplainedStep:
        step = steps[reason.step]
        because = tuple(steps[one].label for one in reason.because if one != reason.step)
        where = (step.file, step.line, step.platform)
        return ExplainedStep(step.label, *where, reason.kind, reason.changes, because, reason.seconds)

    return Explained(
        environment=environment,
        computer=computer,
        at=found.build.at,
        seconds=found.build.seconds,
        failed=found.build.failed,
        executed=count_steps(found.build, RAN),
        cached=count_steps(found.build, CACHED),
        failures=count_steps(found.build, FAILED),
        steps=tuple(told(reason) for reason in found.reasons),
        costs=tuple(ExplainedCost(steps[cost.step].label, cost.steps, cost.seconds) for cost in found.costs),
    )


def _show(found: Explained) -> None:
    ended = f"{'failed' if found.failed else 'ended'} {show_span(time.time() - found.at - found.seconds)} ago"
    took = f"{found.environment} on {found.computer}: {ended}, took {found.seconds:.1f} s"
    ran = [one for one in found.steps if one.why != SENT]
    typer.echo(f"{took}; {counted(found.executed, found.cached, found.failures)}")
    if ran:
        rows = [
            (one.step, f"{one.file}:{one.line}" if one.file else "", _why(one), f"{one.seconds:.1f}") for one in ran
        ]
        print_table(("STEP", "WHERE", "WHY", "SECONDS"), rows)
    for cost in found.costs[:1]:
        if cost.steps > 1:
            typer.echo(f"most of it because of: {clean(cost.step)} ({cost.seconds:.1f} s in {cost.steps} steps)")


def _why(step: ExplainedStep) -> str:
    if step.why == BEFORE:
        why = "after " + ", ".join(step.because)
    else:
        why = "; ".join(step.changes) or _WHY.get(step.why, step.why)
    return why if len(why) <= _WIDEST else f"{why[: _WIDEST - 1]}…"
