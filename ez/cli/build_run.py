"""What `ez build` adds to the line: printing, comparing, planning or building, and the result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ez.build.order import STREAM
from ez.cli.build_flags import PROGRESS, BuildFlags, choice, make_request, refuse_conflicts
from ez.cli.line import make_context, project_directory, show_plan
from ez.cli.output import clean, print_json, say
from ez.cli.quantities import number_of
from ez.cli.session import Session, session
from ez.env.build import NAMED, BuildResult, build, check, describe
from ez.env.kept import history_path
from ez.env.request import BuildRequest, GoContext
from ez.errors import EzError, UsageError

if TYPE_CHECKING:
    from ez.build.reproducible.check import Comparison

_SHOWN_FILES = 5


def run_build(flags: BuildFlags, *, json_output: bool, verbose: bool) -> None:
    refuse_conflicts(flags, json_output=json_output)
    progress = "quiet" if flags.quiet else choice(flags.progress, PROGRESS, "--progress")
    here = Path.cwd()
    project = project_directory(flags.repo, here)
    with session("build", json_output=json_output, progress=progress, verbose=verbose, project=project) as run:
        request = make_request(flags, run.settings, here)
        streams = sum(output.target == STREAM for output in request.outputs)
        if streams and (streams > 1 or json_output):
            raise UsageError("stdout is for one thing: --output -, or --json", "name a file: type=tar,dest=FILE")
        context = make_context(run)
        if flags.print is not None:
            _print(request, context, flags, run)
        elif flags.dry_run:
            from ez.env.plan import plan_build

            planned = plan_build(request, context)
            run.stop_progress()
            show_plan(planned, json_output=json_output)
        elif flags.check:
            _check(request, context, run)
        else:
            result = build(request, context)
            run.stop_progress()
            if json_output:
                print_json(result)
            else:
                _show(result, streamed=bool(streams))


def _print(request: BuildRequest, context: GoContext, flags: BuildFlags, run: Session) -> None:
    from ez.build.explain.record import read_history
    from ez.cli.build_print import print_definition

    definition = describe(request, context)
    history = read_history(history_path(run.settings, request.computer, request.repo))
    run.stop_progress()
    print_definition(definition, history, flags.print or "", flags.file, request.platforms)


def _check(request: BuildRequest, context: GoContext, run: Session) -> None:
    """Raises EzError, after what differs is told, where anything does."""
    comparison = check(request, context)
    run.stop_progress()
    if run.json_output:
        print_json(comparison)
    elif comparison.equal:
        typer.echo(f"reproducible: {comparison.first}")
    else:
        _show_differences(comparison)
    if not comparison.equal:
        hint = "mend what is listed above, or lock it: ez lock"
        if comparison.only_times:
            hint = "build where times can be rewritten: an engine with the containerd image store, or a buildkitd"
        raise EzError("two builds of the same description differ", hint)


def _show(result: BuildResult, *, streamed: bool) -> None:
    """Names with the image's id, then files; as talk where a tar goes to stdout."""
    named = [output.target for output in result.outputs if output.kind in NAMED]
    lines = [f"{reference}  {result.id}" for reference in named]
    lines += [f"{output.kind}  {output.target}" for output in result.outputs if output.kind not in NAMED]
    for line in lines:
        say(line) if streamed else typer.echo(line)


def _show_differences(comparison: Comparison) -> None:
    typer.echo(f"different: {comparison.first} and {comparison.second}")
    for setting in comparison.settings:
        typer.echo(f"  the image's `{clean(setting)}` differs")
    for layer in comparison.layers:
        typer.echo(f"  layer {layer.number}, {number_of(layer.count, 'file')}, made by: {clean(layer.made_by[:120])}")
        for file in layer.files[:_SHOWN_FILES]:
            typer.echo(f"    {clean(file.path)} ({', '.join(file.what)}): {file.reason}")
        if layer.count > _SHOWN_FILES:
            typer.echo(f"    and {layer.count - _SHOWN_FILES} more")
