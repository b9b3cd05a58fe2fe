"""A moto server in a process of its own, and what tests do with it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ez.models import Workspace
from ez.providers.aws.provider import Aws
from ez.state import State
from tests.testbed.shell import wait_until

HOST = "127.77.0.9"
REGION = "us-east-1"
INTEL, ARM = "ami-0e2a0000000000001", "ami-0e2a0000000000002"
ACCOUNT = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "for-tests-only",
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""The environment of somebody who is signed in."""

STRICT = {
    "MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION": "1",
    "MOTO_ENABLE_AMI_VALIDATION": "1",
    "MOTO_AMIS_PATH": str(Path(__file__).parent / "images.json"),
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""moto's server with its validations, and with the images that there are."""

_HERE = Path(__file__).parents[3]


class AwsCloud:
    """The running server; `endpoint` is its address."""

    def __init__(self, endpoint: str) -> None:
        from botocore.loaders import create_loader

        self.endpoint = endpoint
        self._loader = create_loader()

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[AwsCloud]:
        with socket.socket() as free:
            free.bind((HOST, 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "tests.emulators.aws.server", HOST, str(port)]
        with subprocess.Popen(
            command, cwd=_HERE, env=os.environ | STRICT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as server:
            try:
                wait_until(lambda: server.poll() is not None or _answers(port), "moto's server is up", 60)
                assert server.poll() is None
                yield cls(f"http://{HOST}:{port}")
            finally:
                server.terminate()

    def reset(self) -> None:
        request = urllib.request.Request(f"{self.endpoint}/moto-api/reset", method="POST")
        urllib.request.urlopen(request, timeout=30).close()

    def provider(self, state: State, owner: str = "ada", **workspace: Any) -> Aws:
        """ez's provider on this cloud, which does not wait between two looks."""
        given = {"regions": (REGION,), "endpoint": self.endpoint, "provider": "aws", "owner": owner} | workspace
        made = Aws(state, Workspace(**given))
        made.account.pace = 0.01
        # boto3's descriptions of services are read once, not for each provider.
        made.account.session._session.register_component("data_loader", self._loader)
        return made


class Faults:
    """What moto cannot do: answers of AWS put in the way of a provider's calls, through botocore's event hooks."""

    def __init__(self, provider: Aws) -> None:
        self.calls: list[str] = []
        self.asked: dict[str, dict[str, Any]] = {}
        self._planned: dict[str, list[tuple[str, str, int]]] = {}
        self._answers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {}
        self._deadly = self._code = ""
        self._countdown = 0
        self._changes: dict[str, Callable[[dict[str, Any]], dict[str, Any]] | None] = {}
        events = provider.account.session.events
        events.register("provide-client-params.*.*", self._note)
        events.register("before-call.*.*", self._answer)
        events.register("after-call.*.*", self._after)

    def refuse(self, operation: str, code: str, message: str = "no", *, times: int = 1, status: int = 400) -> None:
        """The next `times` calls of the operation (`RunInstances`) are answered with an error."""
        self._planned.setdefault(operation, []).extend([(code, message, status)] * times)

    def refuse_call(self, number: int, code: str) -> None:
        """The call of that number from now on (1 is the next one) is answered with an error, whatever it asks."""
        self._countdown, self._code = number, code

    @property
    def is_spent(self) -> bool:
        """Whether the call that was to be refused has come."""
        return self._countdown == 0

    def answer(self, operation: str, made: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """All calls of the operation are answered with what `made` makes of their parameters."""
        self._answers[operation] = made

    def answer_once(self, operation: str, made: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        def once(asked: dict[str, Any]) -> dict[str, Any]:
            del self._answers[operation]
            return made(asked)

        self.answer(operation, once)

    def alter(self, operation: str, change: Callable[[dict[str, Any]], dict[str, Any]] | None) -> None:
        """All instances in what the operation answers are shown as `change` makes them."""
        self._changes[operation] = change

    def die_after(self, operation: str) -> None:
        """The first call of the operation is done, and then the process is as good as killed."""
        self._deadly = operation

    def _after(self, model: Any, parsed: dict[str, Any], **_: Any) -> None:
        change = self._changes.get(model.name)
        if change is not None:
            for reservation in parsed.get("Reservations", ()):
                reservation["Instances"] = [change(one) for one in reservation["Instances"]]
        if model.name == self._deadly:
            self._deadly = ""
            raise KeyboardInterrupt

    def _note(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self.calls.append(model.name)
        self.asked[model.name] = params

    def _answer(self, model: Any, **_: Any) -> tuple[Any, dict[str, Any]] | None:
        planned = self._planned.get(model.name, [])
        if self._countdown:
            self._countdown -= 1
            if not self._countdown:
                planned.insert(0, (self._code, "no", 400))
        if planned:
            code, message, status = planned.pop(0)
            meta = {"HTTPStatusCode": status, "RequestId": "0"}
            return _Response(status), {"Error": {"Code": code, "Message": message}, "ResponseMetadata": meta}
        if model.name in self._answers:
            meta = {"HTTPStatusCode": 200, "RequestId": "0"}
            return _Response(200), {**self._answers[model.name](self.asked[model.name]), "ResponseMetadata": meta}
        return None


class _Response:
    """As much of a response as botocore looks at."""

    def __init__(self, status_code: int) -> None:
        self.status_code = status_code


def _answers(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True
