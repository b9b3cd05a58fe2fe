"""`ez env agent`: does the person's SSH agent reach into an environment, and who used it?"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from ez.cli.access import environment, let_in
from ez.cli.endpoint import ssh_config
from ez.cli.env_link import Link, link_of
from ez.cli.keeping import keeper_of, records_of
from ez.cli.options import ComputerOption, EnvironmentArgument, JsonOption
from ez.cli.output import clean, print_json, print_table, say
from ez.cli.session import Session, session
from ez.errors import KeeperError
from ez.state import EnvironmentRecord

if TYPE_CHECKING:
    from ez.env.credentials.uses import Use

SOCKET = "/run/ez/agent.sock"
_TEST_SECONDS = 60
_SHOWN = 50


@dataclass(frozen=True)
class Home:
    """The agent of this computer, as the keeper knows it: where it is, empty for none that answers; `waiting` counts
    signatures that wait for the person, to confirm or to touch a key."""

    allowed: bool = False
    socket: str = ""
    keys: int = 0
    waiting: int = 0


@dataclass(frozen=True)
class Inside:
    """What the one socket inside answers: whether at all, with how many keys; `said` where it does not."""

    socket: str
    answers: bool
    keys: int
    said: str = ""


@dataclass(frozen=True)
class AgentState:
    """`ez env agent --json`."""

    environment: str
    computer: str
    link: Link
    home: Home
    inside: Inside


def agent(
    name: EnvironmentArgument = None,
    compute: ComputerOption = None,
    log: Annotated[
        bool, typer.Option("--log", help="Show what was asked for at home, and what became of it, instead.")
    ] = False,
    json_output: JsonOption = False,
) -> None:
    """Show your SSH agent as an environment sees it, and test it: ez env agent NAME."""
    with session("env-agent", json_output=json_output, log=False) as run:
        record = environment(run, name, compute)
        if log:
            _show_uses(run, record, json_output=json_output)
            return
        state = _look(run, record)
        run.stop_progress()
        if json_output:
            print_json(state)
        else:
            for line in _words(state):
                typer.echo(clean(line))
    if state.link.connected and state.home.allowed and state.home.keys and not state.inside.keys:
        raise typer.Exit(1)


def _show_uses(run: Session, record: EnvironmentRecord, *, json_output: bool) -> None:
    from ez.env.credentials.uses import Uses

    uses: tuple[Use, ...] = Uses(records_of(run, record.name, record.computer)).last(_SHOWN)
    run.stop_progress()
    if json_output:
        print_json(uses)
    elif uses:
        print_table(
            ("TIME", "KIND", "OF", "ANSWER"), [(use.time, use.kind, clean(use.name), use.answer) for use in uses]
        )
    else:
        say(f"`{record.name}` has asked for nothing at home")


def _look(run: Session, record: EnvironmentRecord) -> AgentState:
    keeper = keeper_of(run, record.name, record.computer)
    link = link_of(keeper.ask, record.name, record.computer)
    home = Home()
    if link.kept:
        try:
            found = keeper.ask("agent", "show")
        except KeeperError:
            found = None
        told = found if isinstance(found, dict) else {}
        numbers = (int(told.get(name, 0)) for name in ("keys", "waiting"))
        home = Home(bool(told.get("allowed")), str(told.get("socket", "")), *numbers)
    let_in(run, record.computer)
    return AgentState(record.name, record.computer, link, home, _test(run, record))


def _test(run: Session, record: EnvironmentRecord) -> Inside:
    """Asks the socket for its keys, in a session that brings no agent of its own."""
    alias = f"{record.name}.{record.computer}.ez"
    options = ("-o", "ForwardAgent=no", "-o", "BatchMode=yes", "-T")
    command = ["ssh", *ssh_config(run).arguments, *options, "--", alias, f"SSH_AUTH_SOCK={SOCKET} ssh-add -l"]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TEST_SECONDS, check=False, text=True,
            errors="replace",
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return Inside(SOCKET, False, 0, "the environment does not answer")
    keys = len(done.stdout.splitlines()) if done.returncode == 0 else 0
    said = "" if done.returncode in (0, 1) else (done.stderr.strip().splitlines() or [f"code {done.returncode}"])[-1]
    return Inside(SOCKET, done.returncode in (0, 1), keys, said)


def _words(state: AgentState) -> list[str]:
    link, home, inside = state.link, state.home, state.inside
    kept = "kept" if link.connected else "lost, tried again" if link.kept else "not kept: ez env link start"
    at_home = f"{home.keys} keys at {home.socket}" if home.socket else "none that answers"
    if home.waiting:
        at_home += f"; {home.waiting} of its signatures waits for you: confirm it, or touch the key"
    if link.kept and not home.allowed:
        at_home = f"not allowed: ez env allow {state.environment} agent"
    seen = f"{inside.keys} keys at {inside.socket}" if inside.answers else f"none: {inside.said}"
    return [f"connection: {kept}", f"at home:    {at_home if link.kept else 'not asked'}", f"inside:     {seen}"]
