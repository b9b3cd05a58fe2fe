"""`ez env saved`: work that was saved before its machine or its work tree went, and how to have it again."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ez.cli.options import JsonOption, QuietOption, YesOption
from ez.cli.output import clean, print_json, print_table, say
from ez.cli.quantities import number_of, parse_span, show_moment, show_size
from ez.cli.session import confirm, session
from ez.errors import UsageError

if TYPE_CHECKING:
    from ez.env.migrate.saved import Group

app = typer.Typer(
    help="Work that was saved before its machine or its work tree went.", no_args_is_help=True, rich_markup_mode=None
)

NameArgument = Annotated[
    str,
    typer.Argument(metavar="NAME", help="Of a save; of an environment, for its newest one; or a bundle's path."),
]


@dataclass(frozen=True)
class ShownSave:
    """A row of `ez env saved ls --json`. `at` is Unix seconds; `files` are the bundles, the repo's own first."""

    name: str
    environment: str
    computer: str
    at: float
    bytes: int
    changes: int
    commits: int
    files: tuple[str, ...]


@dataclass(frozen=True)
class Restored:
    """What `ez env saved restore --json` prints; `left` are names whose commits are nowhere."""

    name: str
    directory: str
    left: tuple[str, ...]


@app.command()
def ls(json_output: JsonOption = False) -> None:
    """List what was saved, the newest first: ez env saved ls."""
    from ez.env.migrate.saved import groups, saved_folder

    with session("env-saved", json_output=json_output, log=False) as run:
        folder = saved_folder(run.settings.directories.state)
        rows = [_row(group, folder) for group in groups(folder)]
        run.stop_progress()
        if json_output:
            print_json(rows)
            return
        if not rows:
            say("nothing is saved")
            return
        cells = [
            (row.name, show_moment(row.at), f"{row.changes}", f"{row.commits}", show_size(row.bytes)) for row in rows
        ]
        print_table(("NAME", "SAVED", "FILES", "COMMITS", "SIZE"), cells)
        say(f"they are in {folder}; to have one again: ez env saved restore {rows[0].name}")


@app.command()
def restore(
    name: NameArgument,
    to: Annotated[
        str | None, typer.Option("--to", metavar="DIR", help="A new directory (default: NAME.saved, here).")
    ] = None,
    json_output: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Make a new directory what the work was: commits, branches, stashes, staged, changed and untracked files. Example:

    ez env saved restore thesis --to ~/thesis-again

    What was pushed is taken from the directory at home, from the one that you are in, or from the repo's server.
    """
    from ez.env.migrate.restore import restore as restore_group
    from ez.env.migrate.saved import named, saved_folder
    from ez.events import step

    with session("env-restore", json_output=json_output, quiet=quiet) as run:
        folder = saved_folder(run.settings.directories.state)
        group = named(folder, name)
        target = Path.cwd() / Path(to or f"{group.environment}.saved").expanduser()
        others = [Path(group.path)] if group.path else []
        here = Path.cwd()
        others += [above for above in (here, *here.parents) if (above / ".git").exists()][:1]
        with step(run.sink, "restore", f"Restore {group.environment}") as report:
            left = restore_group(folder, group, target, others, run.sink)
            report.detail = str(target)
        run.stop_progress()
        if json_output:
            print_json(Restored(group.name, str(target), left))
        else:
            say(clean(f"restored the work of `{group.environment}` in {target}"))
        if left:
            say(clean(f"warning: not restored, since nothing has their commits: {', '.join(left[:10])}"))


@app.command()
def rm(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME...]", help="Saves, as `ls` names them.")] = None,
    older: Annotated[str | None, typer.Option("--older", metavar="TIME", help="All that are older: 90d.")] = None,
    yes: YesOption = False,
    json_output: JsonOption = False,
) -> None:
    """Remove saves for good: ez env saved rm --older 90d. Nothing else removes them."""
    from ez.env.migrate.saved import groups, remove, saved_folder

    if not names and older is None:
        raise UsageError("which saves?", "ez env saved ls; or all that are old: ez env saved rm --older 90d")
    limit = parse_span(older, "--older") if older is not None else None
    with session("env-saved", json_output=json_output, yes=yes) as run:
        folder = saved_folder(run.settings.directories.state)
        every = {group.name: group for group in groups(folder)}
        unknown = [name for name in names or () if name not in every]
        if unknown:
            raise UsageError(f"no save of that name: `{clean(unknown[0])[:80]}`", "ez env saved ls")
        chosen = {name: every[name] for name in names or ()}
        if limit is not None:
            chosen |= {name: group for name, group in every.items() if time.time() - group.at > limit}
        run.stop_progress()
        if chosen:
            size = show_size(sum(group.bytes for group in chosen.values()))
            confirm(f"remove {number_of(len(chosen), 'save')} of {size}: {', '.join(chosen)}?", yes=yes)
        for group in chosen.values():
            remove(folder, group)
        if json_output:
            print_json({"removed": sorted(chosen)})
        else:
            say(f"removed {number_of(len(chosen), 'save')}")


def _row(group: Group, folder: Path) -> ShownSave:
    return ShownSave(
        group.name,
        group.environment,
        group.computer,
        group.at,
        group.bytes,
        sum(bundle.changes for bundle in group.bundles),
        sum(bundle.commits for bundle in group.bundles),
        tuple(str(folder / bundle.file) for bundle in group.bundles),
    )
