"""Work that lasts: what a call begins, when it ends, and how its status is told (cloud.md's three shapes)."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from .clock import Clock, stamp
from .wire import ArmError, Call, Reply

EXPIRES = 24 * 3600
"""How long the status of an operation that has ended can be asked for."""
USUAL_WAIT = 30
"""What azure-core waits where it is told nothing, in seconds."""

_JOB = 48
"""Characters of an id in base64."""
_CERTIFICATE = base64.urlsafe_b64encode(bytes(range(256)) * 5).decode().rstrip("=")


@dataclass(eq=False)
class Operation:
    """`shape`: `compute` (name and times, both headers), `network` (status alone), `location` (202 until it is done).

    `finish` is done at its end, `failed` where it ends in an error; `job` is work that goes on beside. The error may
    be known from the start: it is told at the end. `poll` and `first` are Retry-After in seconds, 0 for none."""

    shape: str
    namespace: str
    subscription: str
    region: str
    began: float
    ends: float
    finish: Callable[[float], None] = lambda at: None
    failed: Callable[[float, ArmError], None] = lambda at, error: None
    job: Future[Any] | None = None
    error: ArmError | None = None
    poll: float = 0
    first: float = 0
    purpose: str = ""
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    secret: str = field(default_factory=lambda: uuid.uuid4().hex)
    status: str = "InProgress"
    ended: float = 0
    output: Any = None
    """The body of its result, for who asks the Location."""

    @property
    def runs(self) -> bool:
        return self.status == "InProgress"

    def end(self, at: float) -> None:
        """It is over; what comes of it is done."""
        if not self.runs:
            return
        self.ended = at
        if self.error is None:
            try:
                self.finish(at)
            except ArmError as error:
                self.error = error
        self.status = "Failed" if self.error else "Succeeded"
        if self.error:
            self.failed(at, self.error)

    def preempt(self, at: float) -> None:
        """Another operation on the same thing takes its place; what it would have done is not done."""
        message = "Operation execution has been preempted by a more recent operation."
        self.error = ArmError(409, "OperationPreempted", message)
        self.status, self.ended = "Canceled", at

    def url(self, base: str, *, monitor: bool) -> str:
        """Opaque, signed and long, as Azure's are."""
        where = f"{base}/subscriptions/{self.subscription}"
        signed = f"t=639000000000000000&c={_CERTIFICATE}&s={self.secret}&h={self.secret[::-1]}"
        if not self.namespace:
            job = base64.urlsafe_b64encode(self.id.encode()).decode()
            return f"{where}/operationresults/{job}?api-version=2025-04-01&{signed}"
        kind = {"location": "asyncoperations", "network": "operationResults" if monitor else "operations"}
        where += f"/providers/{self.namespace}/locations/{self.region}/{kind.get(self.shape, 'operations')}/{self.id}"
        query = f"p={quote(self.subscription)}&api-version=2026-04-01&{signed}"
        return f"{where}?{'monitor=true&' if monitor else ''}{query}"


class Operations:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._all: dict[str, Operation] = {}

    def begin(self, operation: Operation) -> Operation:
        self._all[operation.id] = operation
        return operation

    def settle(self, now: float) -> None:
        """End what is over by now, in the order of the ends."""
        running = sorted((one for one in self._all.values() if one.runs and one.ends <= now), key=lambda one: one.ends)
        for operation in running:
            if operation.job is None:
                operation.end(operation.ends)
            elif operation.job.done():
                if (wrong := operation.job.exception()) and operation.error is None:
                    operation.error = ArmError(200, "OSProvisioningInternalError", str(wrong))
                operation.end(now)

    def waiting_for(self, identity: str) -> Future[Any] | None:
        """The work beside an operation that is due but for that."""
        found = self.find(identity)
        if found is None or not found.runs or found.job is None or found.ends > self._clock.now():
            return None
        return found.job

    def headers(self, call: Call, operation: Operation) -> Mapping[str, str]:
        """What the reply that begins it says: where to ask."""
        found = {}
        if operation.shape != "location":
            found["Azure-AsyncOperation"] = operation.url(call.base, monitor=False)
        if call.method != "PUT" or operation.shape == "location":
            found["Location"] = operation.url(call.base, monitor=True)
        if operation.first:
            # Whole seconds, whatever the clock: clients ask at once the first time.
            found["Retry-After"] = f"{operation.first:.0f}"
        return found

    def find(self, name: str) -> Operation | None:
        """By its id, or by what that is in the addresses of Azure Resource Manager itself."""
        if name not in self._all and len(name) == _JOB:
            name = base64.urlsafe_b64decode(name).decode(errors="replace")
        return self._all.get(name)

    def answer(self, call: Call, identity: str, *, monitor: bool) -> Reply:
        """Tell how it stands; 404 unless the address is asked for as it was given."""
        operation = self.find(identity)
        now = self._clock.now()
        expected = None if operation is None else operation.url("", monitor=monitor)
        if operation is None or call.target != expected or (operation.ended and now > operation.ended + EXPIRES):
            raise ArmError(404, "NotFound", f"The entity was not found: operation '{identity}'.")
        return self._result(call, operation) if monitor else self._status(operation)

    def _status(self, operation: Operation) -> Reply:
        wait = operation.poll if operation.runs else 0
        headers = self._clock.wait(wait) if wait or (operation.runs and not self._clock.as_recorded) else {}
        body: dict[str, Any] = {"status": operation.status}
        if operation.shape == "compute":
            body = {"startTime": stamp(operation.began), **body, "name": operation.id}
            if operation.ended:
                body["endTime"] = stamp(operation.ended)
            if operation.output is not None:
                body["properties"] = {"output": operation.output}
        if operation.error and not operation.runs:
            body["error"] = operation.error.body()
        return Reply(200, body, headers, wait or (USUAL_WAIT if operation.runs else 0))

    def _result(self, call: Call, operation: Operation) -> Reply:
        if operation.runs:
            headers = {"Location": call.base + call.target}
            wait = operation.poll or operation.first
            if wait:
                headers |= self._clock.wait(wait)
            return Reply(202, None, headers, wait or USUAL_WAIT)
        if operation.error:
            status = operation.error.status if operation.error.status >= 400 else 409
            return Reply(status, {"error": operation.error.body()})
        if operation.purpose == "delete" and operation.shape == "compute":
            return Reply(204)
        return Reply(200, operation.output)
