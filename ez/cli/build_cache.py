"""`ez build cache`: what an engine keeps of builds, and giving some of it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ez.cli.access import connect
from ez.cli.options import ComputerOption, JsonOption, YesOption
from ez.cli.output import clean, print_json, print_table, say
from ez.cli.quantities import number_of, parse_size, parse_span, show_size
from ez.cli.session import confirm, require_answer, session
from ez.config import Settings
from ez.errors import UsageError

if TYPE_CHECKING:
    from ez.env.build_cache import CacheUsage, PrunePlan

app = typer.Typer(
    help="What an engine keeps so that the next build is quick.", no_args_is_help=True, rich_markup_mode=None
)

_TYPES = {
    "regular": "results of steps, base images",
    "exec.cachemount": "downloads of package managers",
    "source.local": "files sent by builds",
    "source.git.checkout": "Git repos fetched by builds",
    "internal": "the engine's own",
    "frontend": "the engine's own",
}
_SHOWN_RECORDS = 10


@app.command()
def ls(compute: ComputerOption = None, json_output: JsonOption = False) -> None:
    """Show what the build cache of a computer holds, by kind, and how much of it could be given back."""
    from ez.env.build_cache import look

    with session("build-cache-ls", json_output=json_output, log=False) as run:
        budget = _budget(run.settings)
        with connect(run, compute or run.settings.text("defaults.computer")) as host:
            found = look(host, run.settings, budget)
        run.stop_progress()
        if json_output:
            print_json(found)
        else:
            _show(found)


def _show(found: CacheUsage) -> None:
    rows = [
        (one.type, str(one.records), show_size(one.size), show_size(one.reclaimable), _TYPES.get(one.type, ""))
        for one in found.types
    ]
    rows.append(("total", str(found.records), show_size(found.total), show_size(found.reclaimable), ""))
    print_table(("TYPE", "RECORDS", "SIZE", "RECLAIMABLE", "WHAT"), rows)
    typer.echo(f"kept by the engine at {clean(found.engine)}")
    if found.registry:
        typer.echo(f"shared through {clean(found.registry)}" + ("" if found.not_shared else ", nothing left undone"))
    for failure in found.not_shared:
        typer.echo(f"  {clean(failure)}")
    if found.budget is not None and found.total > found.budget:
        over = show_size(found.total - found.budget)
        say(f"{over} more than `cache.budget`; give them back: ez build cache prune -c {found.computer}")


@app.command()
def prune(
    compute: ComputerOption = None,
    keep: Annotated[
        str | None,
        typer.Option("--keep", metavar="SIZE", help="Leave this much, as `20GB` (default: the setting cache.budget)."),
    ] = None,
    older: Annotated[
        str | None, typer.Option("--older", metavar="SPAN", help="Only what was not used for so long, as `7d`.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what images share, and what the engine keeps for itself.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would go, and stop.")] = False,
    yes: YesOption = False,
    json_output: JsonOption = False,
) -> None:
    """Remove what no build has used for the longest time from the build cache of a computer; images stay."""
    from ez.env.build_cache import carry_out, plan

    keep_bytes = None if keep is None else parse_size(keep, "--keep")
    older_than = None if older is None else parse_span(older, "--older")
    if not (yes or dry_run):
        require_answer("remove records from the build cache?")
    with session("build-cache-prune", json_output=json_output, yes=yes) as run:
        if keep_bytes is None and older_than is None and not everything:
            keep_bytes = _budget(run.settings)
            if keep_bytes is None:
                raise UsageError("it is not said how much may go", "add --keep 20GB, --older 7d or --all")
        with connect(run, compute or run.settings.text("defaults.computer")) as host:
            planned = plan(host, run.settings, keep_bytes=keep_bytes, older_than=older_than, everything=everything)
            run.stop_progress()
            if dry_run or not planned.records:
                _show_plan(planned, json_output=json_output)
                return
            if not json_output:
                _show_plan(planned, json_output=False)
            confirm(f"remove {number_of(len(planned.records), 'record')} from `{host.name}`?", yes=yes)
            done = carry_out(host, run.settings, planned, everything=everything)
        if json_output:
            print_json(done)
        else:
            say(f"freed {show_size(done.freed)} on `{done.computer}`: {number_of(done.records, 'record')}")


def _show_plan(planned: PrunePlan, *, json_output: bool) -> None:
    if json_output:
        print_json(planned)
        return
    if not planned.records:
        say(f"nothing to remove: the cache of `{planned.engine}` takes {show_size(planned.total)}")
        return
    largest = sorted(planned.records, key=lambda record: -record.size)
    rows = [(show_size(record.size), record.type, record.description[:80]) for record in largest[:_SHOWN_RECORDS]]
    if len(largest) > _SHOWN_RECORDS:
        rest = largest[_SHOWN_RECORDS:]
        rows.append((show_size(sum(record.size for record in rest)), "", f"{len(rest)} more"))
    print_table(("SIZE", "TYPE", "WHAT"), rows)
    say(f"{show_size(planned.freed)} of {show_size(planned.total)} at `{planned.engine}`")


def _budget(settings: Settings) -> int | None:
    text = settings.text("cache.budget")
    return parse_size(text, "`cache.budget`") if text else None
