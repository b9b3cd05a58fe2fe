"""`ez env gate`, which `ez env open` starts: a process that holds the gate to what is served in an environment."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ez.cli.access import environment
from ez.cli.endpoint import ssh_config
from ez.cli.gates import gate_of
from ez.cli.options import ComputerOption
from ez.cli.session import session
from ez.errors import UsageError

if TYPE_CHECKING:
    from ez.env.web.held import Held


def gate(
    name: str,
    compute: ComputerOption = None,
    ide: Annotated[str, typer.Option("--ide", metavar="NAME", help="jupyter or web.")] = "web",
) -> None:
    """Hold the gate to what is served in an environment: what `ez env open` leaves to a process of its own.

    For example: ez env gate hello --ide jupyter
    """
    from ez.env.editors.table import IN_BROWSER
    from ez.env.web.hold import Holder, host_of
    from ez.ssh.config_text import environment_alias

    if ide not in IN_BROWSER:
        raise UsageError("only what is opened in the browser has a gate", f"--ide {' or '.join(IN_BROWSER)}")
    with session("env-gate", quiet=True, project=None) as run:
        record = environment(run, name, compute)
        holder = Holder(
            gate_of(run, record.name, record.computer, ide),
            ["ssh", *ssh_config(run).arguments],
            environment_alias(record.name, record.computer),
            run.settings.environment,
            run.settings.directories.logs / "gate-ssh.log",
            host_of(record.name, sys.platform),
        )
    holder.run()


def start_holder(held: Held) -> None:
    from ez.cli.detach import detach

    detach(["env", "gate", held.environment, "-c", held.computer, "--ide", held.kind])
