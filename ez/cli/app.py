"""The command tree, and what every command has in common: errors, the run log, exit codes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from copy import copy
from importlib import import_module
from typing import Any

import typer
from typer._click.exceptions import ClickException
from typer.core import TyperGroup
from typer.main import get_command_name

from ez.cli.output import current_log, say, show_error
from ez.errors import EXIT_BUG, EXIT_FAILURE, EXIT_INTERRUPTED, EzError, UsageError

NOUNS = {
    "env": "ez.cli.env",
    "build": "ez.cli.build",
    "compute": "ez.cli.compute",
    "share": "ez.cli.share",
    "workspace": "ez.cli.workspace",
    "secret": "ez.cli.secret",
    "config": "ez.cli.config",
}
"""The first word of a command line -> the module whose `app` has its commands."""


class _Tree(TyperGroup):
    """Ctrl-C leaves it as Abort: typer itself would make a bare exit code of it."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            raise typer.Abort from interrupt


def make_app(first_word: str = "", second_word: str = "") -> typer.Typer:
    """The command tree; where the first words are known, no more of it than they need."""
    app = typer.Typer(
        name="ez",
        cls=_Tree,
        help="Any Git repo, on any computer, with a GPU if it needs one, open in your editor after one command.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(root)
    for noun in [first_word] if first_word in NOUNS else NOUNS:
        app.add_typer(_narrowed(import_module(NOUNS[noun]).app, second_word), name=noun)
    if first_word not in NOUNS:
        app.command("lock")(import_module("ez.cli.lock").lock)
        app.command("init")(import_module("ez.cli.init").init)
        app.command("doctor")(import_module("ez.cli.doctor").doctor)
    return app


def _narrowed(app: typer.Typer, word: str) -> typer.Typer:
    """No other command than `word`, where there is one of that name: to make one ready takes a millisecond."""
    commands = [one for one in app.registered_commands if one.callback and _name(one.name, one.callback) == word]
    if not commands:
        return app
    narrowed = copy(app)
    narrowed.registered_commands, narrowed.registered_groups = commands, []
    return narrowed


def _name(given: str | None, function: Callable[..., Any]) -> str:
    return given or get_command_name(function.__name__)


def root(
    version: bool = typer.Option(False, "--version", "-V", help="Show the version and exit."),
) -> None:
    if version:
        from ez import __version__

        typer.echo(f"ez {__version__}")
        raise typer.Exit


def run(arguments: list[str]) -> int:
    """Run one command line and give its exit code."""
    try:
        _check_text(arguments)
        code = make_app(*arguments[:2])(arguments, prog_name="ez", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except typer.Exit as stop:
        return stop.exit_code
    except EzError as error:
        show_error(error, current_log())
        return error.exit_code
    except ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        say("\ninterrupted; the same command goes on where this one stopped")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        return 0
    except OSError as error:
        show_error(EzError(f"{error.strerror or error}: `{error.filename or 'output'}`"), current_log())
        return EXIT_FAILURE
    except Exception as error:
        return _report_bug(error)


def _check_text(arguments: list[str]) -> None:
    """Bytes that are no text may only stand behind `--`, in a command that is passed on. Raises UsageError."""
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    for argument in own:
        try:
            argument.encode()
        except UnicodeEncodeError as error:
            shown = argument.encode("utf-8", "replace").decode()
            raise UsageError(f"not UTF-8 text: `{shown[:60]}`", "ez --help") from error


def _report_bug(error: Exception) -> int:
    """The last frame and the run log instead of a traceback."""
    import traceback

    frame = traceback.extract_tb(error.__traceback__)[-1]
    log = current_log(create="crash")
    if log is not None:
        with suppress(OSError), log.open("a", encoding="utf-8", errors="replace") as file:
            file.write("".join(traceback.format_exception(error)))
    place = f"{frame.filename.rpartition('/')[2]}:{frame.lineno} in {frame.name}"
    show_error(
        EzError(f"unexpected {type(error).__name__}: {error} ({place})", "this is a bug in ez: please report the log"),
        log,
    )
    return EXIT_BUG
