"""What a person asked for an environment on one computer, for the same environment on another: `ez env up`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ez.cli.access import connect
from ez.cli.keeping import allow_first, begin, records_of
from ez.cli.session import Session
from ez.errors import EzError
from ez.events import Notice
from ez.names import shown
from ez.state import EnvironmentRecord

if TYPE_CHECKING:
    from ez.env.go import GoResult
    from ez.env.request import GoRequest
    from ez.env.secrets.wanted import Wanted
    from ez.env.shares.model import Share
    from ez.models import RepoRef


@dataclass(frozen=True)
class Along:
    """`variables` of `--env`, `shares` of the workspace and of `--mount`, `ports` of `--port`, `secrets` it gets."""

    variables: tuple[tuple[str, str], ...] = ()
    shares: tuple[Share, ...] = ()
    ports: Mapping[int, int] = field(default_factory=dict)
    secrets: tuple[Wanted, ...] = ()


def along(run: Session, repo: RepoRef, record: EnvironmentRecord | None, target: str) -> Along:
    """What goes with the environment of `repo` from the computer of `record`, or from the one where it was used last.

    What it has at `target` already counts there, and what it may ask for goes only with the same repo. Raises EzError
    for a share or a secret that cannot be.
    """
    from ez.cli.secret_give import plan_secrets
    from ez.env.shares.chosen import asked

    origin = record or _last(run, repo, target)
    variables, mounts = _of_container(run, origin) if origin is not None and _is_up(run, origin) else ((), ())
    ports: Mapping[int, int] = {}
    if origin is not None and not (records_of(run, repo.name, target) / "allow.json").exists():
        ports = _rights(run, repo, origin, target)
    secrets = plan_secrets(run, repo.name, target, _identity(repo), ())
    if secrets:
        run.sink(Notice(f"gets the secrets {', '.join(f'`{each.name}`' for each in secrets)}"))
    shares = (*asked(run.settings, (), Path.cwd()), *mounts)
    return Along(variables, shares, ports, secrets)


def after_start(run: Session, request: GoRequest, result: GoResult, what: Along) -> None:
    """What `ez env go` does, too, once an environment runs. Raises SecretError."""
    from ez.cli.env_ports import note_ports
    from ez.cli.secret_give import hand_over

    place = (result.environment, result.computer)
    note_ports(run, *place, result.access.ports, what.ports)
    allow_first(run, *place, agent=request.agent, repo=_identity(request.repo))
    begin(run, *place)
    hand_over(run, *place, what.secrets)


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


def _rights(run: Session, repo: RepoRef, origin: EnvironmentRecord, target: str) -> Mapping[int, int]:
    """Give the environment at `target` what it was allowed and gets at `origin`, and tell the ports asked for there."""
    from ez.env.credentials.rules import Rules
    from ez.env.ports.wanted import read_wanted
    from ez.env.secrets.wanted import WantedFile

    before, now = (records_of(run, repo.name, computer) for computer in (origin.computer, target))
    if Rules(before).repo() == _identity(repo):
        Rules(now).begin(_identity(repo), Rules(before).all())
        WantedFile(now).write(WantedFile(before).read())
    return read_wanted(before).asked
