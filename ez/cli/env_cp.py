"""`ez env cp`: files into and out of environments."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ez.cli.access import environment, let_in
from ez.cli.endpoint import ssh_config
from ez.cli.entering import told_if_stopped
from ez.cli.options import ComputerOption, JsonOption, QuietOption
from ez.cli.output import print_json, say
from ez.cli.session import Progress, Session, session
from ez.errors import UsageError
from ez.state import EnvironmentRecord

if TYPE_CHECKING:
    from ez.env.copy.way import Way

PROGRESS: tuple[Progress, ...] = ("auto", "plain", "json", "quiet")


def cp(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="SRC... DST", help="A path here, ENV:PATH, or :PATH in this directory's environment."),
    ] = None,
    compute: ComputerOption = None,
    progress: Annotated[
        str, typer.Option("--progress", metavar="HOW", help="How to show progress: auto, plain, json or quiet.")
    ] = "auto",
    checksum: Annotated[
        bool, typer.Option("--checksum", help="Compare what is in files of one size, whatever their times say.")
    ] = False,
    json_output: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Copy files and directories into an environment or out of it: ez env cp results.csv my-env:data/

    A path there begins in the environment's work directory, or with / or ~/. A copy that was interrupted goes on
    where it stopped; what is the same on both sides does not travel. Links inside a directory stay links.
    """
    from ez.env.copy.ends import parse_route
    from ez.env.copy.run import copy
    from ez.env.copy.work import Tally
    from ez.events import step

    how = next((known for known in PROGRESS if known == progress), None)
    if how is None:
        raise UsageError(f"not a value of --progress: `{progress}`", f"use one of {', '.join(PROGRESS)}")
    route = parse_route(paths or [])
    with session("env-cp", json_output=json_output, quiet=quiet, progress=how) as run:
        record = environment(run, route.environment or None, compute)
        let_in(run, record.computer)
        started = time.monotonic()
        with step(run.sink, "copy", f"Copy {'into' if route.sends else 'out of'} {record.name}") as report:
            with told_if_stopped(run, record):
                done = copy(route, way_to(run, record), Tally(run.sink), _mask(), checksum=checksum)
            report.detail = f"{done.files} files, {done.bytes / 1e6:.1f} MB; {done.unchanged} were there already"
        run.stop_progress()
        for path, reason in done.left_out:
            say(f"left out: {path.encode('unicode_escape').decode()}: {reason}")
        if json_output:
            print_json(
                {
                    "environment": record.name,
                    "computer": record.computer,
                    "copied": done,
                    "seconds": round(time.monotonic() - started, 3),
                }
            )


def way_to(run: Session, record: EnvironmentRecord) -> Way:
    """The environment by its alias, with OpenSSH."""
    from ez.env.copy.way import Way
    from ez.ssh.quoting import command_line

    ssh = ("ssh", *ssh_config(run).arguments, "-a", "-T", "-o", "BatchMode=yes", "-o", "ClearAllForwardings=yes")
    alias = f"{record.name}.{record.computer}.ez"

    def argv(words: Sequence[str]) -> Sequence[str]:
        return (*ssh, "--", alias, command_line(words))

    return Way((*ssh, "-s", "--", alias, "sftp"), argv, record.workdir, run.settings.environment)


def _mask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
