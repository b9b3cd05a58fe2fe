"""`ez env ssh`: a shell in an environment, or one command; also a shell that outlives the connection."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ez.cli.access import environment, exec_ssh, let_in
from ez.cli.endpoint import ssh_config
from ez.cli.keeping import again
from ez.cli.options import ComputerOption, EnvironmentArgument, OldComputerOption, OldEnvironmentOption, YesOption
from ez.cli.output import say
from ez.cli.session import Session, confirm, session
from ez.errors import EzError, UsageError
from ez.state import EnvironmentRecord

if TYPE_CHECKING:
    from ez.env.shells import Door

_CALM = "\x1b[?1049l\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[0m\r"
"""What a program that was cut off has left a terminal in, undone: other screen, no cursor, mouse, paste marks."""


def ssh(
    context: typer.Context,
    name: EnvironmentArgument = None,
    compute: ComputerOption = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="A tmux session: it outlives a lost connection, and is entered again.")
    ] = False,
    session_name: Annotated[str, typer.Option("--session", metavar="NAME", help="Which session, with --keep.")] = "ez",
    mosh: Annotated[
        bool, typer.Option("--mosh", help="By mosh, where it is here and on the computer, and UDP 60000-61000 is open.")
    ] = False,
    yes: YesOption = False,
    old_name: OldEnvironmentOption = None,
    old_computer: OldComputerOption = None,
) -> None:
    """Open a shell in an environment, or run a command: ez env ssh NAME -- CMD. Its exit code is passed through.

    With --keep what you do goes on while you are away: ez env ssh --keep NAME
    """
    if keep and mosh:
        raise UsageError("--keep and --mosh exclude one another", "use --keep")
    if session_name != "ez" and not keep:
        raise UsageError("--session is for --keep", "add --keep")
    with session("env-ssh", quiet=True, log=False) as run:
        record = environment(run, name or old_name, compute or old_computer)
        if keep:
            code = _keep(run, record, session_name, " ".join(context.args), yes=yes)
        elif mosh:
            code = _mosh(run, record, context.args)
        else:
            code = exec_ssh(run, record, context.args)
    raise typer.Exit(code)


def door(run: Session, record: EnvironmentRecord) -> Door:
    from ez.env.shells import Door

    config = ssh_config(run)
    return Door(
        f"{record.name}.{record.computer}.ez",
        ("ssh", *config.arguments),
        run.settings.environment,
        lambda: config.close_master(f"ez-{record.computer}"),
    )


def _keep(run: Session, record: EnvironmentRecord, name: str, line: str, *, yes: bool) -> int:
    from ez.env import shells

    shells.check_session(name)
    if not sys.stdin.isatty():
        raise UsageError("--keep needs a terminal", f"ez env ssh {record.name} -- CMD")
    let_in(run, record.computer)
    way = door(run, record)
    run.stop_progress()
    if not shells.has_tmux(way):
        confirm(f"`{record.name}` has no tmux, which --keep needs; install it there now?", yes=yes)
        shells.install_tmux(way)
    again(run, record.name, record.computer)
    return shells.keep(way, name, record.workdir, line, tell=_tell_calmly, call=_call)


def _tell_calmly(text: str) -> None:
    if sys.stdout.isatty():
        sys.stdout.write(_CALM)
        sys.stdout.flush()
    say(text)


def _call(command: list[str]) -> int:
    return subprocess.run(command, check=False).returncode


def _mosh(run: Session, record: EnvironmentRecord, words: list[str]) -> int:
    from ez.cli.cloud import machine_of
    from ez.env import shells

    if words:
        raise UsageError("--mosh opens a shell and runs no command", f"ez env ssh {record.name} -- CMD")
    computer = run.state.computer(record.computer)
    if computer is None:
        raise EzError(f"no computer `{record.computer}`", "ez compute ls")
    ssh_words = ("ssh", *ssh_config(run).arguments)
    is_cloud = machine_of(run, computer) is not None
    command = shells.mosh_command(computer, record.name, record.workdir, "envd", ssh_words, is_cloud=is_cloud)
    if shutil.which("mosh") is None:
        raise EzError("mosh is not on PATH", "install mosh here, or use --keep")
    let_in(run, record.computer)
    if _call([*ssh_words, "-T", "--", f"ez-{computer.name}", "command -v mosh-server >/dev/null"]):
        raise EzError(f"no mosh-server on `{computer.name}`", f"install mosh there: ez compute ssh {computer.name}")
    again(run, record.name, record.computer)
    run.stop_progress()
    return _call(command)
