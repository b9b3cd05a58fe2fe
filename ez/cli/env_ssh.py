"""`ez env ssh`: a shell in an environment, or one command; also a shell that outlives the connection."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ez.cli.access import environment, let_in
from ez.cli.endpoint import ssh_config
from ez.cli.entering import LOST, enter, have_started, told_if_stopped
from ez.cli.keeping import again
from ez.cli.options import ComputerOption, EnvironmentArgument, OldComputerOption, OldEnvironmentOption, YesOption
from ez.cli.output import say
from ez.cli.session import Session, confirm, session
from ez.errors import EzError, HostUnreachableError, UsageError
from ez.names import shown
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
        if keep or mosh:
            have_started(run, record, yes=yes)
        if keep:
            code = _keep(run, record, session_name, " ".join(context.args), yes=yes)
        elif mosh:
            code = _mosh(run, record, context.args)
        else:
            code = enter(run, record, _command(context.args, record.name), yes=yes)
    raise typer.Exit(code)


def _command(words: list[str], name: str) -> list[str]:
    """Words that are no option of ez are a command, which begins with none."""
    if words and words[0].startswith("-"):
        raise UsageError(f"no such option: `{shown(words[0])}`", f"ez env ssh {name} -- CMD")
    return words


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
    with told_if_stopped(run, record):
        is_there = shells.has_tmux(way)
    if not is_there:
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
    """By plain OpenSSH where there is no mosh, which is said."""
    from ez.cli.cloud import machine_of
    from ez.env import mosh

    if words:
        raise UsageError("--mosh opens a shell and runs no command", f"ez env ssh {record.name} -- CMD")
    if not sys.stdin.isatty():
        raise UsageError("--mosh needs a terminal", f"ez env ssh {record.name} -- CMD")
    computer = run.state.computer(record.computer)
    if computer is None:
        raise EzError(f"no computer `{record.computer}`", "ez compute ls")
    mosh.check_way(computer, record.name, is_cloud=machine_of(run, computer) is not None)
    let_in(run, record.computer)
    ssh_words = ("ssh", *ssh_config(run).arguments)
    missing = _without_mosh(record.computer, ssh_words)
    run.stop_progress()
    if missing:
        say(f"{missing}, so this is plain ssh; what survives a lost connection too: ez env ssh --keep {record.name}")
        return enter(run, record, ())
    variables = mosh.variables(run.settings.environment)
    mosh.try_out(mosh.mosh_command(computer.name, ssh_words, ["true"]), variables, record.name)
    again(run, record.name, record.computer)
    inside = mosh.shell_words(record.name, record.workdir, "envd")
    return subprocess.run(mosh.mosh_command(computer.name, ssh_words, inside), env=variables, check=False).returncode


def _without_mosh(computer: str, ssh_words: tuple[str, ...]) -> str:
    """Where mosh is not; empty where it is on both sides. Raises HostUnreachableError."""
    if shutil.which("mosh") is None:
        return "mosh is not installed here"
    code = _call([*ssh_words, "-T", "--", f"ez-{computer}", "command -v mosh-server >/dev/null"])
    if code == LOST:
        raise HostUnreachableError(f"`{computer}` cannot be reached", f"ez compute info {computer}")
    return f"no mosh-server on `{computer}` (Debian's package is mosh)" if code else ""
