"""`ez env go`: a repo on a computer, open in an editor; and the sharing of what was built, which goes on after it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
from ez.cli.env_open import IdeOption
from ez.cli.options import (
    ArgumentsOption,
    ComputerOption,
    JsonOption,
    OldComputerOption,
    QuietOption,
    SyntaxOption,
    VerboseOption,
    YesOption,
    arguments_of,
    entry_of,
)
from ez.cli.session import session
from ez.errors import UsageError


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


def share(job: Annotated[Path, typer.Argument()]) -> None:
    """Give what was built to the team's registry: what `ez env go` leaves to a process of its own."""
    from ez.cli.line import make_context
    from ez.env.share import run

    with session("env-share", quiet=True) as started:
        run(job, make_context(started))
