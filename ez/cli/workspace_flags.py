"""What a command line says of a workspace, and the questions for what it leaves out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from ez.cli.compute_sizes import RegionOption
from ez.cli.output import clean, say
from ez.cli.session import Session, answer, choose_number, is_interactive
from ez.config import KEYS, check_value, is_kept
from ez.errors import UsageError
from ez.names import shown

CLOUDS = {"azure": "Microsoft Azure", "aws": "Amazon Web Services"}

CloudOption = Annotated[
    str | None, typer.Option("--provider", "-p", metavar="CLOUD", help="Where machines are made: azure, aws.")
]
AccountOption = Annotated[
    str | None,
    typer.Option("--account", metavar="ID", help="An Azure subscription or an AWS profile (default: your tool's)."),
]
TenantOption = Annotated[str | None, typer.Option("--tenant", metavar="ID", help="An Azure directory.")]
RegionsOption = RegionOption
NetworkOption = Annotated[
    str | None,
    typer.Option(
        "--network", metavar="NAME", help="A network that is there: GROUP/NAME, or vpc-ID (default: its own)."
    ),
]
RegistryOption = Annotated[
    str | None, typer.Option("--registry", metavar="NAME", help="REGISTRY/NAME for the team's images and build caches.")
]
IdleStopOption = Annotated[
    str | None,
    typer.Option("--idle-stop", metavar="TIME", help="Machines stop after so long without work: 30m, never."),
]
PrivateOption = Annotated[
    bool | None, typer.Option("--private/--public", help="Machines without a public address, or with one.")
]
ShareOption = Annotated[
    list[str] | None,
    typer.Option(
        "--share",
        metavar="NAME=SOURCE:TARGET",
        help="What environments see at a path: data=nfs://server/data:/data; repeatable.",
    ),
]
JumpOption = Annotated[
    str | None, typer.Option("--jump", metavar="HOST", help="What leads to private machines, as ssh's ProxyJump.")
]

Values = dict[str, str | bool | int | None]


@dataclass(frozen=True)
class WorkspaceFlags:
    """None and empty where nothing is said."""

    provider: str | None = None
    account: str | None = None
    tenant: str | None = None
    regions: tuple[str, ...] = ()
    network: str | None = None
    registry: str | None = None
    idle_stop: str | None = None
    private: bool | None = None
    jump: str | None = None
    shares: tuple[str, ...] = ()


def values_of(flags: WorkspaceFlags, run: Session) -> Values:
    """The settings of a workspace, None for those that it leaves open: as the flags say, else as the person answers.

    Raises UsageError where nobody can be asked for the cloud, or a flag makes no sense.
    """
    from ez.cli.quantities import parse_idle

    asks = flags.provider is None
    provider = flags.provider if flags.provider is not None else _ask_provider(run)
    if provider not in CLOUDS:
        raise UsageError(f"not a cloud: `{shown(provider)}`", f"use -p {' or -p '.join(CLOUDS)}")
    account, tenant, near = flags.account, flags.tenant, ""
    if account is None and asks:
        account, tenant, near = _ask_account(run, provider)
    regions = flags.regions or (_ask_regions(provider, near) if asks else ())
    idle = None if flags.idle_stop is None else parse_idle(flags.idle_stop)
    return {
        "workspace.provider": provider,
        "workspace.account": account or None,
        "workspace.tenant": (flags.tenant or tenant) or None,
        "workspace.regions": " ".join(_checked(provider, regions)) or None,
        "workspace.network": flags.network or None,
        "workspace.registry": flags.registry or None,
        "workspace.idle": None if idle is None else str(idle) if idle else "never",
        "workspace.private": flags.private,
        "workspace.jump": flags.jump or None,
        **_shares(flags.shares),
    }


def emptied(found: Mapping[str, object]) -> Values:
    """Nothing for each setting of a workspace, those of its file `found` among them."""
    return {key: None for key in (*KEYS, *found) if is_kept(key)}


def show_values(values: Sequence[tuple[str, object]]) -> None:
    for key, value in values:
        said = str(value).lower() if isinstance(value, bool) else str(value)
        say(f"  {key.removeprefix('workspace.') + ':':<20}{clean(said)}")


def _ask_provider(run: Session) -> str:
    if not is_interactive():
        raise UsageError("which cloud are machines made in?", "add -p azure or -p aws")
    run.stop_progress()
    names = list(CLOUDS)
    return names[_choose("which cloud?", [f"{name} ({CLOUDS[name]})" for name in names])]


def _ask_account(run: Session, provider: str) -> tuple[str | None, str | None, str]:
    """The account, its directory, and the region that the cloud's own tool would take."""
    from ez.providers.accounts import known_accounts

    found = known_accounts(provider, run.settings.directories.home, run.settings.environment)
    if not found:
        say(f"no account of {provider} is known here; the one that you sign in to is taken")
        return None, None, ""
    rows = [" ".join(part for part in (each.title, each.account, each.person) if part) for each in found]
    if provider == "aws":
        rows.append("each person's own default profile")
    chosen = _choose("which account?", rows)
    if chosen == len(found):
        return None, None, found[0].region
    return found[chosen].account, found[chosen].tenant, found[chosen].region


def _ask_regions(provider: str, near: str) -> tuple[str, ...]:
    from ez.providers.catalogue import shipped

    first = near or shipped(provider).offers[0].region
    return tuple(answer(f"which regions, the preferred one first? [{first}]").split()) or (first,)


def _checked(provider: str, regions: Sequence[str]) -> list[str]:
    """Regions as the clouds spell them: `East US` of Azure is `eastus`. Raises UsageError."""
    from ez.providers.catalogue import is_region

    found = [region.strip().lower().replace(" ", "") for region in regions]
    for region in found:
        if not is_region(provider, region):
            raise UsageError(f"not a region: `{shown(region)}`", "write it as the cloud does: westeurope, eu-west-1")
    return found


def _shares(texts: Sequence[str]) -> Values:
    """Raises UsageError for one without a name, ConfigError for what can be no share."""
    found: Values = {}
    for text in texts:
        name, equals, share = text.partition("=")
        if not equals or not share or f"shares.{name}" in found:
            raise UsageError(f"not a name and a share: `{shown(text)}`", "write it as --share data=SOURCE:TARGET")
        found[f"shares.{name}"] = check_value(f"shares.{name}", share, "--share")
    return found


def _choose(question: str, rows: Sequence[str]) -> int:
    """The index of the row that the person chooses, the first one if they only press Enter. Raises EzError."""
    for number, row in enumerate(rows, 1):
        say(f"{number:>3}  {clean(row)}")
    return choose_number(question, len(rows))
