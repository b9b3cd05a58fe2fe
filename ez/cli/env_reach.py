"""What of home reaches into an environment: the kept connection, the agent, what it may ask for, its secrets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ez.cli.env_link import Link, link_of
from ez.cli.keeping import keeper_of, records_of
from ez.cli.session import Session
from ez.errors import EzError, KeeperError
from ez.state import EnvironmentRecord

if TYPE_CHECKING:
    from ez.env.credentials.rules import Rule
    from ez.env.link.client import Keeper
    from ez.env.secrets.wanted import Wanted


@dataclass(frozen=True)
class Home:
    """The agent of this computer, as the keeper knows it: where it is, empty for none that answers; `waiting` counts
    signatures that wait for the person, to confirm or to touch a key."""

    allowed: bool = False
    socket: str = ""
    keys: int = 0
    waiting: int = 0


@dataclass(frozen=True)
class Reach:
    """`trouble` is why `allowed` and `secrets` cannot be told."""

    link: Link
    agent: Home
    allowed: tuple[Rule, ...] = ()
    secrets: tuple[Wanted, ...] = ()
    trouble: str = ""

    @property
    def rows(self) -> tuple[tuple[str, str], ...]:
        """For a person: what it is, and how it stands."""
        allowed = ", ".join(f"{rule.kind} {rule.name}".strip() for rule in self.allowed) or "nothing"
        return (
            ("link", link_words(self.link)),
            ("agent", agent_words(self.link, self.agent)),
            ("may ask", self.trouble or allowed),
            ("secrets", ", ".join(entry.place for entry in self.secrets) or "none"),
        )


def reach_of(run: Session, record: EnvironmentRecord) -> Reach:
    """Nothing is asked of the environment's computer."""
    from ez.env.credentials.rules import Rules
    from ez.env.secrets.wanted import WantedFile

    link, home = look_home(run, record)
    records = records_of(run, record.name, record.computer)
    try:
        return Reach(link, home, Rules(records).all(), WantedFile(records).read())
    except EzError as error:
        return Reach(link, home, trouble=error.message)


def look_home(run: Session, record: EnvironmentRecord) -> tuple[Link, Home]:
    keeper = keeper_of(run, record.name, record.computer)
    link = link_of(keeper.ask, record.name, record.computer)
    return link, _home(keeper) if link.kept else Home()


def _home(keeper: Keeper) -> Home:
    try:
        found = keeper.ask("agent", "show")
    except KeeperError:
        found = None
    told = found if isinstance(found, dict) else {}
    numbers = (int(told.get(name, 0)) for name in ("keys", "waiting"))
    return Home(bool(told.get("allowed")), str(told.get("socket", "")), *numbers)


def link_words(link: Link) -> str:
    if not link.kept:
        return f"not kept: ez env link start {link.environment}"
    return "kept" if link.connected else f"lost, tried again: {link.trouble or 'not yet made'}"


def agent_words(link: Link, home: Home) -> str:
    """The agent at home."""
    if not link.kept:
        return "not asked"
    if not home.allowed:
        return f"not allowed: ez env allow {link.environment} agent"
    if not home.socket:
        return "none that answers"
    waiting = f"; {home.waiting} signature waits for you: confirm it, or touch the key" if home.waiting else ""
    return f"{home.keys} keys at {home.socket}{waiting}"
