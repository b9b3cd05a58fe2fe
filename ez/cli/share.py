"""`ez share`: shares of the workspace and of environments, who logs in to them, and having them on this computer."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ez.cli.access import connect, environment
from ez.cli.endpoint import ssh_config
from ez.cli.options import ComputerOption, JsonOption
from ez.cli.output import print_json, print_table, say
from ez.cli.session import Session, is_interactive, session
from ez.errors import EzError, UsageError

if TYPE_CHECKING:
    from ez.env.shares.model import Share

app = typer.Typer(
    help="Shares: files from elsewhere at one path of environments, and on this computer.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

ShareArgument = Annotated[
    str, typer.Argument(metavar="SHARE", help="A share of the workspace by its name, or any source: s3://bucket.")
]


@dataclass(frozen=True)
class ShareRow:
    """`ez share ls --json`: a share of the workspace, or of an environment. `state` is empty where nobody asked;
    `opened` is where this computer has it."""

    name: str
    source: str
    target: str
    state: str = ""
    seconds: int = 0
    why: str = ""
    opened: str = ""


@app.command()
def ls(
    name: Annotated[
        str | None, typer.Argument(metavar="[ENV]", help="An environment, for its shares and whether they answer.")
    ] = None,
    compute: ComputerOption = None,
    json_output: JsonOption = False,
) -> None:
    """List the shares of the workspace, or those of an environment as they are now: ez share ls ENV."""
    with session("share-ls", json_output=json_output) as run:
        rows = _of_workspace(run) if name is None else _of_environment(run, name, compute)
        run.stop_progress()
        if json_output:
            print_json(rows)
        elif rows:
            print_table(
                ("NAME", "SOURCE", "PATH", "STATE", "HERE"),
                [(row.name, row.source, row.target, " ".join((row.state, row.why)), row.opened) for row in rows],
            )
        else:
            say("no shares; give one to an environment: ez env go --mount s3://bucket:/data")


@app.command()
def login(
    share: ShareArgument,
    compute: ComputerOption = None,
    here: Annotated[bool, typer.Option("--here", help="For `ez share open` on this computer.")] = False,
    user: Annotated[
        str | None, typer.Option("--user", "-u", metavar="NAME", help="Who logs in; for S3 the access key's id.")
    ] = None,
    domain: Annotated[str | None, typer.Option("--domain", metavar="NAME", help="The domain of an SMB user.")] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Also after a restart: in a file there that only root reads, else in memory.")
    ] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Forget it there.")] = False,
    json_output: JsonOption = False,
) -> None:
    """Give a computer what logs in to a share; the secret is asked for, or read from standard input.

    Example: ez share login smb://files.example.org/data -c gpu1 --user ann
    """
    from ez.env.shares.login import lines_of, store_here, unknown_kind
    from ez.env.shares.mounting import keep_login

    with session("share-login", json_output=json_output) as run:
        wanted = _share_of(run, share)
        unknown_kind(wanted)
        run.stop_progress()
        users: tuple[str, ...] = ()
        lines = {} if forget else lines_of(wanted, user or wanted.user, domain or "", _secret(wanted))
        if here:
            store_here(run.settings, wanted, lines, lasts=keep)
            where = "this computer"
        else:
            with connect(run, _computer(run, compute)) as host:
                users = keep_login(host, wanted, lines, lasts=keep)
                where = f"`{host.name}`"
        if json_output:
            print_json(LoggedIn(wanted.text, "" if here else where.strip("`"), not forget, keep, users))
        elif forget:
            say(f"{where} has forgotten it")
        else:
            say(f"{where} logs in to {wanted.text}" + ("" if keep or here else " until it restarts"))


@dataclass(frozen=True)
class LoggedIn:
    """`ez share login --json`; `shares` are those that were started anew, as `ENVIRONMENT.SHARE`."""

    source: str
    computer: str
    known: bool
    kept: bool
    shares: tuple[str, ...]


@app.command(name="open")
def open_(
    share: ShareArgument,
    compute: Annotated[
        str | None,
        typer.Option("--compute", "-c", metavar="NAME", help="Through the SSH connection to this computer."),
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="PATH", help="Where (default: the share's own path, or ~/ez/shares).")
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Have a share on this computer: ez share open data -c gpu1, where only gpu1 reaches its server."""
    from ez.cli.share_open import open_share

    with session("share-open", json_output=json_output) as run:
        opened = open_share(run, share, _share_of(run, share), compute, at)
        run.stop_progress()
        if json_output:
            print_json(opened)
        else:
            typer.echo(f"{opened.source} is at {opened.path}")
            say(f"close it: ez share close {share}")


@app.command()
def close(share: ShareArgument, json_output: JsonOption = False) -> None:
    """Take a share from this computer that `ez share open` brought: ez share close data."""
    from ez.env.shares.here import close as close_share

    with session("share-close", json_output=json_output) as run:
        closed = close_share(run.settings, _share_of(run, share))
        run.stop_progress()
        if json_output:
            print_json(closed)
        else:
            say(f"{closed.source} is not at {closed.path} any more")


@app.command(hidden=True)
def hold(job: Annotated[Path, typer.Argument()]) -> None:
    """Serve folders of this computer to another one: what `ez env go` leaves to a process of its own."""
    from ez.env.shares.home import hold as hold_job

    with session("share-hold", quiet=True) as run:
        hold_job(job, ["ssh", *ssh_config(run).arguments], run.sink)


@app.command(name="hold-open", hidden=True)
def hold_open(job: Annotated[Path, typer.Argument()]) -> None:
    """Keep a share on this computer: what `ez share open` leaves to a process of its own."""
    from ez.env.shares.here import hold as hold_job

    with session("share-hold-open", quiet=True) as run:
        hold_job(job, run.settings, ["ssh", *ssh_config(run).arguments], run.sink)


def _of_workspace(run: Session) -> list[ShareRow]:
    from ez.env.shares.here import opened
    from ez.env.shares.model import parse_share

    shares = [parse_share(name, text) for name, text in run.settings.shares]
    places = {item.source: item.path for item in opened(run.settings)}
    rows = [ShareRow(share.name, share.text, share.target, opened=places.pop(share.text, "")) for share in shares]
    return rows + [ShareRow("", source, "", opened=path) for source, path in places.items()]


def _of_environment(run: Session, name: str, computer: str | None) -> list[ShareRow]:
    from ez.env import manage
    from ez.env.shares.chosen import of_container
    from ez.env.shares.status import states

    record = environment(run, name, computer)
    with connect(run, record.computer) as host:
        found = states(host, record.name, of_container(manage.inspect(host, record.name).container))
    return [
        ShareRow(
            each.name,
            each.pair.removesuffix(":ro").removesuffix(f":{each.target}"),
            each.target,
            each.state,
            each.seconds,
            each.why,
        )
        for each in found
    ]


def _share_of(run: Session, text: str) -> Share:
    """Raises UsageError."""
    from ez.env.shares.model import parse_share

    known = dict(run.settings.shares)
    if text in known:
        return parse_share(text, known[text])
    if ":" not in text and not text.startswith(("/", "~/")):
        names = ", ".join(sorted(known)) or "none"
        raise UsageError(f"no share of that name in the workspace: `{text[:60]}`", f"shares there: {names}")
    return parse_share("", f"{text}:/srv/share")


def _computer(run: Session, given: str | None) -> str:
    name = given or run.settings.text("defaults.computer")
    return "local" if name == "." else name


def _secret(share: Share) -> str:
    """From a terminal without showing it, else all of standard input. Raises EzError where there is none."""
    from ez.env.shares.login import QUESTIONS

    if is_interactive():
        import getpass

        try:
            secret = getpass.getpass(f"{QUESTIONS[share.kind]} of {share.text}: ")
        except EOFError:
            secret = ""
    else:
        secret = _piped()
    if not secret.strip():
        raise EzError("no secret was given", "type it, or pipe it in: ez share login ... < FILE")
    return secret


def _piped() -> str:
    try:
        return sys.stdin.buffer.read(100_000).decode() if sys.stdin is not None else ""
    except UnicodeDecodeError as error:
        raise EzError("the secret is no text in UTF-8", "give it as text") from error
