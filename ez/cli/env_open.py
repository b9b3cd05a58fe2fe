"""`ez env open`: the editor again, for an environment that runs; and what `ez env go` does with it in the end."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from ez.cli.access import environment, let_in
from ez.cli.endpoint import ssh_config
from ez.cli.env_gate import start_holder
from ez.cli.gates import gate_of
from ez.cli.options import ComputerOption, EnvironmentArgument, JsonOption, QuietOption, VerboseOption
from ez.cli.output import print_json, say
from ez.cli.session import Session, session
from ez.errors import CommandError, EzError
from ez.events import Notice, Output, step

if TYPE_CHECKING:
    from ez.env.editors.choose import EditorChoice
    from ez.env.editors.find import Desktop
    from ez.env.editors.ready import Made
    from ez.env.inside import Inside
    from ez.env.web.serve import Served

IdeOption = Annotated[
    str | None,
    typer.Option(
        "--ide",
        metavar="NAME",
        help="auto, none, code, code-insiders, cursor, windsurf, codium, positron, zed, gateway; jupyter or web for"
        " the browser.",
    ),
]


@dataclass(frozen=True)
class Entered:
    """An environment that runs. `alias` is what OpenSSH calls it."""

    environment: str
    computer: str
    alias: str
    workdir: str
    user: str = "envd"


@dataclass(frozen=True)
class Opened:
    """`ez env open --json`. `command` starts the editor, `link` makes a desktop or a browser open it: one for the
    browser is good for one visit. `reason` says why nothing was opened, empty where something was."""

    environment: str
    computer: str
    editor: str
    opened: bool
    reason: str
    command: tuple[str, ...]
    link: str
    notices: tuple[str, ...] = field(default=())


def open_environment(
    name: EnvironmentArgument = None,
    compute: ComputerOption = None,
    ide: IdeOption = None,
    no_open: Annotated[bool, typer.Option("--no-open", help="Only show the command and the link.")] = False,
    json_output: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Open an environment that runs in an editor, or in the browser.

    For example: ez env open hello --ide jupyter
    """
    from ez.env.editors.choose import check_choice

    with session("env-open", json_output=json_output, quiet=quiet, verbose=verbose) as run:
        wanted = check_choice(ide or run.settings.text("defaults.ide"))
        record = environment(run, name, compute)
        let_in(run, record.computer)
        opened = open_place(run, Entered(record.name, record.computer, record.alias, record.workdir), wanted, no_open)
        run.stop_progress()
        if json_output:
            print_json(opened)
        else:
            show(opened)


def show(opened: Opened) -> None:
    if opened.command:
        typer.echo(f"editor: {' '.join(opened.command)}")
    typer.echo(f"link:   {opened.link}")
    if opened.reason:
        say(f"it was not opened: {opened.reason}")


def open_place(run: Session, place: Entered, wanted: str, no_open: bool = False) -> Opened:
    """Open an editor of this computer, or the browser at what is served inside. Raises EzError where that cannot run;
    that nothing could be opened here is no error."""
    from ez.env.editors.find import desktop_of
    from ez.env.editors.table import IN_BROWSER

    desktop = desktop_of(run.settings.environment, sys.platform)
    open_it = _open_in_browser if wanted in IN_BROWSER else _open_editor
    return open_it(run, place, wanted, desktop, no_open)


def _open_editor(run: Session, place: Entered, wanted: str, desktop: Desktop, no_open: bool) -> Opened:
    from dataclasses import replace

    from ez.env.editors.choose import choose
    from ez.env.editors.launch import open_editor

    choice = choose(wanted, desktop)
    if no_open and choice.launch:
        choice = replace(choice, launch=False, reason="only the command and the link were asked for")
    notices = _make_ready(run, place, choice) if choice.launch and choice.program else ()
    reason = _tell_windows(run, place, choice, desktop) or open_editor(choice, desktop, place.alias, place.workdir)
    return Opened(
        place.environment,
        place.computer,
        choice.editor.id,
        not reason,
        reason,
        choice.editor.arguments(place.alias, place.workdir),
        choice.editor.link(place.alias, place.workdir, place.user),
        notices,
    )


def _tell_windows(run: Session, place: Entered, choice: EditorChoice, desktop: Desktop) -> str:
    """An editor of Windows that WSL starts reads Windows' own configuration; why it cannot have it, or nothing."""
    from ez.env.editors.launch import runs_in_windows
    from ez.env.editors.windows import publish_for_windows

    if not (choice.launch and runs_in_windows(choice, desktop)):
        return ""
    config, scripts = ssh_config(run), run.settings.directories.state / "windows"
    try:
        publish_for_windows(desktop, place.alias, config.arguments, scripts, config.aliases())
    except (EzError, OSError) as error:
        return f"OpenSSH of Windows could not be told of it: {error}"
    return ""


def _make_ready(run: Session, place: Entered, choice: EditorChoice) -> tuple[str, ...]:
    """Its server, extensions and settings inside."""
    from ez.env.editors.extensions import own_extensions
    from ez.env.editors.ready import make_ready
    from ez.env.editors.release import release_of

    settings, server = run.settings, choice.editor.server
    own = own_extensions(settings.text("editor.extensions"))
    if server is None or not settings.flag("editor.server"):
        return ()

    def make() -> Made:
        release = release_of(choice.program, settings.environment, server.version, server.joint)
        mirror = settings.text(f"mirrors.{server.mirror}")
        return make_ready(_inside(run, place), server, release, place.workdir, own, mirror)

    return _made(run, choice.editor.title, make)


def _made(run: Session, title: str, make: Callable[[], Made]) -> tuple[str, ...]:
    """What fails is told and stops nobody: the editor may do it by itself."""
    with step(run.sink, "editor", f"Make ready for {title}") as report:
        try:
            made = make()
        except EzError as error:
            report.detail = "the editor has to do it by itself"
            run.sink(Notice(f"nothing was made ready for {title}: {error.message}", "warning"))
            return (error.message,)
        report.skipped = not made.changed
        report.detail = ", ".join([*(["its server"] if made.fetched else []), *made.installed.ids])
    for notice in made.notices:
        run.sink(Notice(notice, "warning"))
    return made.notices


def _open_in_browser(run: Session, place: Entered, wanted: str, desktop: Desktop, no_open: bool) -> Opened:
    from ez.env.editors.launch import open_address
    from ez.env.web.open import address

    served, notices = _serve(run, place, wanted)
    held = gate_of(run, place.environment, place.computer, wanted)
    link = address(held, served, run.settings.directories.locks, run.sink, partial(start_holder, held))
    reason = "only the link was asked for" if no_open else open_address(link, desktop)
    return Opened(place.environment, place.computer, wanted, not reason, reason, (), link, notices)


def _serve(run: Session, place: Entered, wanted: str) -> tuple[Served, tuple[str, ...]]:
    """Have it run inside, with its extensions and settings; also what of them could not be had."""
    from ez.env.editors.extensions import own_extensions
    from ez.env.editors.table import IN_BROWSER
    from ez.env.web.ready import make_web_ready
    from ez.env.web.serve import Sources, serve

    settings, inside = run.settings, _inside(run, place)
    own = own_extensions(settings.text("editor.extensions"))
    sources = Sources(settings.text("network.npm_registry"), settings.text("mirrors.open_vsx"))
    with step(run.sink, "editor", f"Start {IN_BROWSER[wanted]}") as report:
        try:
            served = serve(inside, wanted, place.environment, place.workdir, sources, _tell(run))
        except CommandError as error:
            what = f"`{place.environment}` cannot be entered: {' '.join(error.result.last_lines(3))}"
            raise EzError(what, f"ez env start {place.environment}") from error
        report.skipped = served.was_there
    if wanted != "web":
        return served, ()
    return served, _made(run, IN_BROWSER[wanted], lambda: make_web_ready(inside, served, place.workdir, own))


def _tell(run: Session) -> Callable[[str], None]:
    return lambda words: run.sink(Output("editor", words))


def _inside(run: Session, place: Entered) -> Inside:
    from ez.env.inside import Inside
    from ez.ssh.config_text import environment_alias

    settings = run.settings
    return Inside(
        environment_alias(place.environment, place.computer),
        ssh_config(run).arguments,
        environment=settings.environment,
        home=settings.directories.home,
        sink=run.sink,
    )
