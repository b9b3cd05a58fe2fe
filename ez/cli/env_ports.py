"""`ez env ports`: which ports of an environment are reached here, and where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from ez.cli.access import environment, let_in
from ez.cli.entering import refuse_stopped, told_if_stopped
from ez.cli.env_ssh import door
from ez.cli.keeping import keep, keeper_of, records_of
from ez.cli.options import ComputerOption, EnvironmentArgument, JsonOption
from ez.cli.output import clean, print_json, print_table, say
from ez.cli.session import Session, session
from ez.errors import EzError, HostUnreachableError
from ez.events import Notice
from ez.models import Port
from ez.state import EnvironmentRecord

if TYPE_CHECKING:
    from ez.env.link.client import Keeper
    from ez.env.ports.forwards import Why

Shown = Mapping[str, Any]
"""A forward as the keeper tells it: the fields of `ez.env.ports.forwards.Forward`."""


def ports(name: EnvironmentArgument = None, compute: ComputerOption = None, json_output: JsonOption = False) -> None:
    """List an environment's ports and their addresses here: ez env ports NAME

    While a connection is kept (`ez env link`), each port that a program opens inside is forwarded by itself.
    """
    with session("env-ports", json_output=json_output, log=False) as run:
        record = environment(run, name, compute)
        refuse_stopped(run, record)
        keeper = keeper_of(run, record.name, record.computer)
        kept = keeper.runs()
        found = forwards_of(keeper, "list") if kept else _seen(run, record)
        run.stop_progress()
        if json_output:
            print_json(found)
            return
        if found:
            print_table(("PORT", "ADDRESS", "PROGRAM", "WHY"), [_row(one) for one in found])
        else:
            say(f"no program of `{record.name}` listens on a port")
        if not kept and any(not one["here"] and one["why"] != "left" for one in found):
            say(f"no connection is kept, so these ports are not forwarded: ez env link start {record.name}")


def forwarded(run: Session, record: EnvironmentRecord) -> list[Shown]:
    """What the connection that is kept has here now, nothing where none is kept; for other commands that tell of it."""
    keeper = keeper_of(run, record.name, record.computer)
    with suppress(EzError):
        return forwards_of(keeper, "list") if keeper.runs() else []
    return []


def line_of(one: Shown) -> str:
    """A forward as other commands tell it."""
    port, address, program, why = _row(one)
    return f"{port} inside is {address} ({why}, {program})" if one["here"] else f"{port} inside: {program}, {why}"


def _row(one: Shown) -> tuple[str, ...]:
    if one["why"] == "left":
        return str(one["port"]), "-", str(one["program"]), f"not forwarded: {one.get('reason', '')}"
    address = str(one["url"]) or "-"
    moved = f" ({one['port']} is taken here)" if one["here"] not in (0, one["port"]) and one["why"] != "asked" else ""
    program = str(one["program"]) if one["listens"] else "nothing listens"
    return str(one["port"]), address + moved, program, str(one["why"])


def forwards_of(keeper: Keeper, *words: str) -> list[Shown]:
    """The keeper's answer to a request of its ports; validated, since another version of ez may run there."""
    found = keeper.ask("ports", *words)
    listed = found if isinstance(found, list) else [found]
    keys = {"port", "here", "url", "why", "program", "listens"}
    return [one for one in listed if isinstance(one, dict) and keys <= one.keys()]


def _seen(run: Session, record: EnvironmentRecord) -> list[Shown]:
    """What listens inside now, found by one look; published ports are reached here without a connection."""
    from ez.env.ports.forwards import Forward
    from ez.env.ports.watching import REASONS, parse_line, watch_words

    let_in(run, record.computer)
    with told_if_stopped(run, record):
        done = door(run, record).run(watch_words("once"), 30)
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
            raise HostUnreachableError(f"`{record.name}` cannot be entered: {' '.join(said)}", "ez doctor")
    published = {port.container: port.host for port in record.ports if record.computer == "local"}
    found: list[Shown] = []
    for listener in parse_line(done.stdout.decode("ascii", "replace")):
        here = published.get(listener.port, 0) if listener.family == 0 else 0
        url = f"http://{record.name}.localhost:{here}" if here else ""
        why: Why = "published" if here else "left" if listener.reason else "opened"
        reason = REASONS.get(listener.reason, "")
        found.append(asdict(Forward(listener.port, here, url, why, listener.program, listens=True, reason=reason)))
    return found


def note_ports(run: Session, name: str, computer: str, listed: Sequence[Port], asked: Mapping[int, int]) -> None:
    """Remember what an environment that was just started wants forwarded, for the keeper that is started next."""
    from ez.env.ports.wanted import of_environment, parse_hosts, read_wanted, write_wanted

    records = records_of(run, name, computer)
    before = read_wanted(records)
    follows, hosts = run.settings.flag("link.ports"), parse_hosts(run.settings.text("link.hosts"))
    after = of_environment(before, listed, is_here=computer == "local", asked=asked, follows=follows, hosts=hosts)
    if after != before:
        write_wanted(records, after)


def addresses(run: Session, name: str, computer: str, asked: Mapping[int, int]) -> dict[int, str]:
    """Where ports are reached here, by their numbers inside. Waits for a keeper only where the person `asked` for some
    or the build file exposes any."""
    from ez.env.ports.wanted import read_wanted

    keeper = keeper_of(run, name, computer)
    exposed = run.settings.flag("link.keep") and read_wanted(records_of(run, name, computer)).exposed
    try:
        if asked or exposed:
            keep(run, name, computer, wait=True)
        elif not keeper.runs():
            return {}
        meant = [one for one in forwards_of(keeper, "reload") if one["why"] in ("asked", "exposed", "published")]
        return {int(one["port"]): str(one["url"]) for one in meant}
    except EzError as error:
        run.sink(Notice(f"ports of `{name}` are not forwarded: {error.message}", "warning"))
        return {}


def show_addresses(found: Mapping[int, str], asked: Mapping[int, int]) -> None:
    """Lines below those of `ez env go`."""
    for port, url in sorted(found.items()):
        typer.echo(f"  port:   {port} inside is {clean(url)}")
    for port in sorted(asked.keys() - found.keys()):
        say(f"port {port} is not forwarded: ez env forward {port} tells why")
