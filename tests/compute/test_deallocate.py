"""A machine that has its cloud stop it: what is asked of whom, and what is said where that fails."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "ez" / "compute" / "scripts" / "deallocate.sh"
MACHINE = "/subscriptions/0/resourceGroups/ez-team/providers/Microsoft.Compute/virtualMachines/gpu1"
SCHEDULE = "/subscriptions/0/resourceGroups/ez-team/providers/Microsoft.DevTestLab/schedules/shutdown-computevm-gpu1"
TOKEN = "eyJ0eXAiOiJKV1Qi.secret-token"
ABOUT = {"azEnvironment": "AzurePublicCloud", "name": "gpu1", "resourceId": MACHINE, "tags": "a:b;c:d"}
AZURE = {
    "GET /metadata/instance/compute": (200, json.dumps(ABOUT)),
    "GET /metadata/identity/oauth2/token": (200, json.dumps({"token_type": "Bearer", "access_token": TOKEN})),
    f"POST {MACHINE}/deallocate": (202, ""),
}
NO_IDENTITY = json.dumps({"error": "invalid_request", "error_description": "Identity not found"})
FORBIDDEN = json.dumps({"error": {"code": "AuthorizationFailed", "message": "The client, it has no right"}}, indent=2)


@dataclass
class Cloud:
    """A far end that answers what it was told to, and remembers what it was asked and with which headers."""

    url: str = ""
    answers: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    headers: dict[str, Mapping[str, str]] = field(default_factory=dict)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    far = Cloud()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            call = f"{self.command} {self.path.partition('?')[0]}"
            far.asked.append(f"{self.command} {self.path}")
            far.headers[call] = dict(self.headers)
            status, body = far.answers.get(call, (404, "<html>no such page</html>"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST = do_PUT = do_DELETE = answer

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.77.0.9", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    far.url = f"http://127.77.0.9:{server.server_port}"
    try:
        yield far
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(params=["curl", "python3"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Programs of a machine that has one of the two."""
    for name in ("cat", "cut", "date", "head", "printf", "sed", "tail", "tr", "sh", request.param):
        found = sys.executable if name == "python3" else shutil.which(name)
        assert found
        (tmp_path / name).symlink_to(os.path.realpath(found))
    return str(tmp_path)


def stop(cloud: Cloud, path: str, *more: str) -> tuple[int, str]:
    command = ["/bin/sh", str(SCRIPT), cloud.url, cloud.url, *more]
    done = subprocess.run(command, env={"PATH": path}, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    assert TOKEN not in done.stdout
    return done.returncode, done.stdout.strip()


def test_azure_stops_it(cloud: Cloud, path: str) -> None:
    cloud.answers = AZURE
    assert stop(cloud, path) == (0, "Azure stops this machine")
    resource = "resource=https://management.azure.com/"
    assert cloud.asked == [
        "GET /metadata/instance/compute?api-version=2021-02-01",
        f"GET /metadata/identity/oauth2/token?api-version=2018-02-01&{resource}",
        f"POST {MACHINE}/deallocate?api-version=2024-07-01",
    ]
    assert cloud.headers["GET /metadata/instance/compute"]["Metadata"] == "true"
    order = cloud.headers[f"POST {MACHINE}/deallocate"]
    assert (order["Authorization"], order["Content-Length"]) == (f"Bearer {TOKEN}", "0")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"GET /metadata/identity/oauth2/token": (400, NO_IDENTITY)},
            "this machine has no identity of its own to stop itself with: Identity not found (400)",
        ),
        (
            {f"POST {MACHINE}/deallocate": (403, FORBIDDEN)},
            "this machine's identity may not stop it: AuthorizationFailed (403)",
        ),
        (
            {f"POST {MACHINE}/deallocate": (503, "busy\x1b[2J\nlater")},
            "Azure does not stop this machine: busy[2J (503)",
        ),
        (
            {"GET /metadata/instance/compute": (404, "")},
            "no cloud tells this machine how to stop itself:  (404)",
        ),
    ],
)
def test_what_fails_is_said(cloud: Cloud, path: str, changes: Mapping[str, tuple[int, str]], words: str) -> None:
    cloud.answers = {**AZURE, **changes}
    assert stop(cloud, path) == (1, words)


@pytest.mark.parametrize(
    ("minutes", "tags", "code", "told"),
    [
        (60, {"ez:yields": "yes"}, 200, "it is gone"),
        (60, {"ez:yields": "yes"}, 403, "Azure's own clock stops this machine in"),
        (60, {}, 200, ""),
        (600, {"ez:yields": "yes"}, 200, ""),
        (-60, {"ez:yields": "yes"}, 200, ""),
    ],
)
def test_azures_own_clock_yields(
    cloud: Cloud, path: str, minutes: int, tags: Mapping[str, str], code: int, told: str
) -> None:
    time = (datetime.now(UTC) + timedelta(minutes=minutes)).strftime("%H%M")
    schedule = {"tags": tags, "properties": {"status": "Enabled", "dailyRecurrence": {"time": time}}}
    cloud.answers = {**AZURE, f"GET {SCHEDULE}": (200, json.dumps(schedule)), f"DELETE {SCHEDULE}": (code, FORBIDDEN)}
    returned, said = stop(cloud, path, "lift")
    assert (returned, told in said, bool(said)) == (0 if code == 200 else 1, True, bool(told))
    assert (f"DELETE {SCHEDULE}?api-version=2018-09-15" in cloud.asked) == bool(told)


def test_aws_has_no_clock_that_yields(cloud: Cloud, path: str) -> None:
    cloud.answers = {"GET /metadata/instance/compute": (401, "")}
    assert stop(cloud, path, "lift") == (0, "")


def test_aws_stops_what_turns_itself_off(cloud: Cloud, path: str) -> None:
    cloud.answers = {"GET /metadata/instance/compute": (401, ""), "PUT /latest/api/token": (200, "AQAE")}
    assert stop(cloud, path) == (3, "turning it off is enough here")


def test_nobody_answers(cloud: Cloud, path: str) -> None:
    cloud.url = "http://127.77.0.9:9"
    code, words = stop(cloud, path)
    assert code == 1
    assert words.startswith("no cloud tells this machine how to stop itself: ")
    assert words.endswith("(000)")
