"""What a person asked for an environment on one computer, for the same environment on another: `ez env up`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ez.cli.access import connect
from ez.cli.keeping import records_of
from ez.cli.session import Session
from ez.errors import EzError
from ez.events import Notice
from ez.names import shown
from ez.state import EnvironmentRecord

if TYPE_CHECKING:
    from ez.env.shares.model import Share
    from ez.models import RepoRef


@dataclass(frozen=True)
class Along:
    """From the computer `origin`, empty for none: `variables` of `--env`, `shares` of the workspace and of `--mount`,
    `ports` of `--port`."""

    origin: str = ""
    variables: tuple[tuple[str, str], ...] = ()
    shares: tuple[Share, ...] = ()
    ports: Mapping[int, int] = field(default_factory=dict)


def along(run: Session, repo: RepoRef, record: EnvironmentRecord | None, target: str) -> Along:
    """What goes with the environment of `repo` from the computer of `record`, or from the one where it was used last.

    What it has at `target` already counts there. Raises UsageError for a share that cannot be.
    """
    from ez.env.ports.wanted import read_wanted
    from ez.env.shares.chosen import asked

    workspace = asked(run.settings, (), Path.cwd())
    origin = record or _last(run, repo, target)
    if origin is None:
        return Along(shares=workspace)
    variables, mounts = _of_container(run, origin) if _is_up(run, origin) else ((), ())
    is_new = not (records_of(run, repo.name, target) / "allow.json").exists()
    ports = read_wanted(records_of(run, origin.name, origin.computer)).asked if is_new else {}
    return Along(origin.computer, variables, (*workspace, *mounts), ports)


def _identity(repo: RepoRef) -> str:
    return repo.url or repo.path or ""


def _last(run: Session, repo: RepoRef, target: str) -> EnvironmentRecord | None:
    found = [
        item
        for item in run.state.environments(None)
        if item.name == repo.name and item.computer != target and item.repo == _identity(repo)
    ]
    return max(found, key=lambda item: item.updated, default=None)


def _is_up(run: Session, origin: EnvironmentRecord) -> bool:
    """Whether it has a container that can be asked without starting a machine of a cloud, which costs."""
    from ez.cli.cloud import machine_of
    from ez.compute.ensure import ensure

    return bool(origin.container) and machine_of(run, ensure(origin.computer, run.state)) is None


def _of_container(run: Session, origin: EnvironmentRecord) -> tuple[tuple[tuple[str, str], ...], tuple[Share, ...]]:
    """Of what was asked for on a line; nothing where the computer cannot be asked."""
    from ez.env import manage
    from ez.env.shares.chosen import of_container

    try:
        with connect(run, origin.computer) as host:
            container = manage.inspect(host, origin.name).container
    except EzError as error:
        run.sink(Notice(f"its variables and shares on `{origin.computer}` stay there: {error.message}", "warning"))
        return (), ()
    if container is None:
        return (), ()
    shares = [share for share in of_container(container) if share.flagged]
    return container.extra, tuple(_elsewhere(run, origin.computer, shares))


def _elsewhere(run: Session, computer: str, shares: Iterable[Share]) -> Iterator[Share]:
    """As another computer has them: a folder of this one is brought there, one of that one stays."""
    from ez.env.shares.model import FOLDER, LOCAL

    for share in shares:
        if share.kind == FOLDER and share.text.startswith(f"{LOCAL}:"):
            yield replace(share, kind=LOCAL)
        elif share.kind == FOLDER:
            run.sink(Notice(f"a folder of `{computer}` stays there: `{shown(share.pair)}`", "warning"))
        else:
            yield share
