"""The connections that are kept to environments, as commands use them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ez.cli.session import Session
from ez.errors import EzError
from ez.events import Notice

if TYPE_CHECKING:
    from ez.env.link.client import Keeper


def keeper_of(run: Session, environment: str, computer: str) -> Keeper:
    from ez.env.link.client import Keeper

    return Keeper(environment, computer, run.settings.directories.state)


def records_of(run: Session, environment: str, computer: str) -> Path:
    """The directory of the keeper's files that last."""
    from ez.env.link.places import records

    return records(run.settings.directories.state, environment, computer)


def allow_first(run: Session, environment: str, computer: str, *, agent: bool, repo: str) -> None:
    """What an environment may ask for before anybody said more: the agent as `agent` says, and the repo's own server
    where that is one over https. What another repo of the name was allowed, and got, is forgotten. Raises ConfigError.
    """
    from ez.env.credentials.rules import Rule, Rules, server_of
    from ez.env.secrets.wanted import WantedFile

    records = records_of(run, environment, computer)
    rules = Rules(records)
    if rules.repo() != repo:
        server = server_of(repo)
        rules.begin(repo, [*([Rule("agent")] if agent else []), *([Rule("git", server)] if server else [])])
        WantedFile(records).write(())
    elif not agent:
        rules.change(remove=[Rule("agent")])


def allow_as_before(run: Session, environment: str, before: str, computer: str, repo: str) -> None:
    """An environment that goes from the computer `before` to another one, and was not there yet, may ask for what it
    was allowed, and gets the secrets that it had. Raises ConfigError."""
    from ez.env.credentials.rules import Rules
    from ez.env.secrets.wanted import WantedFile

    old, new = records_of(run, environment, before), records_of(run, environment, computer)
    if Rules(new).repo() is None and Rules(old).repo() == repo:
        Rules(new).begin(repo, Rules(old).all())
        WantedFile(new).write(WantedFile(old).read())


def begin(run: Session, environment: str, computer: str) -> None:
    """Have a connection kept to an environment that was just opened, unless the person wants none. What fails here is
    told and does not fail the command."""
    try:
        if run.settings.flag("link.keep"):
            keep(run, environment, computer, wait=False)
    except (EzError, OSError) as error:
        run.sink(Notice(f"no connection is kept to `{environment}`: {error}", "warning"))


def again(run: Session, environment: str, computer: str) -> None:
    """The same for one that was opened before, as after a restart of this computer; silent where it cannot be."""
    from ez.cli.detach import detach
    from ez.env.shares.home import serve_again

    serve_again(run.settings, environment, computer, detach)
    if run.settings.flag("link.keep") and (records_of(run, environment, computer) / "allow.json").exists():
        with suppress(EzError, OSError):
            keep(run, environment, computer, wait=False)


def keep(run: Session, environment: str, computer: str, *, wait: bool) -> Keeper:
    """Have a keeper run, and know the agent that is announced here. Raises KeeperError."""
    from ez.cli.detach import detach
    from ez.cli.endpoint import ssh_config
    from ez.env.link.announced import announced
    from ez.env.link.client import ensure_keeper

    keeper = keeper_of(run, environment, computer)
    if not ensure_keeper(keeper, detach, wait=wait):
        words = ("ssh", *ssh_config(run).arguments)
        keeper.ask("agent", "use", announced(words, f"{environment}.{computer}.ez", run.settings.environment))
    return keeper


def end(run: Session, environment: str, computer: str, *, forget: bool = False) -> None:
    """End the connection that is kept, if there is one; with `forget` also what was allowed and recorded."""
    keeper_of(run, environment, computer).stop()
    if forget:
        import shutil

        shutil.rmtree(records_of(run, environment, computer), ignore_errors=True)
