"""The reference pages, made from what they describe. `tests/test_docs.py` keeps them up to date."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from ez.cli.app import make_app
from ez.config import KEYS, PERSONAL, PROJECT_FILE
from ez.config.shares import HELP as SHARE
from scripts.lib.build_file import page as build_file_page
from scripts.lib.cloud_errors import page as cloud_errors_page
from scripts.lib.engines import engines_page
from scripts.lib.markdown import MADE, table
from scripts.lib.mistakes import page as mistakes_page
from scripts.lib.prepare import page as prepare_page
from scripts.lib.sizes import page as sizes_page


def pages() -> dict[str, str]:
    """File name -> Markdown."""
    return {
        "build-file.md": build_file_page(),
        "cloud-errors.md": cloud_errors_page(),
        "commands.md": commands_page(),
        "settings.md": settings_page(),
        "engines.md": engines_page(),
        "mistakes.md": mistakes_page(),
        "prepare.md": prepare_page(),
        "sizes.md": sizes_page(),
    }


def commands_page() -> str:
    # Typer gives no public types for what it makes of an app.
    root: Any = typer.main.get_command(make_app())
    sections = [section for path, command in walk(root, "ez") for section in command_section(path, command)]
    return MADE + "\n".join(["# Commands", "", *sections])


def walk(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        if not child.hidden:
            yield from walk(child, f"{path} {name}")


def command_section(path: str, command: Any) -> Iterator[str]:
    is_group = bool(getattr(command, "commands", {}))
    shown = [parameter for parameter in command.params if not parameter.hidden]
    arguments = [parameter for parameter in shown if parameter.param_type_name == "argument"]
    options = [parameter for parameter in shown if parameter.param_type_name == "option"]
    yield f"{'#' * max(2, len(path.split()))} `{path}`\n"
    yield f"{command.help}\n"
    if arguments or not is_group:
        yield f"    {' '.join([path, *map(argument_word, arguments), *(['[OPTIONS]'] if options else [])])}\n"
    rows = [(argument_word(parameter), parameter.help, "") for parameter in arguments]
    rows += [(option_words(parameter), parameter.help, default_word(parameter)) for parameter in options]
    yield from table(("", "meaning", "default"), rows)


def argument_word(parameter: Any) -> str:
    return str(parameter.metavar or f"{parameter.name.upper()}{'...' if parameter.nargs == -1 else ''}")


def option_words(parameter: Any) -> str:
    words = ", ".join(sorted([*parameter.opts, *parameter.secondary_opts], key=len))
    return words if parameter.is_flag else f"{words} {parameter.metavar or parameter.type.name.upper()}"


def default_word(parameter: Any) -> str:
    return f"`{parameter.default}`" if isinstance(parameter.default, str | int) and not parameter.is_flag else ""


def settings_page() -> str:
    rows = [
        (name, ", ".join(key.variables), "" if key.default == "" else str(key.default).lower(), key.help)
        for name, key in KEYS.items()
    ]
    free = ", ".join(f"`{name}`" for name in KEYS if name not in PERSONAL and not name.startswith("workspace."))
    own = " and ".join(f"`{name}`" for name in KEYS if name in PERSONAL and name.startswith("workspace."))
    text = f"""# Settings

A flag wins over an environment variable, that over your own file of the workspace, that over the repo's
`{PROJECT_FILE}`, that over your own `config.toml` (`ez config set KEY VALUE` writes it), that over the default.
`ez config ls` shows each value and where it comes from.

A repo's `{PROJECT_FILE}` may set {free} and the keys of `workspace`, but for {own};
those of `workspace` count once you have [accepted](../concepts/security.md#repos) them, and so do its shares.

A table `[shares]` beside `[workspace]` has a key for each share, `shares.NAME`: {SHARE}.
An empty text in a file of your own leaves one out for you.
"""
    return MADE + "\n".join([text, *table(("key", "variables", "default", "meaning"), rows, code=3)])


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
