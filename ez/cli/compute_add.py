"""`ez compute add`: a machine that the person has."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ez.cli.access import open_computer, publish_computer
from ez.cli.endpoint import config_file
from ez.cli.options import JsonOption
from ez.cli.output import print_json, say
from ez.cli.session import Session, confirm, session
from ez.errors import HostKeyError, UsageError
from ez.models import Computer, SshEndpoint
from ez.names import check_name
from ez.providers.byo import OwnMachines, parse_address


def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it.")],
    destination: Annotated[str, typer.Argument(metavar="USER@HOST[:PORT]", help="As OpenSSH knows it.")],
    identity: Annotated[str | None, typer.Option("--identity", metavar="FILE", help="A private key file.")] = None,
    host_key: Annotated[
        str | None, typer.Option("--host-key", metavar="SHA256:...", help="The key's fingerprint, known beforehand.")
    ] = None,
    update_key: Annotated[
        bool, typer.Option("--update-key", help="The machine got a new host key: confirm and pin that one.")
    ] = False,
    json_output: JsonOption = False,
) -> None:
    """Add a machine that you reach over SSH; its host key is confirmed once and pinned."""
    from ez.compute.listing import place

    check_name("computer", name)
    if name == "local":
        raise UsageError("`local` is this computer", "choose another name")
    endpoint = parse_address(destination, _identity(identity))
    with session("compute-add", json_output=json_output) as run:
        existing = run.state.computer(name)
        if existing is not None and not update_key and place(existing) != place(Computer(name, "byo", endpoint)):
            raise UsageError(f"`{name}` is another machine: {place(existing)}", f"ez compute delete {name}")
        keys = _confirmed_keys(run, endpoint, host_key, fresh=update_key)
        pinned = SshEndpoint(endpoint.host, endpoint.port, endpoint.user, endpoint.identity, keys)
        computer = Computer(name, "byo", pinned)
        open_computer(run, computer).close()
        OwnMachines(run.state).add(name, pinned)
        publish_computer(run, computer)
        run.stop_progress()
        if json_output:
            print_json(computer)
        else:
            say(f"added `{name}` ({place(computer)}); use it: ez env go <repo> -c {name}")


def _identity(file: str | None) -> str | None:
    if file is None:
        return None
    path = Path(os.path.expanduser(file)).absolute()
    if not path.is_file():
        raise UsageError(f"no such identity file: `{file}`", "name a private key file, or leave --identity out")
    return str(path)


def _confirmed_keys(run: Session, endpoint: SshEndpoint, wanted: str | None, *, fresh: bool) -> tuple[str, ...]:
    """The host's key: known to this person's OpenSSH, equal to `wanted`, or confirmed on the terminal."""
    from ez.ssh.connect import confirmed_host_keys, scan_host_keys
    from ez.ssh.hostkeys import fingerprint

    settings = run.settings
    known = confirmed_host_keys(
        endpoint, environment=settings.environment, home=settings.directories.home, config_file=config_file(settings)
    )
    if known and wanted is None and not fresh:
        return known
    shown = scan_host_keys(
        endpoint,
        environment=settings.environment,
        home=settings.directories.home,
        agent_socket=settings.agent_socket,
        config_file=config_file(settings),
    )
    prints = [fingerprint(key) for key in shown]
    if wanted is not None:
        if wanted not in prints:
            raise HostKeyError(
                f"the host shows another key than `{wanted}`: {', '.join(prints)}",
                "compare with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the machine itself",
            )
        return shown
    run.stop_progress()
    for key, print_ in zip(shown, prints, strict=True):
        say(f"{endpoint.host} shows the host key {key.split()[0]} {print_}")
    say("compare it on the machine itself: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub")
    confirm("is it this machine's key?", yes=False, flag="--host-key with the fingerprint")
    return shown
