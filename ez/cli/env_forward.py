"""`ez env forward`: ports of an environment, reached here."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from ez.cli.access import environment, let_in
from ez.cli.endpoint import ssh_config
from ez.cli.entering import told_if_stopped
from ez.cli.env_ports import Shown, forwards_of
from ez.cli.keeping import keep
from ez.cli.options import ComputerOption, JsonOption
from ez.cli.output import clean, print_json, say
from ez.cli.session import Session, session
from ez.errors import UsageError
from ez.state import EnvironmentRecord


def forward(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME] [PORT[:HERE]]...", help="The environment, and ports of it; all if left out."),
    ] = None,
    compute: ComputerOption = None,
    background: Annotated[
        bool, typer.Option("--background", "-b", help="By the connection that is kept, now and after each start.")
    ] = False,
    stop: Annotated[bool, typer.Option("--stop", help="No longer forward these ports in the background.")] = False,
    json_output: JsonOption = False,
) -> None:
    """Reach ports of an environment here, until Ctrl-C: ez env forward NAME 8888, or 8888:9000 for port 9000 here.

    Without a port, each one that a program opens inside. A port that is taken here gets another one.
    """
    from ez.env.ports.wanted import parse_port

    name, texts = _split(words or [])
    asked = dict(parse_port(text) for text in texts)
    if background and stop:
        raise UsageError("--background and --stop exclude one another", "use one of them")
    if (background or stop) and not asked:
        raise UsageError("which port?", "ez env forward NAME 8888 --background")
    with session("env-forward", json_output=json_output, log=False) as run:
        record = environment(run, name, compute)
        let_in(run, record.computer)
        if background or stop:
            _by_keeper(run, record, asked, stop=stop)
        else:
            run.stop_progress()
            with told_if_stopped(run, record):
                _in_foreground(run, record, asked)


def _split(words: list[str]) -> tuple[str | None, list[str]]:
    """A name, where the first word is none of a port; an environment called `8888` is given as `8888 8888`."""
    is_port = not words or words[0].replace(":", "").isdigit()
    if is_port and not (len(words) > 1 and words[0].isdigit() and words[0] == words[1]):
        return None, words
    return words[0], words[1:]


def _by_keeper(run: Session, record: EnvironmentRecord, asked: dict[int, int], *, stop: bool) -> None:
    keeper = keep(run, record.name, record.computer, wait=True)
    found: list[Shown] = []
    for port, here in asked.items():
        if stop:
            keeper.ask("ports", "drop", str(port))
        else:
            found += forwards_of(keeper, "want", f"{port}:{here}" if here else str(port))
    run.stop_progress()
    if run.json_output:
        print_json(found)
        return
    for one in found:
        typer.echo(_line(one["port"], one["here"], one["url"]))
    if stop:
        say(f"no longer forwarded: {', '.join(map(str, asked))}")


def _line(port: int, here: int, url: str) -> str:
    other = "" if port == here else f" (port {here} here)"
    return clean(f"{port} inside is {url}{other}")


def _in_foreground(run: Session, record: EnvironmentRecord, asked: dict[int, int]) -> None:
    from ez.env.link.service import Keep
    from ez.env.ports.forwards import Forward
    from ez.env.ports.holding import hold_open
    from ez.env.ports.wanted import Wanted, of_environment, parse_hosts

    def tell(one: Forward) -> None:
        if run.json_output:
            print_json(one)
        else:
            typer.echo(_line(one.port, one.here, one.url))

    alias, state = f"{record.name}.{record.computer}.ez", run.settings.directories.state
    with tempfile.TemporaryDirectory(prefix="ez-", dir="/tmp") as folder:
        place = Path(folder)
        ssh = ("ssh", *ssh_config(run).arguments)
        kept = Keep(record.name, record.computer, alias, place, place, state, ssh, run.settings.environment)
        hosts, is_here = parse_hosts(run.settings.text("link.hosts")), record.computer == "local"
        published = of_environment(Wanted(), record.ports, is_here=is_here, asked={}, hosts=hosts)
        hold_open(kept, asked, published, tell=tell, say=say)
