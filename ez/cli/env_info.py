"""`ez env info`: an environment as it is now."""

from __future__ import annotations

from dataclasses import dataclass

import typer

from ez.cli.access import connect, environment
from ez.cli.env_ports import Shown, forwarded, line_of
from ez.cli.env_reach import Reach, reach_of
from ez.cli.options import (
    ComputerOption,
    EnvironmentArgument,
    JsonOption,
    OldComputerOption,
    OldEnvironmentOption,
)
from ez.cli.output import clean, print_json
from ez.cli.session import session
from ez.cli.share_print import share_line
from ez.env.shares.model import ShareState
from ez.state import EnvironmentRecord


def info(
    name: EnvironmentArgument = None,
    compute: ComputerOption = None,
    json_output: JsonOption = False,
    old_name: OldEnvironmentOption = None,
    old_computer: OldComputerOption = None,
) -> None:
    """Show an environment as it is now on its computer."""
    from ez.env import manage
    from ez.env.shares.chosen import of_container
    from ez.env.shares.status import states

    with session("env-info", json_output=json_output) as run:
        record = environment(run, name or old_name, compute or old_computer)
        with connect(run, record.computer) as host:
            probe = manage.inspect(host, record.name)
            services = manage.services(host, record.name)
            shares = states(host, record.name, of_container(probe.container))
        status = probe.container.status if probe.container else "missing"
        ports = tuple(forwarded(run, record))
        reach = reach_of(run, record)
        shown = EnvironmentInfo(record, status, probe.sessions, services, shares, ports, reach)
        run.stop_progress()
        if json_output:
            print_json(shown)
            return
        published = [
            f"{port.address}:{port.host} -> {port.container}" + (f" ({port.service})" if port.service else "")
            for port in (probe.container or record).ports
        ]
        rows = (
            ("name", record.name),
            ("computer", record.computer),
            ("status", f"{status}, {probe.sessions} SSH sessions"),
            ("repo", " ".join(part for part in (record.repo, record.ref) if part)),
            ("work tree", f"{record.host_path} on {record.computer}, {record.workdir} inside"),
            ("ssh", f"ssh {record.alias}"),
            ("image", record.image),
            ("ports", ", ".join(published) + f" on {record.computer}" if published else "none"),
            *(("port", line_of(one)) for one in ports),
            ("services", ", ".join(services) or "none"),
            *(("share", share_line(share)) for share in shares),
            *reach.rows,
        )
        for label, value in rows:
            typer.echo(f"{label + ':':<11}{clean(value)}")


@dataclass(frozen=True)
class EnvironmentInfo:
    """`ez env info --json`."""

    environment: EnvironmentRecord
    status: str
    sessions: int
    services: tuple[str, ...]
    shares: tuple[ShareState, ...] = ()
    ports: tuple[Shown, ...] = ()
    home: Reach | None = None
