"""What `ez env go` adds to the straight line: flags to a request, questions, rendering, the editor."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import typer

from ez.cli.compute_create import MachineFlags
from ez.cli.env_open import Entered, Opened, open_place
from ez.cli.env_ports import addresses, note_ports, show_addresses
from ez.cli.go_machine import check_asked, have_computer, open_started, show_machine_plan, would_make
from ez.cli.line import make_context, project_directory, show_plan
from ez.cli.output import clean, print_json, say
from ez.cli.secret_ask import GoSecrets
from ez.cli.session import session
from ez.config import Settings
from ez.env.editors.choose import check_choice
from ez.env.go import GoResult, go
from ez.env.ports.wanted import parse_port
from ez.env.reference import parse_reference
from ez.env.request import GoRequest
from ez.env.shares.chosen import asked
from ez.errors import UsageError
from ez.models import Access

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class GoFlags:
    repo: str | None
    computer: str | None
    name: str | None
    entry: str
    arguments: tuple[tuple[str, str], ...]
    ref: str | None
    variables: tuple[str, ...]
    secrets: tuple[str, ...]
    mounts: tuple[str, ...]
    ide: str | None
    agent: bool | None
    rebuild: bool
    dry_run: bool
    machine: MachineFlags
    ports: tuple[str, ...] = ()


def run_go(flags: GoFlags, *, yes: bool, json_output: bool, quiet: bool, verbose: bool) -> None:
    here = Path.cwd()
    with session(
        "env-go",
        json_output=json_output,
        quiet=quiet,
        verbose=verbose,
        yes=yes,
        project=project_directory(flags.repo, here),
    ) as run:
        settings = run.settings
        ports = dict(parse_port(text) for text in flags.ports)
        ide = check_choice(flags.ide or settings.text("defaults.ide"))
        request = make_request(flags, settings, here)
        run = check_asked(run, request.computer, flags.machine, named=flags.computer is not None)
        context = make_context(run)
        have = partial(have_computer, run, request, context, flags.machine)
        context = replace(context, have=have, connect=partial(open_started, run))
        if flags.dry_run and would_make(run, request.computer, flags.machine):
            show_machine_plan(run, request, context, flags.machine)
            return
        if flags.dry_run:
            from ez.env.plan import plan_go

            planned = plan_go(request, context)
            run.stop_progress()
            show_plan(planned, json_output=json_output)
            return
        repo = request.repo.url or request.repo.path or ""
        secrets = GoSecrets(run, request.name, request.computer, repo, flags.secrets)
        secrets.check()
        result = go(request, replace(context, secrets=secrets.decide))
        note_ports(run, result.environment, result.computer, result.access.ports, ports)
        secrets.settle(agent=request.agent)
        found = addresses(run, result.environment, result.computer, ports)
        entered = result.access
        place = Entered(result.environment, result.computer, entered.alias, entered.workdir, entered.user)
        opened = open_place(run, place, ide)
        run.stop_progress()
        access = replace(entered, editor_command=opened.command, link=opened.link)
        if json_output:
            print_json(replace(result, access=access))
        else:
            _show(result, access, opened, wanted=(flags.ide != "none"), here=found.keys())
            show_addresses(found, ports)


def make_request(flags: GoFlags, settings: Settings, here: Path) -> GoRequest:
    """Raises UsageError for flags that make no sense."""
    repo = parse_reference(
        flags.repo, here, flags.ref, name=flags.name, github_over_ssh=settings.agent_socket is not None
    )
    computer = flags.computer or settings.text("defaults.computer")
    return GoRequest(
        repo=repo,
        computer="local" if computer == "." else computer,
        entry=flags.entry,
        arguments=flags.arguments,
        variables=tuple(_variable(text) for text in flags.variables),
        shares=asked(settings, flags.mounts, here),
        agent=settings.flag("defaults.agent") if flags.agent is None else flags.agent,
        rebuild=flags.rebuild,
    )


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not _VARIABLE.fullmatch(name):
        raise UsageError(f"not a variable: `{name[:60]}`", "write it as --env NAME=VALUE")
    return name, value


def _show(result: GoResult, access: Access, opened: Opened, *, wanted: bool, here: Collection[int]) -> None:
    """All but the ports that are `here`, whose addresses are shown after it."""
    typer.echo(f"{result.environment} runs on {result.computer}")
    typer.echo(f"  ssh:    ssh {access.alias}")
    if wanted or opened.reason:
        if access.editor_command:
            typer.echo(f"  editor: {' '.join(access.editor_command)}")
        typer.echo(f"  link:   {access.link}")
    for port in access.ports:
        if port.container in here:
            continue
        place = "" if result.computer == "local" else f" on {result.computer}"
        name = f" ({clean(port.service)})" if port.service else ""
        typer.echo(f"  port:   {port.container}{name} inside is {port.address}:{port.host}{place}")
    if opened.reason and wanted:
        say(f"the editor was not opened: {opened.reason}")
