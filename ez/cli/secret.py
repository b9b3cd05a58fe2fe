"""`ez secret`: values that environments get, kept in your system's keyring."""

from __future__ import annotations

import getpass
import sys
import time
from dataclasses import dataclass
from typing import Annotated

import typer

from ez.cli.access import environment, let_in
from ez.cli.options import ComputerOption, EnvironmentArgument, JsonOption, YesOption
from ez.cli.output import print_json, print_table, say
from ez.cli.secret_give import hand_over, plan_secrets, secrets_of
from ez.cli.session import Session, confirm, is_interactive, session
from ez.errors import EzError, SecretError

app = typer.Typer(
    help="Secrets: values kept in your keyring, for environments.", no_args_is_help=True, rich_markup_mode=None
)
_NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The secret.")]


@dataclass(frozen=True)
class ShownSecret:
    """One of `ez secret ls --json`: `kept` is keyring or age, `updated` Unix seconds, `environments` those that get it
    (`NAME.COMPUTER`)."""

    name: str
    kept: str
    updated: float
    environments: tuple[str, ...] = ()


@app.command("set")
def set_(
    name: _NameArgument,
    exact: Annotated[
        bool, typer.Option("--exact", help="Keep a line end that closes the input as part of the value.")
    ] = False,
    json_output: JsonOption = False,
) -> None:
    """Keep a secret: ez secret set HF_TOKEN < token.txt. On a terminal it is asked for; it is never an argument."""
    from ez.env.secrets.wanted import check_secret_name

    check_secret_name(name)
    with session("secret-set", json_output=json_output, log=False) as run:
        run.stop_progress()
        known = secrets_of(run).set(name, _value(name, exact=exact))
        if json_output:
            print_json(ShownSecret(known.name, known.kind, known.updated, _environments(run).get(name, ())))
        else:
            say(f"`{name}` is kept ({known.kind}); an environment gets it: ez env go --secret {name}")


@app.command()
def ls(json_output: JsonOption = False) -> None:
    """List the names of secrets, and who gets them: ez secret ls. No value is shown."""
    with session("secret-ls", json_output=json_output, log=False) as run:
        given = _environments(run)
        shown = tuple(
            ShownSecret(one.name, one.kind, one.updated, given.get(one.name, ())) for one in secrets_of(run).all()
        )
        run.stop_progress()
        if json_output:
            print_json(shown)
        elif shown:
            rows = [(one.name, one.kept, _day(one.updated), " ".join(one.environments)) for one in shown]
            print_table(("NAME", "KEPT IN", "SET", "ENVIRONMENTS"), rows)
        else:
            say("no secrets yet; keep one: ez secret set NAME")


@app.command()
def rm(name: _NameArgument, yes: YesOption = False, json_output: JsonOption = False) -> None:
    """Forget a secret: ez secret rm HF_TOKEN. Environments that run have it until they are stopped."""
    from ez.env.secrets.wanted import check_secret_name

    check_secret_name(name)
    with session("secret-rm", json_output=json_output, log=False) as run:
        run.stop_progress()
        confirm(f"forget the secret `{name}`?", yes=yes)
        if not secrets_of(run).remove(name):
            raise SecretError(f"no secret `{name}`", "ez secret ls")
        if json_output:
            print_json(ShownSecret(name, "", 0.0))
        else:
            say(f"`{name}` is forgotten")


@app.command()
def give(
    name: EnvironmentArgument = None,
    compute: ComputerOption = None,
    secrets: Annotated[
        list[str] | None,
        typer.Option("--secret", metavar="NAME[=FORM]", help="One more it gets, as file, env or env:VARIABLE."),
    ] = None,
    if_missing: Annotated[bool, typer.Option("--if-missing", help="Only where it was started without.")] = False,
    json_output: JsonOption = False,
) -> None:
    """Hand its secrets over to an environment that runs, after one has changed: ez secret give NAME."""
    with session("secret-give", json_output=json_output) as run:
        record = environment(run, name, compute)
        let_in(run, record.computer)
        wanted = plan_secrets(run, record.name, record.computer, record.repo, tuple(secrets or ()))
        if not (if_missing and _has_some(run, f"{record.name}.{record.computer}.ez")):
            hand_over(run, record.name, record.computer, wanted, tuple(secrets or ()))
        run.stop_progress()
        if json_output:
            print_json(tuple(wanted))
        else:
            say(f"`{record.name}` has {', '.join(entry.place for entry in wanted) or 'no secrets'}")


def _value(name: str, *, exact: bool) -> bytes:
    """From a terminal, without showing it, or all of standard input."""
    if is_interactive():
        return getpass.getpass(f"{name}: ", sys.stderr).encode()
    if sys.stdin is None:
        raise EzError("a secret comes on standard input", f"ez secret set {name} < FILE")
    from ez.env.secrets.store import LARGEST

    value = sys.stdin.buffer.read(LARGEST + 2)
    if not exact:
        value = value.removesuffix(b"\n").removesuffix(b"\r")
    return value


def _environments(run: Session) -> dict[str, tuple[str, ...]]:
    """Names of secrets -> the environments that get them."""
    from ez.cli.keeping import records_of
    from ez.env.secrets.wanted import WantedFile

    found: dict[str, tuple[str, ...]] = {}
    for record in run.state.environments():
        for entry in WantedFile(records_of(run, record.name, record.computer)).read():
            found[entry.name] = (*found.get(entry.name, ()), f"{record.name}.{record.computer}")
    return found


def _has_some(run: Session, alias: str) -> bool:
    import subprocess

    from ez.cli.endpoint import ssh_config

    question = ("-o", "BatchMode=yes", "-o", "ControlPath=none", "-T", "--", alias, "test -e /run/secrets/.variables")
    command = ["ssh", *ssh_config(run).arguments, *question]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0


def _day(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))
