"""`ez env`: environments."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ez.cli.access import connect, connect_alone, environment, exec_ssh
from ez.cli.compute_create import IdleOption, MachineFlags, TtlOption
from ez.cli.compute_sizes import (
    CpusOption,
    DiskOption,
    GpuOption,
    MaxPriceOption,
    MemoryOption,
    ProviderOption,
    RegionOption,
    SizeOption,
    SpotOption,
)
from ez.cli.env_agent import agent
from ez.cli.env_allow import allow
from ez.cli.env_cp import cp
from ez.cli.env_forward import forward
from ez.cli.env_home import home
from ez.cli.env_link import app as link
from ez.cli.env_open import IdeOption, gate, open_environment
from ez.cli.env_ports import ports
from ez.cli.env_saved import app as saved
from ez.cli.env_ssh import ssh
from ez.cli.env_sync import sync
from ez.cli.env_up import up
from ez.cli.keeping import again, end
from ez.cli.options import (
    ArgumentsOption,
    ComputerOption,
    EnvironmentArgument,
    JsonOption,
    OldComputerOption,
    OldEnvironmentOption,
    QuietOption,
    SyntaxOption,
    VerboseOption,
    YesOption,
    arguments_of,
    entry_of,
)
from ez.cli.output import clean, print_json, print_table, say
from ez.cli.session import Session, confirm, session
from ez.cli.share_print import share_line
from ez.env.shares.model import ShareState
from ez.errors import EzError, UsageError
from ez.state import EnvironmentRecord

if TYPE_CHECKING:
    from ez.env.migrate.saving import Saved

app = typer.Typer(help="Environments: a repo running on a computer.", no_args_is_help=True, rich_markup_mode=None)
app.command()(cp)
app.command()(forward)
app.command()(ports)
app.command("open")(open_environment)
app.command("gate", hidden=True)(gate)


@app.command()
def go(
    repo: Annotated[
        str | None,
        typer.Argument(metavar="[REPO]", help="A Git URL, owner/name on GitHub, or a directory (default: this one)."),
    ] = None,
    compute: ComputerOption = None,
    name: Annotated[
        str | None, typer.Option("--name", "-e", metavar="ENV", help="Name of the environment (default: the repo's).")
    ] = None,
    from_: Annotated[
        str, typer.Option("--from", metavar="FILE[:FUNC]", help="The build file, and the function in it.")
    ] = "build.envd:build",
    syntax: SyntaxOption = None,
    arguments: ArgumentsOption = None,
    ref: Annotated[str | None, typer.Option("--ref", metavar="REF", help="Branch, tag or commit.")] = None,
    variables: Annotated[
        list[str] | None, typer.Option("--env", metavar="K=V", help="A variable of the environment; repeatable.")
    ] = None,
    secrets: Annotated[
        list[str] | None,
        typer.Option("--secret", metavar="NAME[=FORM]", help="A secret it gets, as file, env or env:VARIABLE."),
    ] = None,
    mounts: Annotated[
        list[str] | None,
        typer.Option(
            "--mount",
            metavar="SOURCE:PATH[:ro]",
            help="A share inside: local:./data:/data, s3://bucket:/data; none:/data takes it away; repeatable.",
        ),
    ] = None,
    port: Annotated[
        list[str] | None, typer.Option("--port", metavar="PORT[:HERE]", help="A port to reach here; repeatable.")
    ] = None,
    ide: IdeOption = None,
    no_open: Annotated[bool, typer.Option("--no-open", help="Do not open an editor.")] = False,
    no_agent: Annotated[bool, typer.Option("--no-agent", help="Do not forward your SSH agent.")] = False,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Build every step anew; replace the container.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and stop.")] = False,
    provider: ProviderOption = None,
    cpus: CpusOption = None,
    memory: MemoryOption = None,
    gpu: GpuOption = None,
    size: SizeOption = None,
    region: RegionOption = None,
    spot: SpotOption = False,
    max_price: MaxPriceOption = None,
    disk: DiskOption = None,
    idle_stop: IdleOption = None,
    ttl: TtlOption = None,
    yes: YesOption = False,
    json_output: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    old_repo: Annotated[str | None, typer.Option("-g", hidden=True)] = None,
    old_computer: OldComputerOption = None,
) -> None:
    """Open a repo on a computer: prepare it, build the environment there, start it, open your editor.

    A name that no computer has yet is one to make in your cloud: its plan and price are shown before.
    """
    from ez.cli.go import GoFlags, run_go

    if no_open and ide not in (None, "none"):
        raise UsageError("--no-open and --ide exclude one another", "use one of them")
    flags = GoFlags(
        repo=repo or old_repo,
        computer=compute or old_computer,
        name=name,
        entry=entry_of(from_, syntax),
        arguments=arguments_of(arguments),
        ref=ref,
        variables=tuple(variables or ()),
        secrets=tuple(secrets or ()),
        ports=tuple(port or ()),
        mounts=tuple(mounts or ()),
        ide="none" if no_open else ide,
        agent=False if no_agent else None,
        rebuild=rebuild,
        dry_run=dry_run,
        machine=MachineFlags(
            cpus, memory, gpu, size, provider, tuple(region or ()), spot, max_price, disk, None, idle_stop, ttl
        ),
    )
    run_go(flags, yes=yes, json_output=json_output, quiet=quiet, verbose=verbose)


for command in (up, home, sync):
    app.command()(command)


@app.command()
def ls(
    compute: ComputerOption = None,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Ask the computers, and bring the index up to date.")
    ] = False,
    json_output: JsonOption = False,
    old_computer: OldComputerOption = None,
) -> None:
    """List environments; at once, from the index."""
    with session("env-ls", json_output=json_output, log=refresh) as run:
        chosen = compute or old_computer
        if refresh:
            from ez.env.refresh import refresh as refresh_index

            refresh_index(run.state, lambda computer: connect(run, computer), chosen, run.sink)
        records = tuple(
            _on_its_machine(run, item) for item in run.state.environments("local" if chosen == "." else chosen)
        )
        run.stop_progress()
        if json_output:
            print_json(records)
        elif records:
            rows = [
                (item.name, item.computer, item.status, item.alias, item.repo_url or item.repo_path) for item in records
            ]
            print_table(("NAME", "COMPUTER", "STATUS", "SSH", "REPO"), rows)
        else:
            say("no environments yet; start one: ez env go <repo>")


def _on_its_machine(run: Session, record: EnvironmentRecord) -> EnvironmentRecord:
    """Nothing runs on a machine of a cloud that is off, whatever its containers were when they were seen last."""
    machine = run.state.machines.named(record.computer)
    is_off = machine is not None and machine.power not in ("running", "starting", "creating")
    return replace(record, status="off") if is_off else record


@app.command()
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
        shown = EnvironmentInfo(record, status, probe.sessions, services, shares)
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
            ("ports", ", ".join(published) or "none"),
            ("services", ", ".join(services) or "none"),
            *(("share", share_line(share)) for share in shares),
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


@app.command()
def start(
    name: EnvironmentArgument = None,
    compute: ComputerOption = None,
    json_output: JsonOption = False,
    old_name: OldEnvironmentOption = None,
    old_computer: OldComputerOption = None,
) -> None:
    """Start a stopped environment as it is, without looking at the repo."""
    from ez.env import manage

    with session("env-start", json_output=json_output) as run:
        record = environment(run, name or old_name, compute or old_computer)
        with connect_alone(run, record) as host:
            manage.start(host, record.name)
        _finish(run, record, "running", f"`{record.name}` runs; enter it: ssh {record.alias}")
        again(run, record.name, record.computer)


@app.command()
def stop(
    name: EnvironmentArgument = None,
    compute: ComputerOption = None,
    json_output: JsonOption = False,
    old_name: OldEnvironmentOption = None,
    old_computer: OldComputerOption = None,
) -> None:
    """Stop an environment; its files stay."""
    from ez.env import manage

    with session("env-stop", json_output=json_output) as run:
        record = environment(run, name or old_name, compute or old_computer)
        with connect_alone(run, record) as host:
            manage.stop(host, record.name)
        end(run, record.name, record.computer)
        _finish(run, record, "exited", f"`{record.name}` is stopped; start it again: ez env start {record.name}")


def _finish(run: Session, record: EnvironmentRecord, status: str, text: str) -> None:
    record = replace(record, status=status)
    run.state.save_environment(record)
    run.stop_progress()
    if run.json_output:
        print_json(record)
    else:
        say(text)


@app.command()
def delete(
    name: EnvironmentArgument = None,
    compute: ComputerOption = None,
    tree: Annotated[
        bool, typer.Option("--work-tree", help="Also remove the work tree that ez made on the computer.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Without saving work of the work tree that is nowhere else.")
    ] = False,
    forget: Annotated[
        bool, typer.Option("--forget", help="Only forget it here, for a computer that is gone for good.")
    ] = False,
    yes: YesOption = False,
    json_output: JsonOption = False,
    old_name: OldEnvironmentOption = None,
    old_computer: OldComputerOption = None,
) -> None:
    """Delete an environment: its container, image and SSH alias; the work tree stays unless you ask, and what of its
    work is nowhere else is saved on this computer first."""
    from ez.cli.access import withdraw
    from ez.cli.saving import save_tree, tell_saved
    from ez.env import manage

    with session("env-delete", json_output=json_output) as run:
        record = environment(run, name or old_name, compute or old_computer)
        owned = record.host_path.endswith(f"/ez/{record.name}")
        if tree and not owned:
            raise UsageError(
                f"the work tree of `{record.name}` is your own directory: `{record.host_path}`", "leave out --work-tree"
            )
        what = "container, image, SSH alias" + (f" and the work tree {record.host_path}" if tree else "")
        run.stop_progress()
        confirm(f"delete {what} of `{record.name}` on `{record.computer}`?", yes=yes)
        removed: tuple[str, ...] = ()
        kept: tuple[Saved, ...] = ()
        if not forget:
            with connect_alone(run, record) as host:
                kept = save_tree(run, host, record.name) if tree and not force else ()
                removed = manage.delete(host, record.name, tree=tree)
        end(run, record.name, record.computer, forget=True)
        withdraw(run, record)
        if json_output:
            print_json(manage.Deleted(record.name, record.computer, (*removed, "alias"), kept))
        else:
            say(f"deleted `{record.name}` on `{record.computer}`: {', '.join((*removed, 'alias'))}")
        tell_saved(run, kept)
        if not json_output and owned and not tree:
            say(f"the work tree stays: {record.host_path} on {record.computer}")


app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(ssh)


@app.command(name="exec", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def exec_(
    context: typer.Context,
    name: EnvironmentArgument = None,
    command: Annotated[
        str | None, typer.Option("--command", metavar="NAME", help="A command that runtime.command named.")
    ] = None,
    compute: ComputerOption = None,
    old_name: OldEnvironmentOption = None,
    old_computer: OldComputerOption = None,
) -> None:
    """Run a command in the environment's work directory: ez env exec NAME -- CMD ARG... (words stay words)."""
    import shlex

    with session("env-exec", quiet=True, log=False) as run:
        record = environment(run, name or old_name, compute or old_computer)
        if command is not None:
            named = dict(record.commands)
            if command not in named:
                raise EzError(
                    f"`{record.name}` has no command `{command}`",
                    f"named commands: {', '.join(sorted(named)) or 'none'} (runtime.command in build.envd)",
                )
            line = " ".join([named[command], *(shlex.quote(word) for word in context.args)])
        elif context.args:
            line = shlex.join(context.args)
        else:
            raise UsageError("no command was given", f"ez env exec {record.name} -- python --version")
        code = exec_ssh(run, record, [f"cd {shlex.quote(record.workdir)} && {line}"])
    raise typer.Exit(code)


@app.command()
def logs(
    name: EnvironmentArgument = None,
    service: Annotated[str, typer.Argument(metavar="[SERVICE]", help="A service, as `ez env info` names it.")] = "",
    compute: ComputerOption = None,
    lines: Annotated[int, typer.Option("--tail", min=0, help="How many lines.")] = 200,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as it grows.")] = False,
    old_name: OldEnvironmentOption = None,
    old_computer: OldComputerOption = None,
) -> None:
    """Show what an environment, or one of its services, has printed."""
    from ez.env import manage

    with session("env-logs", quiet=True, log=False) as run:
        record = environment(run, name or old_name, compute or old_computer)
        with connect(run, record.computer) as host:
            manage.logs(host, record.name, service, lines=lines, follow=follow, on_line=_print_line)


@app.command(hidden=True)
def share(job: Annotated[Path, typer.Argument()]) -> None:
    """Give what was built to the team's registry: what `ez env go` leaves to a process of its own."""
    from ez.cli.line import make_context
    from ez.env.share import run

    with session("env-share", quiet=True) as started:
        run(job, make_context(started))


def _print_line(line: str) -> None:
    """A terminal is kept from what would repaint it; a file gets the line as it is."""
    typer.echo(clean(line) if sys.stdout.isatty() else line)


app.command()(agent)
app.command()(allow)
app.add_typer(link, name="link")
app.add_typer(saved, name="saved")
