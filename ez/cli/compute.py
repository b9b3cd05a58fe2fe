"""`ez compute`: computers."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from ez.cli.access import config_file, connect, open_computer, publish_computer, ssh_computer, ssh_config
from ez.cli.options import ComputerArgument, JsonOption, OldComputerOption, QuietOption, VerboseOption, YesOption
from ez.cli.output import clean, print_json, print_table, say
from ez.cli.session import Session, confirm, session
from ez.errors import HostKeyError, UsageError
from ez.models import Computer, LocalEndpoint, SshEndpoint
from ez.names import check_name
from ez.providers.byo import OwnMachines, parse_address

app = typer.Typer(help="Computers: this one, and machines you own.", no_args_is_help=True, rich_markup_mode=None)


@dataclass(frozen=True)
class ShownComputer:
    """A row of `ez compute ls --json`; `environments` are their names."""

    name: str
    provider: str
    address: str
    environments: tuple[str, ...]


@app.command()
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
    check_name("computer", name)
    if name == "local":
        raise UsageError("`local` is this computer", "choose another name")
    endpoint = parse_address(destination, _identity(identity))
    with session("compute-add", json_output=json_output) as run:
        existing = run.state.computer(name)
        if existing is not None and not update_key and _place(existing) != _place(Computer(name, "byo", endpoint)):
            raise UsageError(f"`{name}` is another machine: {_place(existing)}", f"ez compute delete {name}")
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
            say(f"added `{name}` ({_place(computer)}); use it: ez env go <repo> -c {name}")


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


@app.command()
def ls(json_output: JsonOption = False) -> None:
    """List computers; at once, from the index."""
    from ez.compute.ensure import all_computers

    with session("compute-ls", json_output=json_output, log=False) as run:
        shown = []
        for computer in all_computers(run.state):
            names = tuple(record.name for record in run.state.environments(computer.name))
            shown.append(ShownComputer(computer.name, computer.provider, _place(computer), names))
        run.stop_progress()
        if json_output:
            print_json(shown)
        else:
            rows = [(item.name, item.provider, item.address, ", ".join(item.environments)) for item in shown]
            print_table(("NAME", "PROVIDER", "ADDRESS", "ENVIRONMENTS"), rows)


def _place(computer: Computer) -> str:
    endpoint = computer.endpoint
    if isinstance(endpoint, LocalEndpoint):
        return "this computer"
    port = f":{endpoint.port}" if endpoint.port != 22 else ""
    return f"{endpoint.user}@{endpoint.host}{port}" if endpoint.user else f"{endpoint.host}{port}"


@app.command()
def info(
    name: ComputerArgument = None,
    json_output: JsonOption = False,
    old_name: OldComputerOption = None,
) -> None:
    """Show what a computer is: system, engine, disk, memory, GPUs; read from it now."""
    from ez.compute.facts import facts
    from ez.compute.nvidia.cards import called

    with session("compute-info", json_output=json_output) as run:
        with connect(run, name or old_name or "local") as host:
            found = facts(host)
        run.stop_progress()
        if json_output:
            print_json(found)
            return
        engine = f"{found.engine.version} ({found.engine.state}, {found.engine.store} image store)"
        names = [called(gpu) for gpu in found.gpus]
        gpus = ", ".join(f"{names.count(name)} x {name}" for name in dict.fromkeys(names)) or "none"
        rows = (
            ("name", found.computer),
            ("system", f"{found.os.name}, kernel {found.kernel}, {found.arch}"),
            ("login", f"{found.user} ({found.uid}), sudo {found.sudo}"),
            ("engine", engine if found.engine.version else found.engine.state),
            *([("buildkitd", found.buildkit.host or found.buildkit.socket)] if found.buildkit.is_there else []),
            ("cpus", str(found.cpus)),
            ("memory", f"{found.memory / 1e9:.1f} GB, {found.memory_available / 1e9:.1f} GB available"),
            ("disk", f"{found.disk.home / 1e9:.1f} GB free for work, {found.disk.images / 1e9:.1f} GB for images"),
            ("gpus", gpus + (f", driver {found.nvidia.driver}" if found.nvidia.driver else "")),
        )
        for label, value in rows:
            typer.echo(f"{label + ':':<11}{clean(value)}")


@app.command()
def prepare(
    name: ComputerArgument = None,
    repair: Annotated[bool, typer.Option("--repair", help="Put right what ez set up, even if it looks fine.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and stop.")] = False,
    gpu: Annotated[
        bool | None,
        typer.Option(
            "--gpu/--no-gpu", help="Its NVIDIA cards have to work, or are left alone (default: if it has any)."
        ),
    ] = None,
    cuda: Annotated[
        str | None, typer.Option("--cuda", metavar="VERSION", help="Their driver has to know this CUDA, as `12.4`.")
    ] = None,
    json_output: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    old_name: OldComputerOption = None,
) -> None:
    """Make a computer ready for environments: Git, a Docker Engine that you may use, NVIDIA cards, the idle watchdog.

    It goes on there when the connection drops, and after restarts; running it again follows it, or finds all done.
    """
    from ez.compute.facts import facts
    from ez.compute.need import GpuNeed, Need
    from ez.compute.prepare import prepare as make_ready
    from ez.env.need import asked_gpu, idle_need
    from ez.events import step

    wanted = asked_gpu(gpu, cuda)

    with session("compute-prepare", json_output=json_output, quiet=quiet, verbose=verbose) as run:
        with connect(run, name or old_name or "local") as host, step(run.sink, "prepare", f"Prepare {host.name}"):
            found = facts(host)
            if wanted is None and gpu is None and not (host.is_local and not found.nvidia.source):
                wanted = GpuNeed()
            idle = None if host.is_local else idle_need(run.settings)
            need = Need(run.settings.network(), gpu=wanted, idle=idle)
            ready = make_ready(host, found, run.sink, need=need, repair=repair, dry_run=dry_run)
            if ready.changed and not dry_run and not host.is_local:
                # A connection that OpenSSH keeps has the groups of its login.
                ssh_config(run).close_master(f"ez-{host.name}")
        run.stop_progress()
        if json_output:
            print_json(ready)
        elif ready.changed:
            say(("would do: " if dry_run else "done: ") + ", ".join(ready.changed))
        else:
            say(f"`{ready.facts.computer}` is ready; nothing {'to do' if dry_run else 'was done'}")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def ssh(context: typer.Context, name: ComputerArgument = None, old_name: OldComputerOption = None) -> None:
    """Open a shell on a computer, or run a command: ez compute ssh NAME -- CMD."""
    import subprocess

    with session("compute-ssh", quiet=True, log=False) as run:
        from ez.compute.ensure import ensure

        computer = ensure(name or old_name or "local", run.state)
        if isinstance(computer.endpoint, LocalEndpoint):
            words = context.args or [run.settings.environment.get("SHELL", "/bin/sh")]
            code = subprocess.run(["/bin/sh", "-c", " ".join(words)], check=False).returncode
        else:
            publish_computer(run, computer)
            code = ssh_computer(run, computer, context.args)
    raise typer.Exit(code)


@app.command()
def delete(
    name: ComputerArgument = None,
    yes: YesOption = False,
    json_output: JsonOption = False,
    old_name: OldComputerOption = None,
) -> None:
    """Forget a machine that you own; nothing on it is touched."""
    chosen = name or old_name
    if chosen is None or chosen in ("local", "."):
        raise UsageError("which computer? `local` is always listed", "ez compute ls")
    with session("compute-delete", json_output=json_output) as run:
        from ez.compute.ensure import ensure

        computer = ensure(chosen, run.state)
        names = [record.name for record in run.state.environments(computer.name)]
        run.stop_progress()
        about = f"; its environments stay there, unlisted: {', '.join(names)}" if names else ""
        confirm(f"forget `{computer.name}` ({_place(computer)}){about}?", yes=yes)
        published = ssh_config(run)
        for environment in names:
            published.withdraw_environment(environment, computer.name)
        published.withdraw_computer(computer.name)
        run.state.delete_computer(computer.name)
        if json_output:
            print_json({"forgotten": computer.name, "environments": names})
        else:
            say(f"forgot `{computer.name}`")
