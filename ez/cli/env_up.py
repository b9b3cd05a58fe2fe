"""`ez env up`: take an environment with its work to another computer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ez.cli.access import connect
from ez.cli.env_data import WithDataOption, refuse_data, with_data
from ez.cli.env_migrate import DryRunOption, IncludeOption, TakeOption, Wishes, check_patterns, journey, show
from ez.cli.options import (
    EnvironmentArgument,
    JsonOption,
    OldComputerOption,
    QuietOption,
    VerboseOption,
    YesOption,
)
from ez.cli.session import Session, session
from ez.errors import EzError, UsageError
from ez.state import EnvironmentRecord

if TYPE_CHECKING:
    from ez.env.migrate.journey import Migrated
    from ez.env.migrate.side import Side
    from ez.env.request import GoContext, GoRequest
    from ez.models import RepoRef
    from ez.ssh.host import Host


def up(
    name: EnvironmentArgument = None,
    compute: Annotated[
        str | None, typer.Option("--compute", "-c", metavar="NAME", help="The computer to go to.")
    ] = None,
    from_: Annotated[
        str | None, typer.Option("--from", metavar="NAME", help="The computer it is on, where it is on several.")
    ] = None,
    include: IncludeOption = None,
    data: WithDataOption = False,
    take: TakeOption = None,
    no_start: Annotated[
        bool, typer.Option("--no-start", help="Only bring the work; `ez env go` starts it later.")
    ] = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    json_output: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    old_computer: OldComputerOption = None,
) -> None:
    """Take an environment with all its work to another computer, and start it there. Example, inside a repo:

    ez env up -c gpu1

    Commits that are not pushed, branches, stashes, staged, changed and untracked files, submodules, LFS objects. The
    source stays as it is. What both sides changed is named, and kept as it is on both.
    """
    chosen = compute or old_computer
    if chosen in (None, "local", "."):
        raise UsageError("which computer does it go to?", "ez env up -c NAME; `ez env home` brings it back")
    check_patterns(include)
    with session("env-up", json_output=json_output, quiet=quiet, verbose=verbose, yes=yes) as run:
        record, repo = _meant(run, name, from_, str(chosen))
        with _source(run, record, repo) as source:
            results: list[Migrated] = []
            work = partial(_travel, run, repo, source, Wishes(include, dry_run, take, data=data), results)
            if no_start or dry_run:
                _only_work(run, repo, str(chosen), work, save=not dry_run)
            else:
                _go(run, repo, record, str(chosen), work)
            show(run, *results)
            for result in results:
                refuse_data(result)


def _meant(
    run: Session, name: str | None, computer: str | None, target: str
) -> tuple[EnvironmentRecord | None, RepoRef]:
    """The environment elsewhere that is meant, None for a directory of this computer; and its repo."""
    from ez.env.reference import parse_reference
    from ez.models import RepoRef

    if name is None:
        if computer is not None:
            raise UsageError(
                "--from is for an environment that is named", f"ez env up ENV --from {computer} -c {target}"
            )
        return None, parse_reference(None, Path.cwd())
    here = "local" if computer == "." else computer
    found = [item for item in run.state.environments(here) if item.name == name and item.computer != target]
    there = run.state.environment(name, target)
    if not found and there is not None and there.repo_path and computer is None:
        return None, RepoRef(None, there.repo_path, name)  # From home once more.
    if not found:
        raise EzError(f"no environment `{name}` that could go to `{target}`", "ez env ls")
    if len(found) > 1:
        where = ", ".join(item.computer for item in found)
        raise UsageError(f"`{name}` is on several computers: {where}", f"add --from {found[0].computer}")
    record = found[0]
    repo = RepoRef(record.repo_url or None, None if record.repo_url else record.repo_path, name)
    return (None if record.computer == "local" and record.repo_path else record), repo


@contextmanager
def _source(run: Session, record: EnvironmentRecord | None, repo: RepoRef) -> Iterator[Side]:
    from ez.env.migrate.journey import computer_side, person_side

    if record is None:
        yield person_side(run.settings, Path(repo.path or "."), repo.name)
        return
    with connect(run, record.computer) as host:
        yield computer_side(host, record.name)


def _travel(
    run: Session,
    repo: RepoRef,
    source: Side,
    wishes: Wishes,
    results: list[Migrated],
    host: Host,
) -> str:
    """Raises SourceError where both sides changed the same."""
    from ez.env.migrate.journey import bequeath, computer_side, refuse_conflicts, travel

    way = journey(run, repo.name, source, computer_side(host, repo.name), wishes)
    result = travel(way)
    if repo.path and not source.path and not wishes.dry_run:
        bequeath(run.settings, way, Path(repo.path))
    if wishes.data and not result.conflicts:
        result = with_data(run, way, result)
    results.append(result)
    if result.conflicts and run.json_output:
        show(run, result)
    refuse_conflicts(result)
    return result.words


def _only_work(run: Session, repo: RepoRef, target: str, work: partial[str], *, save: bool) -> None:
    from ez.compute.lock import named_lock
    from ez.env.migrate.keeper import have_keeper
    from ez.events import step

    with (
        named_lock(run.settings.directories.locks, f"{target}.{repo.name}", run.sink),
        connect(run, target) as host,
        step(run.sink, "source", f"Bring {repo.name} to {target}") as report,
    ):
        report.detail = work(host) or "nothing new"
        if save:
            have_keeper(host)
    if save and run.state.environment(repo.name, target) is None:
        place = EnvironmentRecord(
            repo.name, target, repo_url=repo.url or "", repo_path=repo.path or "", status="not started"
        )
        run.state.save_environment(place)


def _go(run: Session, repo: RepoRef, record: EnvironmentRecord | None, target: str, work: partial[str]) -> None:
    """The straight line of `ez env go`, with the work in its place."""
    from ez.cli.compute_create import MachineFlags
    from ez.cli.go_machine import check_asked, have_computer, open_started
    from ez.cli.keeping import allow_as_before
    from ez.cli.line import make_context
    from ez.cli.secret_ask import GoSecrets
    from ez.env.go import go
    from ez.env.request import GoRequest

    flags = MachineFlags()
    run = check_asked(run, target, flags, named=True)
    entry = record.entry if record and record.entry else "build.envd:build"
    request: GoRequest = GoRequest(repo, target, entry, run.settings.flag("defaults.agent"))
    context: GoContext = make_context(run)
    have = partial(have_computer, run, request, context, flags)
    address = repo.url or repo.path or ""
    allow_as_before(run, repo.name, record.computer if record else "local", target, address)
    secrets = GoSecrets(run, repo.name, target, address, ())
    secrets.check()
    connect_ = partial(open_started, run)
    go(request, replace(context, have=have, connect=connect_, migrate=work, secrets=secrets.decide))
    secrets.settle(agent=request.agent)
