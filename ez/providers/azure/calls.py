"""How Azure is asked: errors in words, patience where Azure says that the same will work soon, registration of what a
subscription does not use yet, and operations that go on after the answer."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from ez.errors import CloudError
from ez.events import Notice, Output, Sink, null_sink
from ez.providers.azure.client import Arm, plain
from ez.providers.azure.errors import Attempt, Reason, about, explain, is_gone, translated

T = TypeVar("T")

STEP = "machine"

_REGISTRATION_LOOKS = 120
_NAMESPACE = re.compile(r"Microsoft\.\w+")
_UNREGISTERED = ("missingsubscriptionregistration", "subscriptionnotregistered")
_VERSION_OF_ID = {
    "microsoft.compute/virtualmachines": "2026-04-01",
    "microsoft.compute/disks": "2026-03-02",
    "microsoft.devtestlab/schedules": "2018-09-15",
    "microsoft.network": "2026-03-01",
}
"""api-version of what is deleted by its id (those of azure-mgmt-compute and -network)."""


def ask(arm: Arm, attempt: Attempt, call: Callable[[], T], sink: Sink = null_sink, *, looking: bool = False) -> T:
    """What `call` gives, tried again as `codes.toml` says; not so that something is not there, if it only looks.

    Raises CloudError.
    """
    tried = 0
    while True:
        try:
            with translated(attempt):
                return call()
        except CloudError as error:
            tried += 1
            namespace = _namespace(error)
            if namespace and tried <= 3:
                register(arm, attempt, namespace, sink)
            elif tried < about(error.code).get("tries", 1) and not (is_gone(error) and looking):
                time.sleep(about(error.code)["again"] * arm.pause / 2 * random.uniform(0.8, 1.2))
            else:
                raise


def find(arm: Arm, attempt: Attempt, call: Callable[[], Any]) -> dict[str, Any] | None:
    """The thing that `call` gets, None where it is not there. Raises CloudError."""
    try:
        return plain(ask(arm, attempt, call, looking=True))
    except CloudError as error:
        if is_gone(error):
            return None
        raise


def listed(arm: Arm, attempt: Attempt, call: Callable[[], Iterable[Any]]) -> list[dict[str, Any]] | None:
    """All items of a list, None where what it is of is not there. Raises CloudError."""
    try:
        return ask(arm, attempt, lambda: [plain(each) for each in call()], looking=True)
    except CloudError as error:
        if is_gone(error):
            return None
        raise


def done(arm: Arm, attempt: Attempt, begin: Callable[[], Any], sink: Sink = null_sink) -> dict[str, Any]:
    """Begin an operation and wait for its end; gives the thing as it is then. Raises CloudError."""
    poller = ask(arm, attempt, begin, sink)
    with translated(attempt):
        thing = plain(poller.result())
    if str(thing.get("properties", {}).get("provisioningState", "")).lower() == "failed":
        raise explain(Reason("ProvisioningFailed", "it was made, and is not usable"), attempt)
    return thing


def gone(arm: Arm, attempt: Attempt, id: str) -> None:
    """Delete a resource by its id and wait until it is gone, which it may be already. Raises CloudError."""
    gone_by(arm, attempt, lambda: arm.resources.resources.begin_delete_by_id(id, api_version=_version(id)))


def gone_by(arm: Arm, attempt: Attempt, begin: Callable[[], Any]) -> None:
    """Begin to delete something and wait until it is gone, which it may be already. Raises CloudError."""
    try:
        poller = ask(arm, attempt, begin, looking=True)
        with translated(attempt):
            poller.result()
    except CloudError as error:
        if not is_gone(error):
            raise


def tell(sink: Sink, line: str) -> None:
    sink(Output(STEP, line))


def register(arm: Arm, attempt: Attempt, namespace: str, sink: Sink) -> None:
    """Have the subscription use a service of Azure, once and for all; that takes a minute or two. Raises CloudError."""
    sink(Notice(f"Azure's `{namespace}` is used in this subscription for the first time: registering it"))
    with translated(attempt):
        arm.resources.providers.register(namespace)
    for _ in range(_REGISTRATION_LOOKS):
        with translated(attempt):
            if plain(arm.resources.providers.get(namespace)).get("registrationState") == "Registered":
                return
        time.sleep(arm.pause)
    raise explain(Reason("MissingSubscriptionRegistration", f"namespace '{namespace}'"), attempt)


def _namespace(error: CloudError) -> str:
    """The service that has to be registered first, empty where that is not what is wrong."""
    named = _NAMESPACE.search(error.message) if error.code.lower() in _UNREGISTERED else None
    return named[0] if named else ""


def _version(id: str) -> str:
    kind = id.lower().rpartition("/providers/")[2]
    namespace, _, rest = kind.partition("/")
    return _VERSION_OF_ID.get(f"{namespace}/{rest.partition('/')[0]}") or _VERSION_OF_ID[namespace]
