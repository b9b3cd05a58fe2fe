"""`ez env link`: the connection that is kept to an environment."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

import typer

from ez.cli.access import environment, let_in
from ez.cli.keeping import keep as have_kept
from ez.cli.keeping import keeper_of, records_of
from ez.cli.options import ComputerOption, EnvironmentArgument, JsonOption
from ez.cli.output import clean, print_json, say
from ez.cli.session import session
from ez.errors import EzError, KeeperError

app = typer.Typer(
    help="The connection that is kept to an environment, for your agent, credentials, ports and shares.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_CONNECT_SECONDS = 60.0


@dataclass(frozen=True)
class Link:
    """`ez env link show --json`. `since` is Unix seconds, 0 without a connection; `connections` counts those that this
    keeper made; `trouble` is what it last failed with."""

    environment: str
    computer: str
    kept: bool
    connected: bool
    since: float = 0.0
    connections: int = 0
    trouble: str = ""
    pid: int = 0


@app.command()
def show(name: EnvironmentArgument = None, compute: ComputerOption = None, json_output: JsonOption = False) -> None:
    """Show whether a connection is kept: ez env link show NAME."""
    with session("env-link", json_output=json_output, log=False) as run:
        record = environment(run, name, compute)
        shown = link_of(keeper_of(run, record.name, record.computer).ask, record.name, record.computer)
        run.stop_progress()
        if json_output:
            print_json(shown)
            return
        typer.echo(clean(_words(shown)))


@app.command()
def start(name: EnvironmentArgument = None, compute: ComputerOption = None, json_output: JsonOption = False) -> None:
    """Keep a connection, in the background: ez env link start NAME. `ez env go` does it by itself."""
    with session("env-link", json_output=json_output, log=False) as run:
        record = environment(run, name, compute)
        let_in(run, record.computer)
        keeper = have_kept(run, record.name, record.computer, wait=True)
        keeper.ask("keeper", "wait", str(_CONNECT_SECONDS), timeout=_CONNECT_SECONDS + 10)
        shown = link_of(keeper.ask, record.name, record.computer)
        run.stop_progress()
        if json_output:
            print_json(shown)
        if not shown.connected:
            log = records_of(run, record.name, record.computer) / "keeper.log"
            raise KeeperError(
                f"no connection to `{record.name}` yet: {shown.trouble or 'it takes long'}", f"less {log}"
            )
        if not json_output:
            say(_words(shown))


@app.command()
def stop(name: EnvironmentArgument = None, compute: ComputerOption = None, json_output: JsonOption = False) -> None:
    """End the connection that is kept: ez env link stop NAME. The next `ez env go` keeps one again."""
    with session("env-link", json_output=json_output, log=False) as run:
        record = environment(run, name, compute)
        ended = keeper_of(run, record.name, record.computer).stop()
        run.stop_progress()
        if json_output:
            print_json(Link(record.name, record.computer, kept=False, connected=False))
        else:
            say(f"the connection to `{record.name}` is ended" if ended else f"none was kept to `{record.name}`")


@app.command(hidden=True)
def keep(name: EnvironmentArgument = None, compute: ComputerOption = None) -> None:
    """Be the keeper of a connection, in the foreground, until it is told to stop."""
    from ez.cli.endpoint import ssh_config
    from ez.env.link.keeper import KeeperProcess
    from ez.env.link.places import socket_directory
    from ez.env.link.service import Keep
    from ez.state import State

    with session("env-link", quiet=True, log=False) as run:
        record = environment(run, name, compute)
        directories = run.settings.directories
        kept = Keep(
            environment=record.name,
            computer=record.computer,
            alias=f"{record.name}.{record.computer}.ez",
            sockets=socket_directory(directories.state, record.name, record.computer),
            records=records_of(run, record.name, record.computer),
            home=directories.state,
            ssh=("ssh", *ssh_config(run).arguments),
            variables={key: value for key, value in run.settings.environment.items() if key not in _OF_A_REPO},
        )

    def is_wanted() -> bool:
        try:
            with State(directories.database) as state:
                found = state.environment(kept.environment, kept.computer)
                machine = state.machines.named(kept.computer)
        except EzError:
            return True  # Nobody knows at the moment.
        is_on = machine is None or machine.power in ("running", "starting", "creating")
        return found is not None and found.status == "running" and is_on

    process = KeeperProcess(kept, is_wanted)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: process.stop())
    process.run()


_OF_A_REPO = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX"})
"""What Git gives to its hooks, one of which may have called ez: the keeper serves no repo of this computer."""


def link_of(ask: Callable[..., object], name: str, computer: str) -> Link:
    """How the connection stands; not kept where no keeper answers."""
    try:
        found = ask("keeper", "show")
    except KeeperError:
        return Link(name, computer, kept=False, connected=False)
    told = found if isinstance(found, dict) else {}
    return Link(
        name,
        computer,
        kept=True,
        connected=bool(told.get("connected")),
        since=float(told.get("since", 0.0)),
        connections=int(told.get("connections", 0)),
        trouble=str(told.get("trouble", "")),
        pid=int(told.get("pid", 0)),
    )


def _words(link: Link) -> str:
    if not link.kept:
        return f"no connection is kept to `{link.environment}`: ez env link start {link.environment}"
    if link.connected:
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(link.since))
        return f"a connection to `{link.environment}` is kept since {since}, by process {link.pid}"
    return f"the connection to `{link.environment}` is lost and is tried again: {link.trouble or 'not yet made'}"
