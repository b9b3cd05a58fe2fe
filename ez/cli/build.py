"""`ez build`: the image of what a repo describes, why its steps ran, and what the engine keeps of them."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ez.cli import build_cache
from ez.cli.options import (
    ArgumentsOption,
    ComputerOption,
    JsonOption,
    QuietOption,
    SecretOption,
    SshOption,
    SyntaxOption,
    VerboseOption,
    arguments_of,
    entry_of,
)
from ez.errors import UsageError


class _Build(TyperGroup):
    """A command with commands below it: one of their names has to be the very first word, `./NAME` is a directory."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] in self.commands:
            return super().parse_args(ctx, args)
        ctx.allow_interspersed_args, ctx.allow_extra_args = True, False
        return super(TyperGroup, self).parse_args(ctx, args)

    def get_params(self, ctx: Any) -> list[Any]:
        """All of them for the command itself; none for the commands below, which have their own."""
        return super().get_params(ctx) if ctx.command is self and ctx.allow_interspersed_args else []

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return super(TyperGroup, self).collect_usage_pieces(ctx)


app = typer.Typer(cls=_Build, invoke_without_command=True, rich_markup_mode=None)
app.add_typer(build_cache.app, name="cache")


@app.callback()
def build(
    context: typer.Context,
    repo: Annotated[
        str | None,
        typer.Argument(
            metavar="[PATH|URL]", help="A directory (default: this one), a Git URL, or owner/name on GitHub."
        ),
    ] = None,
    from_: Annotated[
        str, typer.Option("--from", metavar="FILE[:FUNC]", help="The build file, and the function in it.")
    ] = "build.envd:build",
    arguments: ArgumentsOption = None,
    compute: ComputerOption = None,
    tags: Annotated[
        list[str] | None,
        typer.Option(
            "--tag", "-t", metavar="NAME[:TAG]", help="Name of the image; repeatable (default: as `ez env go`)."
        ),
    ] = None,
    push: Annotated[bool, typer.Option("--push", help="Push it to the registry of each --tag.")] = False,
    outputs: Annotated[
        list[str] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="SPEC",
            help="DIR, type=local|tar|oci|docker,dest=PATH, or - for a tar; repeatable.",
        ),
    ] = None,
    platforms: Annotated[
        list[str] | None,
        typer.Option("--platform", metavar="OS/ARCH[,...]", help="Build for these (default: the engine's own)."),
    ] = None,
    cache_from: Annotated[
        list[str] | None,
        typer.Option("--cache-from", metavar="SPEC", help="REF, or type=local,src=DIR: cache to read; repeatable."),
    ] = None,
    cache_to: Annotated[
        list[str] | None,
        typer.Option(
            "--cache-to",
            metavar="SPEC",
            help="REF, type=registry,ref=REF,mode=max, type=local,dest=DIR or type=inline: cache to write; repeatable.",
        ),
    ] = None,
    secrets: SecretOption = None,
    ssh: SshOption = None,
    rebuild: Annotated[bool, typer.Option("--no-cache", "--rebuild", help="Run every step anew.")] = False,
    plain: Annotated[
        bool, typer.Option("--plain", help="Add nothing to enter it by, unless the build file says dev=True.")
    ] = False,
    name: Annotated[
        str | None, typer.Option("--name", "-e", metavar="ENV", help="Name of the environment (default: the repo's).")
    ] = None,
    ref: Annotated[str | None, typer.Option("--ref", metavar="REF", help="Branch, tag or commit.")] = None,
    print_: Annotated[
        str | None,
        typer.Option("--print", metavar="KIND", help="Build nothing, print what would be: graph, llb or json."),
    ] = None,
    file: Annotated[
        str | None, typer.Option("--file", metavar="OUT", help="Where --print writes (graph: a picture if *.svg).")
    ] = None,
    timestamp: Annotated[
        str | None,
        typer.Option(
            "--timestamp", metavar="SECONDS", help="The time of everything in the result (default: SOURCE_DATE_EPOCH)."
        ),
    ] = None,
    mistakes: Annotated[
        bool,
        typer.Option("--check", help="Build nothing; list every mistake in the build file, with --json for an editor."),
    ] = False,
    check: Annotated[
        bool, typer.Option("--check-reproducible", help="Build twice, without any cache, and compare the two images.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and stop.")] = False,
    syntax: SyntaxOption = None,
    migrate: Annotated[
        bool, typer.Option("--migrate", help="Build nothing; show the build file of v0 as v1, as a diff.")
    ] = False,
    write: Annotated[bool, typer.Option("--write", help="With --migrate: write it.")] = False,
    stubs: Annotated[
        str | None,
        typer.Option("--stubs", metavar="DIR", help="Build nothing; write the language's names there, for an editor."),
    ] = None,
    progress: Annotated[
        str, typer.Option("--progress", metavar="KIND", help="auto, plain, json (an object per line) or quiet.")
    ] = "auto",
    json_output: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Build the image that a repo describes, on this computer or another.

    It is the image that `ez env go` starts, which then finds it there; --tag gives it other names instead. On this
    computer it is built by the engine that the Docker CLI uses (DOCKER_HOST, contexts) or by a buildkitd
    (BUILDKIT_HOST), on another one by its Docker Engine or its buildkitd (build.buildkitd). Write directories called
    `cache` or `explain` as `./cache` and `./explain`.
    """
    if context.invoked_subcommand is not None:
        return
    entry = entry_of(from_, syntax)
    if stubs is not None:
        from ez.cli.migrate import write_stubs

        write_stubs(stubs, syntax or "v1")
        return
    if write and not migrate:
        raise UsageError("--write is what --migrate does in the end", "ez build --migrate --write")
    if migrate:
        from ez.cli.migrate import run_migrate

        run_migrate(repo, entry, name, arguments_of(arguments), write=write, json_output=json_output)
        return
    if mistakes:
        from ez.cli.check import run_check

        run_check(repo, entry, name, arguments_of(arguments), plain=plain, json_output=json_output)
        return
    from ez.cli.build_flags import BuildFlags
    from ez.cli.build_run import run_build

    flags = BuildFlags(
        repo=repo,
        computer=compute,
        name=name,
        entry=entry,
        arguments=arguments_of(arguments),
        ref=ref,
        tags=tuple(tags or ()),
        push=push,
        outputs=tuple(outputs or ()),
        platforms=tuple(platforms or ()),
        cache_from=tuple(cache_from or ()),
        cache_to=tuple(cache_to or ()),
        secrets=tuple(secrets or ()),
        ssh=tuple(ssh or ()),
        rebuild=rebuild,
        plain=plain,
        print=print_,
        file=file,
        timestamp=timestamp,
        check=check,
        dry_run=dry_run,
        progress=progress,
        quiet=quiet,
    )
    run_build(flags, json_output=json_output, verbose=verbose)


@app.command()
def explain(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME|PATH]", help="An environment, or its directory (default: this one).")
    ] = None,
    compute: ComputerOption = None,
    json_output: JsonOption = False,
) -> None:
    """Say why each step of the last build ran, and what that cost; from this computer's records, at once."""
    from ez.cli.explain import run_explain

    run_explain(name, compute, json_output=json_output)
