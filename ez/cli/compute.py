"""`ez compute`: computers."""

from __future__ import annotations

from typing import Annotated

import typer

from ez.cli.access import connect, let_in, publish_computer, ssh_computer
from ez.cli.compute_add import add
from ez.cli.compute_clean import gc
from ez.cli.compute_create import create
from ez.cli.compute_delete import delete
from ez.cli.compute_idle import keep, why
from ez.cli.compute_info import info
from ez.cli.compute_life import resize, restart, start, stop
from ez.cli.compute_list import ls, select
from ez.cli.compute_sizes import sizes
from ez.cli.endpoint import ssh_config
from ez.cli.options import ComputerArgument, JsonOption, OldComputerOption, QuietOption, VerboseOption
from ez.cli.output import print_json, say
from ez.cli.session import session
from ez.models import LocalEndpoint

app = typer.Typer(
    help="Computers: this one, machines you own, and machines of clouds.", no_args_is_help=True, rich_markup_mode=None
)
_ORDER = (create, add, ls, info, start, stop, restart, delete, resize, select, gc, why, keep, sizes)
for command in _ORDER:
    app.command()(command)


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
    from ez.env.need import asked_gpu, idle_of
    from ez.events import step

    wanted = asked_gpu(gpu, cuda)

    with session("compute-prepare", json_output=json_output, quiet=quiet, verbose=verbose) as run:
        with connect(run, name or old_name or "local") as host, step(run.sink, "prepare", f"Prepare {host.name}"):
            found = facts(host)
            if wanted is None and gpu is None and not (host.is_local and not found.nvidia.source):
                wanted = GpuNeed()
            idle = None if host.is_local else idle_of(run.settings, run.state, host.name)
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
        from ez.cli.cloud import cloud_context
        from ez.compute.have import have

        chosen = name or old_name or run.settings.text("defaults.computer")
        computer = have(chosen, cloud_context(run), None, start_it=False)
        if isinstance(computer.endpoint, LocalEndpoint):
            words = context.args or [run.settings.environment.get("SHELL", "/bin/sh")]
            code = subprocess.run(["/bin/sh", "-c", " ".join(words)], check=False).returncode
        else:
            let_in(run, computer.name)
            computer = have(computer.name, cloud_context(run), None, start_it=False)
            publish_computer(run, computer)
            code = ssh_computer(run, computer, context.args)
    raise typer.Exit(code)
