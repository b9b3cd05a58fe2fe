"""`ez env agent`: does the person's SSH agent reach into an environment, and who used it?"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from ez.cli.access import environment, let_in
from ez.cli.endpoint import ssh_config
from ez.cli.env_link import Link
from ez.cli.env_reach import Home, agent_words, link_words, look_home
from ez.cli.keeping import records_of
from ez.cli.options import ComputerOption, EnvironmentArgument, JsonOption
from ez.cli.output import clean, print_json, print_table, say
from ez.cli.session import Session, session
from ez.state import EnvironmentRecord

if TYPE_CHECKING:
    from ez.env.credentials.uses import Use

SOCKET = "/run/ez/agent.sock"
_LACKING = "its image has no Perl, which the socket needs: add `perl` to the packages of the build file"
_TEST = (
    f"[ -e {SOCKET} ] || command -v perl >/dev/null || {{ echo '{_LACKING}' >&2; exit 3; }}; "
    f"SSH_AUTH_SOCK={SOCKET} ssh-add -l"
)
_TEST_SECONDS = 60
_SHOWN = 50


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
    link, home = look_home(run, record)
    let_in(run, record.computer)
    return AgentState(record.name, record.computer, link, home, _test(run, record))


def _test(run: Session, record: EnvironmentRecord) -> Inside:
    """Asks the socket for its keys, in a session that brings no agent of its own."""
    alias = f"{record.name}.{record.computer}.ez"
    options = ("-o", "ForwardAgent=no", "-o", "BatchMode=yes", "-T")
    command = ["ssh", *ssh_config(run).arguments, *options, "--", alias, _TEST]
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
    seen = f"{inside.keys} keys at {inside.socket}" if inside.answers else f"none: {inside.said}"
    return [f"connection: {link_words(link)}", f"at home:    {agent_words(link, home)}", f"inside:     {seen}"]
