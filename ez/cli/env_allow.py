"""`ez env allow`: what an environment may ask for at home."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from ez.cli.access import environment
from ez.cli.keeping import records_of
from ez.cli.options import ComputerOption, EnvironmentArgument, JsonOption
from ez.cli.output import clean, print_json, print_table, say
from ez.cli.session import session

if TYPE_CHECKING:
    from ez.env.credentials.rules import Rule


@dataclass(frozen=True)
class Allowed:
    """`ez env allow --json`: all that is allowed now."""

    environment: str
    computer: str
    rules: tuple[Rule, ...]


def allow(
    name: EnvironmentArgument = None,
    kind: Annotated[
        str | None,
        typer.Argument(metavar="[KIND]", help="agent, git, registry, gpg, secret; none: show what is allowed."),
    ] = None,
    of: Annotated[
        str,
        typer.Argument(metavar="[OF]", help="https://HOST of git, HOST of a registry, a key of gpg, a secret's name."),
    ] = "",
    remove: Annotated[bool, typer.Option("--remove", help="Allow it no longer.")] = False,
    compute: ComputerOption = None,
    json_output: JsonOption = False,
) -> None:
    """Allow an environment to ask for a credential at home: ez env allow NAME git https://git.example.org."""
    from ez.env.credentials.rules import Rules, parse_rule

    with session("env-allow", json_output=json_output, log=False) as run:
        record = environment(run, name, compute)
        rules = Rules(records_of(run, record.name, record.computer))
        if kind is None:
            found = rules.all()
        else:
            rule = parse_rule(kind, of)
            found = rules.change(remove=[rule]) if remove else rules.change(add=[rule])
        run.stop_progress()
        if json_output:
            print_json(Allowed(record.name, record.computer, found))
        elif found:
            print_table(("KIND", "OF"), [(rule.kind, clean(rule.name)) for rule in found])
        else:
            say(f"`{record.name}` may ask for nothing at home")
