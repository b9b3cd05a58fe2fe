"""The emulator as tests and `scripts/cloud` use it: servers in front of a cloud, and what can be done to that cloud."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from . import (
    access,
    auth,
    certificates,
    compute,
    control,
    deployments,
    disks,
    groups,
    interfaces,
    metadata,
    network,
    offers,
    power,
    schedules,
    shares,
    storage,
)
from .catalogue import size
from .clock import Clock
from .cloud import SUBSCRIPTION, Cloud, Settings
from .doors import Ports
from .faults import Fault
from .limits import Bucket, Restriction, Shortage
from .log import Entry
from .machine import Machine
from .seed import seed
from .server import Server
from .wire import Caller

if TYPE_CHECKING:
    from .computers import Computers

ROUTES = tuple(
    route
    for module in (
        groups, network, interfaces, compute, power, disks, offers, access, schedules, storage, shares, deployments,
        metadata, auth, control,
    )
    for route in module.ROUTES
)  # fmt: skip


class Emulator:
    """A cloud behind a real HTTP server, from `with` or `start` on.

    `virtual`: time moves with the calls made (a poll of an operation counts for as long as it says to wait), so that
    nothing takes real time; otherwise it is real, and operations take `pace` of what they take on Azure. `tls`: the
    same cloud also at `https_url`, with `authority` to be trusted; there is the token endpoint that azure-identity and
    the Azure CLI sign in at. `computers`: machines are computers of the testbed, see `computers.py`.
    """

    def __init__(
        self,
        *,
        virtual: bool = True,
        pace: float = 0.1,
        tls: bool = False,
        computers: Computers | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        tls_port: int = 0,
    ) -> None:
        self.clock = Clock(virtual=virtual, pace=pace)
        self.cloud = Cloud(self.clock, ROUTES, computers=computers)
        self.cloud.roles.update(access.built_in())
        self._address, self._tls_port, self._tls = (host, port), tls_port, tls
        self._stack = ExitStack()
        self.url = self.https_url = ""
        self.authority = Path()

    def start(self) -> Self:
        self.url = self._serve(Server(self.cloud, self._address))
        computers = self.cloud.computers
        if self._tls or computers:
            folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="ez-cloud-")))
            self.authority, context = certificates.make(folder, self._address[0])
            self.https_url = self._serve(Server(self.cloud, (self._address[0], self._tls_port), context))
            if computers:
                self._serve_machines(computers, context)
        return self

    def _serve_machines(self, computers: Computers, context: ssl.SSLContext) -> None:
        """On the bridge, for machines: the metadata, and the API under Azure's own names."""
        self._stack.callback(computers.close)
        plain, tls = (Server(self.cloud, (computers.gateway, 0), one) for one in (None, context))
        self._serve(plain)
        self._serve(tls)
        computers.open(self.authority.read_text(), Ports(plain.port, tls.port))

    def _serve(self, server: Server) -> str:
        server.start()
        self._stack.callback(server.stop)
        return server.url

    def stop(self) -> None:
        self._stack.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # What is there.

    subscription = SUBSCRIPTION

    @property
    def settings(self) -> Settings:
        return self.cloud.settings

    @property
    def log(self) -> list[Entry]:
        """The calls made so far; `calls` counts those of a route."""
        return self.cloud.log.entries

    def calls(self, route: str = "*") -> int:
        return len(self.cloud.log.of(route))

    def count(self, *, groups: bool = True) -> int:
        """Resources that are there, resource groups, roles and what hangs below a resource included: 0 if nothing was
        left."""
        return len([one for one in self.resources() if groups or one.count("/") > 4])

    def resources(self) -> list[str]:
        """The ids of all that is there."""
        with self.cloud.lock:
            self.cloud.settle()
            return self.cloud.ids()

    @property
    def rate(self) -> float:
        """US dollars that it costs an hour, now: 0 if nothing costs anything."""
        with self.cloud.lock:
            self.cloud.settle()
            return self.cloud.ledger.rate()

    def bill(self, under: str = "") -> float:
        """US dollars so far, for the resources whose ids begin with `under`."""
        with self.cloud.lock:
            self.cloud.settle()
            return self.cloud.ledger.total(self.clock.now(), under)

    def machine(self, name: str) -> Machine:
        """The machine of that name (its own, or its tag `ez:computer`). Raises KeyError."""
        with self.cloud.lock:
            self.cloud.settle()
            for one in self.cloud.store:
                if isinstance(one, Machine) and name in (one.name, one.tags.get("ez:computer")):
                    return one
        raise KeyError(name)

    def advance(self, seconds: float) -> None:
        """Let time pass, with all that happens in it."""
        with self.cloud.lock:
            self.clock.advance(seconds)
            self.cloud.settle()

    # What is done to it.

    def fault(
        self,
        route: str = "*",
        code: str = "",
        *,
        nth: int = 1,
        times: int = 1,
        status: int = 0,
        message: str = "",
        retry_after: float = 0,
        lose: Literal["", "before", "after"] = "",
        latency: float = 0,
    ) -> Fault:
        """Have the `nth` call of a route from now on (and `times - 1` more) go wrong: see `faults.Fault`.

        Codes of `faults.LATER` are what the operation ends with that the call begins; the call itself is fine."""
        made = Fault(route, code, nth, times, status, message, retry_after, lose, latency)
        with self.cloud.lock:
            self.cloud.faults.append(made)
        return made

    def mend(self) -> None:
        """No more faults, shortages, restrictions, refusals or limits of one's own."""
        with self.cloud.lock:
            self.cloud.mend()

    def on_call(self, told: Callable[[Entry], None] | None) -> None:
        """Have `told` called when a call is done and its reply not sent: the moment to kill somebody."""
        self.cloud.called = told

    def shortage(
        self,
        size: str = "",
        *,
        region: str = "",
        zone: str | None = None,
        spot: bool | None = None,
        free: int = 0,
        error: str = "",
    ) -> None:
        """Let there be room for `free` of them only; what is not named stands for all, `zone=""` for no zone."""
        with self.cloud.lock:
            self.cloud.limits.shortages.insert(0, Shortage(size, region, zone, spot, free, error))

    def restrict(self, size: str, region: str, *zones: str, reason: str = "NotAvailableForSubscription") -> None:
        with self.cloud.lock:
            self.cloud.limits.restrictions.append(Restriction(size, region, zones, reason))

    def quota(self, name: str, limit: int, region: str = "") -> None:
        """`name`: a family (or a size of it), `cores`, `lowPriorityCores`; in one region or in all."""
        found = size(name)
        with self.cloud.lock:
            self.cloud.limits.quota[region, (found.family if found else name).lower()] = limit

    def throttle(self, route: str, calls: float, refill: float = 1) -> None:
        """Let only so many calls of a route through at once, and `refill` more a second."""
        with self.cloud.lock:
            self.cloud.throttle.own[route] = Bucket(calls, refill)

    def deny(self, action: str) -> None:
        """Nobody but machines may do that: `Microsoft.Compute/virtualMachines/write`, or with `*`."""
        self.cloud.settings.denied.append(action)

    def unregister(self, namespace: str, subscription: str = SUBSCRIPTION) -> None:
        self.cloud.registrations[subscription, namespace.lower()] = "NotRegistered"

    def caller_address(self, address: str) -> None:
        """People call from there from now on: rules that name another one keep them out."""
        with self.cloud.lock:
            self.cloud.directory.address = address
            if self.cloud.computers:
                self.cloud.computers.doors_changed(self.cloud)

    def evict(self, name: str, *, notice: float = power.EVICTED_AFTER) -> None:
        """Take a spot machine away after the seconds of notice."""
        machine = self.machine(name)
        with self.cloud.lock:
            power.evict(self.cloud, machine, notice)

    def add_subscription(self, identity: str, name: str = "Another") -> None:
        self.cloud.subscriptions[identity.lower()] = name

    def seed(self, machines: int, subscriptions: int = 1, *, tags: Mapping[str, str] | None = None) -> list[str]:
        """Machines with all that belongs to them, three quarters of them running; the subscriptions they are in."""
        with self.cloud.lock:
            return seed(self.cloud, machines, subscriptions, dict(tags or {}))

    # Who calls.

    def person(self, name: str, *, owner: bool = True) -> Caller:
        return self.cloud.directory.person(name, owner=owner)

    def program(self, client: str, secret: str, *, owner: bool = True) -> Caller:
        """An application that can sign in at the token endpoint."""
        return self.cloud.directory.program(client, secret, owner=owner)

    def token(self, name: str = auth.REHEARSAL, *, owner: bool = True) -> str:
        """A token of a person. Beside these, `rehearsal` and `rehearsal-NAME` are tokens too."""
        return self.cloud.directory.token(self.person(name, owner=owner))

    @property
    def tenant(self) -> str:
        return self.cloud.directory.tenant

    def state(self) -> dict[str, Any]:
        """What `GET /emulator/state` tells."""
        return control.state_of(self.cloud)
