"""The cloud itself: its state, and the way of a call through it, from the socket to its handler and back."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, TypeVar

from . import auth
from .clock import Clock
from .faults import Fault
from .ledger import Ledger
from .limits import Limits
from .log import Entry, Log
from .operations import Operation, Operations
from .routing import Route, Router
from .store import Resource, Store
from .throttle import Throttle
from .wire import ArmError, Call, Reply, conflict, group_not_found

if TYPE_CHECKING:
    from .computers import Computers
    from .deployments import Deployment

T = TypeVar("T")
_ROLES = "Microsoft.Authorization/roleDefinitions"
SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"


@dataclass
class Settings:
    """`lag`: for how many seconds lists do not notice what was made or deleted. `latency`: real seconds of each call.
    `registered`: whether resource providers are registered before anybody asks. `role_delay`: until a role counts."""

    lag: float = 0
    latency: float = 0
    page_size: int = 100
    registered: bool = True
    role_delay: float = 0
    links: str = ""
    """Where lists go on, instead of where they were asked for."""
    denied: list[str] = field(default_factory=list)
    """Actions (with `*`) that even owners may not do."""


class Cloud:
    def __init__(self, clock: Clock, routes: Iterable[Route], *, computers: Computers | None = None) -> None:
        self.clock = clock
        self.router = Router(routes)
        self.computers = computers
        self.lock = threading.RLock()
        self.settings = Settings()
        self.store = Store()
        self.operations = Operations(clock)
        self.ledger = Ledger()
        self.limits = Limits()
        self.log = Log()
        self.faults: list[Fault] = []
        self.throttle = Throttle(1 / clock.pace)
        self.directory = auth.Directory()
        self.registrations: dict[tuple[str, str], str] = {}
        self.roles: dict[str, dict[str, Any]] = {}
        self.deployments: dict[tuple[str, str, str], Deployment] = {}
        self.subscriptions: dict[str, str] = {SUBSCRIPTION: "Rehearsal"}
        self.called: Callable[[Entry], None] | None = None
        """Told of each call when it was done and before its reply is sent."""
        self._present = 0.0
        self.crashes: list[str] = []
        self.late: ArmError | None = None
        self._alarms: list[tuple[float, int, Callable[[float], None]]] = []
        self._count = itertools.count()
        self.directory.person(auth.REHEARSAL)

    # The way of a call.

    def answer(self, call: Call) -> Reply | None:
        """The reply to a call as it came in; None where none is to be sent."""
        begun = time.monotonic()
        found = self.router.find(call.method, call.path)
        entry = Entry(found[0].name if found else "unknown", call.method, call.path, version=call.version)
        strikes = self._strikes(entry.route)
        time.sleep(self.settings.latency + sum(fault.latency for fault in strikes))
        reply = None if _lost(strikes, "before") else self._settled(call, found, strikes, entry)
        entry.took = time.monotonic() - begun
        self.log.entries.append(entry)
        if self.called is not None:
            self.called(entry)
        return None if _lost(strikes, "after") else reply

    def _strikes(self, route: str) -> list[Fault]:
        """Not those of the side endpoint, by which faults are mended."""
        if route.startswith("emulator."):
            return []
        with self.lock:
            return [fault for fault in self.faults if fault.strikes(route)]

    def _settled(
        self, call: Call, found: tuple[Route, dict[str, str]] | None, strikes: list[Fault], entry: Entry
    ) -> Reply:
        self._wait_for_work(found)
        with self.lock:
            self.settle()
            entry.at = self.clock.now()
            try:
                reply = self._handled(call, found, strikes, entry)
            except Exception as exc:
                error = exc if isinstance(exc, ArmError) else self._crashed(exc)
                entry.code = error.code
                told = self.clock.told(error.after) if error.after else {}
                reply = replace(error.reply(), headers={**error.headers, **told}, waits=error.after)
            entry.status = reply.status
            self.clock.called(reply.waits)
        return replace(reply, headers={**_marks(call), **reply.headers})

    def _crashed(self, problem: Exception) -> ArmError:
        """The emulator's own mistake, kept for who looks after the test."""
        self.crashes.append("".join(traceback.format_exception(problem)))
        return ArmError(500, "InternalServerError", f"The emulator made a mistake: {problem!r}")

    def _wait_for_work(self, found: tuple[Route, dict[str, str]] | None) -> None:
        """Who asks after work that really goes on (a computer that boots) waits for it a moment, as on a slow line."""
        job = self.operations.waiting_for(found[1]["operation"]) if found and "operation" in found[1] else None
        if job is not None:
            wait([job], timeout=0.5)

    def _handled(
        self, call: Call, found: tuple[Route, dict[str, str]] | None, strikes: list[Fault], entry: Entry
    ) -> Reply:
        if found is None:
            raise ArmError(501, "NotImplemented", f"The emulator has no such route: {call.method} {call.path}")
        route, parameters = found
        self.late = next((fault.error() for fault in strikes if fault.code and fault.is_late), None)
        error = next((fault.error() for fault in strikes if fault.code and not fault.is_late), None)
        if error is not None:
            raise error
        if not route.open:
            call = replace(call, caller=self.directory.bearer(call.headers.get("authorization", "")))
            entry.caller = call.caller.name
        if route.versioned and not call.version:
            message = "The api-version query parameter (?api-version=) is required for all requests."
            raise ArmError(400, "MissingApiVersionParameter", message)
        headers = {} if route.open else self._admitted(route, call, parameters)
        body = _given(call.body) if call.method == "PUT" else call.body
        reply = route.handle(self, replace(call, parameters=parameters, body=body))
        return replace(reply, headers={**headers, **reply.headers})

    def _admitted(self, route: Route, call: Call, parameters: Mapping[str, str]) -> Mapping[str, str]:
        subscription = parameters.get("subscription", "")
        if subscription and subscription.lower() not in self.subscriptions:
            raise ArmError(404, "SubscriptionNotFound", f"The subscription '{subscription}' could not be found.")
        headers = self.throttle.admit(route, call, subscription, self.clock.now())
        if subscription and not route.name.startswith("operations."):
            scope = call.path.rpartition("/")[0] if route.method == "POST" else call.path
            auth.allow(self, call.caller, route.action, scope)
        if subscription and route.namespace and route.method in ("PUT", "POST", "PATCH"):
            self._check_registration(subscription, route.namespace)
        return headers

    def _check_registration(self, subscription: str, namespace: str) -> None:
        if self.registration(subscription, namespace) != "Registered":
            raise conflict(
                "MissingSubscriptionRegistration",
                f"The subscription is not registered to use namespace '{namespace}'. See "
                f"https://aka.ms/rps-not-found for how to register subscriptions to '{namespace}'",
            )

    def mend(self) -> None:
        """All works again, and as much is allowed as usual."""
        self.faults.clear()
        self.limits.shortages.clear()
        self.limits.restrictions.clear()
        self.limits.quota.clear()
        self.throttle.own.clear()
        self.settings.denied.clear()
        self.directory.signed_out = False

    # What handlers need.

    def settle(self) -> None:
        """Let happen what is due: operations that end, and alarms."""
        now = self.clock.now()
        while self._alarms and self._alarms[0][0] <= now:
            at, _, ring = heapq.heappop(self._alarms)
            self.operations.settle(at)
            self._present = at
            ring(at)
            self._present = 0
        self.operations.settle(now)

    def now(self) -> float:
        """Unix seconds; in an alarm the time that it was set to, however late it is heard."""
        return self._present or self.clock.now()

    def at(self, when: float, ring: Callable[[float], None]) -> None:
        heapq.heappush(self._alarms, (when, next(self._count), ring))

    def begin(
        self,
        resource: Resource,
        shape: str,
        seconds: float,
        *,
        finish: Callable[[float], None] = lambda at: None,
        failed: Callable[[float, ArmError], None] = lambda at, error: None,
        job: Future[Any] | None = None,
        error: ArmError | None = None,
        poll: float = 0,
        first: float = 0,
        purpose: str = "",
        namespace: str | None = None,
    ) -> Operation:
        """Begin work on a resource that takes `seconds` on Azure."""
        now = self.now()
        operation = Operation(
            shape, resource.kind.split("/")[0] if namespace is None else namespace, resource.subscription,
            resource.location or "eastus", now, now + self.clock.takes(seconds), finish, failed, job,
            error or self.late,            poll, first, purpose,
        )  # fmt: skip
        self.late = None
        resource.operation = operation
        return self.operations.begin(operation)

    def group(self, call: Call) -> Resource:
        """The resource group that the call is about; 404 or 409 where it is not there."""
        found = self.store.find(f"/subscriptions/{call['subscription']}/resourceGroups/{call['group']}")
        if found is None:
            raise group_not_found(call["group"])
        if found.state == "Deleting":
            message = f"The resource group '{found.name}' is in deprovisioning state and cannot perform this operation."
            raise conflict("ResourceGroupBeingDeleted", message)
        return found

    def registration(self, subscription: str, namespace: str) -> str:
        usual = "Registered" if self.settings.registered else "NotRegistered"
        return self.registrations.get((subscription.lower(), namespace.lower()), usual)

    def role(self, identity: str) -> dict[str, Any]:
        return self.roles[identity.rpartition("/")[2].lower()]

    def ids(self) -> list[str]:
        """Of everything that somebody made: resources, and roles, which outlive the groups that they are for."""
        roles = [(guid, one) for guid, one in self.roles.items() if one["type"] == "CustomRole"]
        named = [f"{one['assignableScopes'][0]}/providers/{_ROLES}/{guid}" for guid, one in roles]
        return sorted([*(one.id for one in self.store), *named])

    def is_denied(self, action: str) -> bool:
        return any(fnmatchcase(action.lower(), pattern.lower()) for pattern in self.settings.denied)

    def page(self, call: Call, items: Sequence[T], show: Callable[[T], Any] = lambda one: one) -> Reply:
        """A page of a list, with the address of the next one."""
        begin, size = int(call.query.get("$skiptoken", 0)), self.settings.page_size
        body: dict[str, Any] = {"value": [show(one) for one in items[begin : begin + size]]}
        if begin + size < len(items):
            target = call.target.split("&$skiptoken=")[0]
            body["nextLink"] = f"{self.settings.links or call.base}{target}&$skiptoken={begin + size}"
        return Reply(200, body)

    def visible(self, kind: str, under: str) -> list[Resource]:
        """What a list shows, which may be late."""
        now, lag = self.clock.now(), self.settings.lag
        there = [one for one in self.store.of_kind(kind, under) if one.made + lag <= now]
        return [*there, *self.store.still_listed(kind, under, now)]


def _given(body: Any) -> Any:
    """What a body says: nulls say nothing."""
    if isinstance(body, dict):
        return {name: _given(value) for name, value in body.items() if value is not None}
    return [_given(value) for value in body] if isinstance(body, list) else body


def _lost(strikes: list[Fault], when: str) -> bool:
    return any(fault.lose == when for fault in strikes)


def _marks(call: Call) -> Mapping[str, str]:
    request = call.headers.get("x-ms-client-request-id", str(uuid.uuid4()))
    identity = str(uuid.uuid4())
    return {
        "x-ms-request-id": identity,
        "x-ms-correlation-request-id": call.headers.get("x-ms-correlation-request-id", identity),
        "x-ms-routing-request-id": f"EMULATOR:{identity}",
        "x-ms-client-request-id": request,
        "Cache-Control": "no-cache",
        "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    }
