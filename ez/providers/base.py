"""What every provider of computers can do, the values that pass between them and ez, and capabilities that only some
have (asked by `isinstance`). Extensions of machines, as Azure has them, are none: ez prepares all machines over SSH.

A provider never opens SSH, never asks and never decides: `ez.compute` chooses sizes, keeps intents, retries elsewhere.
Making one costs nothing: no file, no network, no SDK import. Money is in US dollars an hour, memory and disks in GiB.
"""

from __future__ import annotations

import builtins
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from ez.errors import UsageError
from ez.events import Sink
from ez.models import Computer, Workspace
from ez.state import State

Power = Literal[
    "creating", "starting", "running", "stopping", "stopped", "deallocating", "deallocated", "deleting", "failed",
    "evicted", "unknown",
]  # fmt: skip
"""`stopped` is still paid for, `deallocated` is not, but for its disk and its address."""


@dataclass(frozen=True)
class Size:
    """A size of machines as its cloud names it. `gpu_count` may be a fraction; `gpu_memory` is of one whole card, or of
    the share of it. `family` is the name under which the cloud counts quota; `architecture` is `x86_64` or `arm64`;
    `generations` are the firmware generations of images that it boots (Azure: `V1`, `V2`)."""

    provider: str
    name: str
    cpus: int
    memory: float
    gpu: str = ""
    gpu_count: float = 0
    gpu_memory: float = 0
    architecture: str = "x86_64"
    family: str = ""
    generations: tuple[str, ...] = ()
    spot: bool = True
    retired: str = ""


@dataclass(frozen=True)
class Offer:
    """A size in a region with its price. `price` and `spot_price` are None where nobody knows them; `dated` is the day
    of the price (`2026-06-18`). `price_of` is the region whose prices they are, where nobody knows `region`'s own."""

    size: Size
    region: str
    price: float | None = None
    spot_price: float | None = None
    dated: str = ""
    zones: tuple[str, ...] = ()
    price_of: str = ""


@dataclass(frozen=True)
class Order:
    """One attempt at a machine, in full: what is asked of the cloud, and nothing that is to be chosen.

    `create_id` marks all that is made for it. `image` empty is the provider's own for the size. `expires` is Unix
    seconds, 0 for never; `idle_minutes` 0 for never.
    `source` is the address that may reach port 22 (`203.0.113.7/32`), empty where `private`. `user_data` is the
    cloud-init document, which holds the host key: it never goes to a log. `max_price` 0 means up to the full price.
    """

    name: str
    owner: str
    create_id: str
    offer: Offer
    image: str
    user: str
    public_key: str
    user_data: str = field(repr=False)
    host_keys: tuple[str, ...]
    disk: int = 128
    zone: str = ""
    spot: bool = False
    max_price: float = 0
    source: str = ""
    private: bool = False
    secure_boot: bool = True
    idle_minutes: int = 30
    expires: float = 0


@dataclass(frozen=True)
class Machine:
    """What a cloud says of one machine. `id` is the cloud's own; `error` its code where `power` is `failed`.

    `address` is empty while it has none. `created`, `expires` and `since` (when it came into this `power`) are Unix
    seconds, 0 where unknown or never. `name`, `owner`, `user` (whom to log in as) and `host_keys` (public lines) come
    from its tags; a machine that ez did not make has the cloud's name, and no `workspace`. So do `private` and
    `idle_minutes`, None where no tag says it.
    """

    provider: str
    name: str
    id: str
    power: Power
    size: str = ""
    region: str = ""
    zone: str = ""
    address: str = ""
    owner: str = ""
    workspace: str = ""
    spot: bool = False
    disk: int = 0
    created: float = 0
    expires: float = 0
    create_id: str = ""
    error: str = ""
    since: float = 0
    user: str = ""
    host_keys: tuple[str, ...] = ()
    private: bool = False
    idle_minutes: int | None = None


@dataclass(frozen=True)
class Finding:
    """Something that speaks against an order before it is made. `blocks` are the offers' `(region, size, zone)` for
    which it does, empty strings for all; `next` is one thing to do. `fatal` if nothing else can help."""

    code: str
    words: str
    next: str
    blocks: tuple[tuple[str, str, str], ...] = ()
    fatal: bool = False


@dataclass(frozen=True)
class Leftover:
    """A thing that is paid for, or in the way, and that no machine owns. `monthly` is in US dollars; `create_id` says
    for which attempt it was made, empty where nothing says so."""

    provider: str
    kind: str
    name: str
    id: str
    region: str
    owner: str
    created: float
    monthly: float
    create_id: str = ""


@dataclass(frozen=True)
class Standing:
    """Who asks a cloud, and where. `person`, `title` (of the account) and `tenant` as the cloud names them; `wrong` is
    what the workspace says and the cloud does not know, a sentence each."""

    person: str
    account: str
    title: str = ""
    tenant: str = ""
    wrong: tuple[str, ...] = ()


class Provider(ABC):
    """A source of computers. What it cannot do, it refuses in words (UsageError), before anything is changed."""

    key: ClassVar[str]
    cannot: ClassVar[str] = "a machine of yours is only used"

    def __init__(self, state: State, workspace: Workspace | None = None) -> None:
        self.state = state
        self.workspace = workspace or Workspace()
        self.ask: Callable[[str], None] | None = None
        """Tells the person one sentence that helps to sign in; None where nobody is there to read it."""

    def find(self, name: str) -> Computer | None:
        """The computer of that name, None when this provider has none. Reads the index alone; raises StateError."""
        found = self.state.computer(name)
        return found if found and found.provider == self.key else None

    def list(self) -> builtins.list[Computer]:
        """Its computers, by name; as quick as `find`, and raises the same."""
        return [computer for computer in self.state.computers() if computer.provider == self.key]

    def machines(self) -> builtins.list[Machine]:
        """What the cloud says of all machines in the account: one list call for each subscription or region.

        Raises CloudError.
        """
        return []

    def machine(self, name: str) -> Machine | None:
        """What the cloud says of one machine of the workspace, asked for it alone since lists may be behind; None where
        it is not there. Raises CloudError."""
        return next((each for each in self.machines() if each.name == name and each.workspace), None)

    def sizes(self) -> Sequence[Size]:
        """The sizes that can be asked for, from the catalogue that ez has; nothing is asked."""
        return ()

    def create(self, order: Order, sink: Sink) -> Machine:
        """Make the machine and wait until it runs. An order that was made already (by its `create_id`) is gone on with.

        Raises CapacityError where another zone, region or size may work, CloudError otherwise; what a failed attempt
        made is removed, and what could not be is found by `leftovers`.
        """
        raise self._refusal("made")

    def start(self, name: str, sink: Sink) -> Machine:
        """Have it run, and wait for that; running already is success. Raises CapacityError, CloudError."""
        raise self._refusal("started")

    def stop(self, name: str, sink: Sink) -> Machine:
        """Have it cost nothing but its disk and address; done already is success. Raises CloudError."""
        raise self._refusal("stopped")

    def delete(self, name: str, sink: Sink) -> None:
        """Remove it and all that was made for it; done already is success. Raises CloudError."""
        raise self._refusal("deleted")

    def _refusal(self, verb: str) -> UsageError:
        return UsageError(f"{self.cannot}: it is not {verb} by ez", "ez compute ls")


class Accounts(ABC):
    """Providers with accounts that a person signs in to."""

    @abstractmethod
    def standing(self) -> Standing:
        """Who is signed in, and what of the workspace is not there. Blocks for a few calls.

        Raises SignInError where nobody is signed in or it has expired, ConfigError, CloudError.
        """


class Checks(ABC):
    """Providers that can say beforehand why an attempt would fail."""

    @abstractmethod
    def check(self, orders: Sequence[Offer], *, spot: bool, image: str) -> builtins.list[Finding]:
        """Sign-in, registration, quota, restrictions and image, asked side by side; empty if nothing is wrong.

        Raises SignInError where nobody is signed in, CloudError.
        """

    def quota_left(self, offer: Offer, *, spot: bool) -> int | None:
        """How many CPUs of its kind may still be had there, as `check` found out; None where nobody knows."""
        return None


class Restartable(ABC):
    @abstractmethod
    def restart(self, name: str, sink: Sink) -> Machine:
        """Restart it and wait until it runs. Raises CloudError."""


class Resizable(ABC):
    @abstractmethod
    def resize(self, name: str, size: Size, sink: Sink) -> Machine:
        """Give it another size; it is deallocated for that where it has to be. Raises CapacityError, CloudError."""


class Spot(ABC):
    """Providers that sell what they have left, for less, until somebody pays for it in full."""

    @abstractmethod
    def spot_price(self, offer: Offer) -> float | None:
        """US dollars an hour for it at this moment, None where the cloud tells none. Raises CloudError."""


class SelfStopping(ABC):
    """Providers whose machines may stop themselves, by an identity or a setting that they are made with."""

    @abstractmethod
    def cannot_stop_itself(self, name: str) -> str:
        """Why not, after "it cannot stop itself: "; empty where it can. Raises CloudError."""


class Door(ABC):
    """Providers whose machines let in only the addresses that they are told."""

    @abstractmethod
    def admit(self, name: str, source: str) -> None:
        """Let in `source` (`203.0.113.7/32`) and nobody else; empty lets nobody in. Raises CloudError."""

    def caller(self) -> str:
        """The address that this person comes from as the cloud sees it, empty where it does not say."""
        return ""


class Lasting(ABC):
    """Providers that keep with a machine until when it is wanted."""

    @abstractmethod
    def last_until(self, name: str, until: float) -> None:
        """Have its tag say so (Unix seconds). Raises CloudError."""


class Fence(ABC):
    """Providers with a daily schedule of their own that stops machines, whatever happens on them. `by_default` where
    ez sets it without being asked."""

    by_default: ClassVar[bool] = True

    @abstractmethod
    def fence(self, name: str, at: str, *, yields: bool = False) -> None:
        """Have the cloud stop the machine each day at `at` (`HHMM`, UTC); empty removes it. One that `yields` the
        machine itself may take away while somebody works there, where its cloud can allow that. Raises CloudError."""


class Cleanable(ABC):
    """Providers that can find what nobody owns."""

    @abstractmethod
    def leftovers(self, owned: frozenset[str]) -> builtins.list[Leftover]:
        """What ez made in this workspace and no machine of `owned` (create ids) needs. Raises CloudError."""

    @abstractmethod
    def remove(self, leftover: Leftover, sink: Sink) -> None:
        """Remove one; done already is success. Raises CloudError."""


class Priced(ABC):
    """Providers that publish their sizes and prices."""

    @abstractmethod
    def offers(self, regions: Sequence[str], sink: Sink) -> builtins.list[Offer]:
        """Today's sizes, zones and prices of the regions, from the cloud's own lists. Raises CloudError."""
