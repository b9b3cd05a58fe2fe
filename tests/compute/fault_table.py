"""Each error at each call of each operation, and the process killed after each call: then the next command, and in the
end nothing is lost, double or left.

As a program it runs all of it, or each EVERY-th case, and tells how many there were:
`python -m tests.compute.fault_table [EVERY [OPERATION...]]`.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ez.compute import lifecycle
from ez.compute.spent import spent
from ez.errors import EzError
from ez.providers.base import Leftover
from tests.compute.rehearsal import Rehearsal, rehearsal
from tests.emulators.azure import Emulator
from tests.emulators.azure.faults import AT_ONCE, GONE, LATER

SUDDEN = ("lost before", "lost after", "killed")
CODES = (*AT_ONCE, *LATER, *GONE, *SUDDEN)
_NOT_MINE = ("AuthorizationFailed", "LinkedAuthorizationFailed", "RequestDisallowedByPolicy")
LASTING = ("AuthorizationFailed", "ExpiredAuthenticationToken", "ServiceUnavailable", "lost before")
OPERATIONS = ("create", "stop", "start", "delete")
NEXT = {
    "create": ("create", "delete"),
    "stop": ("stop", "start", "delete"),
    "start": ("start", "stop"),
    "delete": ("delete", "create"),
}
"""What people do next, at once, after work that broke off."""


@dataclass(frozen=True)
class Case:
    """`nth` call of `route` within the operation goes wrong with `code`, and with `lasting` all that follow. Next comes
    `then` at once, or the same command: two days after an error, when nothing is remembered of missing room."""

    operation: str
    route: str
    nth: int
    code: str
    then: str = ""
    lasting: bool = False


def cases(operation: str, every: int = 1) -> list[Case]:
    """Each call with each code, or every so many-th of these."""
    found: list[Case] = []
    for number, (route, nth) in enumerate(calls(operation)):
        found += [Case(operation, route, nth, code) for code in CODES if _can_be(route, code)]
        found += [Case(operation, route, nth, code, then) for code in SUDDEN for then in NEXT[operation]]
        found += [Case(operation, "*", number + 1, code, operation, lasting=True) for code in LASTING]
    return found[::every]


def calls(operation: str) -> list[tuple[str, int]]:
    with world() as ann:
        before = begin(ann, operation)
        act(ann, operation)
        seen: Counter[str] = Counter()
        found = []
        for entry in ann.azure.log[before:]:
            seen[entry.route] += 1
            found.append((entry.route, seen[entry.route]))
        return found


def run(case: Case) -> bool:
    """Whether the operation failed. Raises AssertionError where something is lost, double or left in the end."""
    with world() as ann:
        begin(ann, case.operation)
        failed = _killed(ann, case) if case.code == "killed" else _faulty(ann, case)
        ann.azure.mend()
        ann.azure.advance(0 if case.then or case.code == "killed" or not failed else 2 * 86400)
        act(ann, case.then or case.operation)
        check(ann, case.then or case.operation)
        check_cost(ann, case)
        lifecycle.delete("gpu1", ann.cloud)
        assert ann.azure.count() == 0, ann.azure.resources()
        assert ann.azure.rate == 0
        assert not ann.state.computers()
        return failed


def check(ann: Rehearsal, operation: str) -> None:
    record = ann.state.machines.named("gpu1")
    if operation == "delete":
        assert record is None
        assert ann.azure.count() == 0, ann.azure.resources()
        return
    assert record is not None
    assert record.phase == "here"
    machine = ann.cloud.provider(record).machine("gpu1")
    assert machine is not None
    assert (machine.create_id, machine.host_keys) == (record.create_id, record.host_keys)
    assert machine.power == record.power == ("deallocated" if operation == "stop" else "running")
    listed = [each for each in ann.cloud.provider(record).machines() if each.workspace]
    assert [each.create_id for each in listed] == [record.create_id]
    assert ann.state.computer("gpu1") is not None
    others = [one for one in _leftovers(ann) if one.create_id]
    assert not others, others


def check_cost(ann: Rehearsal, case: Case) -> None:
    """Whatever went wrong with stopping and starting, ez's figure is the cloud's bill, unless that said it was gone."""
    record = ann.state.machines.named("gpu1")
    gone = case.code in (*GONE, "ResourceGroupNotFound")
    if case.operation in ("stop", "start") and record is not None and not gone:
        cost = spent(record, ann.state.machines.changes(record.create_id), ann.cloud.clock()).total
        assert abs(cost - ann.azure.bill()) < 0.02, (cost, ann.azure.bill())


def _leftovers(ann: Rehearsal) -> list[Leftover]:
    from ez.compute.cleanup import find

    ann.azure.advance(3600)
    litter = find(ann.cloud)
    return [*litter.leftovers, *litter.others]


class world:
    """A new emulator and a person with an empty index."""

    def __enter__(self) -> Rehearsal:
        self._folder = tempfile.TemporaryDirectory(prefix="ez-faults-")
        self._azure = Emulator(virtual=True)
        azure = self._azure.__enter__()
        self._person = rehearsal(azure, Path(self._folder.name))
        return self._person.__enter__()

    def __exit__(self, *exception: object) -> None:
        self._person.__exit__(None, None, None)
        self._azure.__exit__(None, None, None)
        self._folder.cleanup()


def begin(ann: Rehearsal, operation: str) -> int:
    """What has to be there before; gives the number of calls so far."""
    if operation != "create":
        ann.create()
    if operation == "start":
        lifecycle.stop("gpu1", ann.cloud)
    return len(ann.azure.log)


def act(ann: Rehearsal, operation: str) -> None:
    if operation == "create":
        ann.create()
    else:
        getattr(lifecycle, operation)("gpu1", ann.cloud)


def _faulty(ann: Rehearsal, case: Case) -> bool:
    times = 10**6 if case.lasting else 1
    if case.code.startswith("lost "):
        fault = ann.azure.fault(case.route, nth=case.nth, times=times)
        fault.lose = "before" if case.code == "lost before" else "after"
    else:
        ann.azure.fault(case.route, case.code, nth=case.nth, times=times)
    try:
        act(ann, case.operation)
    except EzError:
        return True
    return False


def _killed(ann: Rehearsal, case: Case) -> bool:
    """A process of its own does it, and is no more as soon as the call is done."""
    seen = 0
    child = 0

    def strike(entry: object) -> None:
        nonlocal seen
        if getattr(entry, "route", "") == case.route:
            seen += 1
            if seen == case.nth:
                os.kill(child, signal.SIGKILL)

    ready, go = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(ready, 1)
        code = 1
        try:
            with rehearsal(ann.azure, ann.state.path.parent) as self:
                act(self, case.operation)
            code = 0
        finally:
            os._exit(code)
    ann.azure.on_call(strike)
    os.write(go, b"x")
    _, status = os.waitpid(child, 0)
    os.close(ready)
    os.close(go)
    return os.WIFSIGNALED(status)


def _can_be(route: str, code: str) -> bool:
    """Not so that an operation ends badly which the call does not begin, nor that a thing which is there is said to be
    gone to whoever deletes it: nobody could know better. A role that only somebody else may remove stays (identity.py).
    """
    what = route.rpartition(".")[2]
    if route == "roleDefinitions.delete" and code in _NOT_MINE:
        return False
    if code in LATER:
        return route.startswith("virtualMachines.") and what in ("create", "start", "deallocate", "delete")
    return code not in GONE or what != "delete"


def main() -> None:
    every = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    count: Counter[str] = Counter()
    for operation in sys.argv[2:] or OPERATIONS:
        for case in cases(operation, every):
            count["cases"] += 1
            try:
                count["failed at first"] += run(case)
            except Exception as error:
                count["wrong"] += 1
                sys.stderr.write(f"{case}: {type(error).__name__}: {str(error)[:300]}\n")
        sys.stderr.write(f"{operation}: {dict(count)}\n")


if __name__ == "__main__":
    main()
