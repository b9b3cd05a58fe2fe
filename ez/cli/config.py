"""`ez config`: settings, where they come from, and undoing what ez changed on this computer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from ez.cli.options import JsonOption, YesOption
from ez.cli.output import print_json, print_table, say
from ez.cli.session import confirm, project_of
from ez.config import KEYS, check_value, key_of, resolve, write_value

app = typer.Typer(help="Settings, and undoing what ez changed.", no_args_is_help=True, rich_markup_mode=None)

KeyArgument = Annotated[str, typer.Argument(metavar="KEY", help="A setting, as `ez config ls` shows it.")]


@dataclass(frozen=True)
class ShownSetting:
    key: str
    value: str | bool | int
    source: str
    help: str


@app.command()
def ls(json_output: JsonOption = False) -> None:
    """List every setting with its value and where that comes from."""
    settings = resolve(project=project_of())
    shown = [
        ShownSetting(name, settings.values[name], settings.sources[name], key.help)
        for name in settings.values
        if (key := key_of(name))
    ]
    if json_output:
        print_json(shown)
    else:
        rows = [(item.key, _words(item.value), item.source, item.help) for item in shown]
        print_table(("KEY", "VALUE", "FROM", "MEANING"), rows)


@app.command()
def get(key: KeyArgument) -> None:
    """Print one setting's value."""
    settings = resolve(project=project_of())
    check_value(key, KEYS[key].default if key in KEYS else "", "the command line")
    typer.echo(_words(settings.values.get(key, "")))


@app.command(name="set")
def set_(key: KeyArgument, value: Annotated[str, typer.Argument(metavar="VALUE")]) -> None:
    """Set a value in your own settings file."""
    settings = resolve()
    write_value(settings.directories.user_file, key, check_value(key, value, "the command line"))
    say(f"set `{key}` in {settings.directories.user_file}")


@app.command()
def unset(key: KeyArgument) -> None:
    """Remove a value from your own settings file."""
    settings = resolve()
    check_value(key, KEYS[key].default if key in KEYS else "", "the command line")
    write_value(settings.directories.user_file, key, None)
    say(f"removed `{key}` from {settings.directories.user_file}")


@app.command()
def reset(
    state: Annotated[
        bool,
        typer.Option("--state", help="Instead, move a damaged index aside, to be filled anew."),
    ] = False,
    yes: YesOption = False,
) -> None:
    """Take ez's line out of your SSH configuration and remove the files it included."""
    settings = resolve()
    if state:
        _set_index_aside(settings.directories.database, yes=yes)
        return
    from ez.ssh.config import SshConfig

    directory = settings.ssh_config.parent / "ez"
    confirm(f"remove ez's Include line from {settings.ssh_config} and the directory {directory}?", yes=yes)
    SshConfig(settings.ssh_config, directory, environment=settings.environment).reset()
    say("done; `ez env go` publishes an environment's alias again")


def _set_index_aside(database: Path, *, yes: bool) -> None:
    import time

    confirm(f"move {database} aside? Computers added with `ez compute add` have to be added again", yes=yes)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for name in (database.name, f"{database.name}-wal", f"{database.name}-shm"):
        old = database.with_name(name)
        if old.exists():
            old.rename(old.with_name(f"{name}.{stamp}.damaged"))
    say(f"moved aside as {database.name}.{stamp}.damaged; `ez env ls --refresh` reads the computers again")


def _words(value: str | bool | int) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
