"""Each way of signing in, through azure-identity as it is, on the emulator over TLS."""

from __future__ import annotations

import json
import os
import sys
import webbrowser
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest

from ez.errors import ConfigError, SignInError
from ez.events import null_sink
from ez.models import Workspace
from ez.providers.azure import Azure
from ez.state import State
from tests.emulators.azure import Emulator
from tests.providers.azure.conftest import ORDER

Way = Callable[[Emulator, Path, pytest.MonkeyPatch], None]


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """With nobody signed in on this computer, and no program of a cloud on it."""
    for name in [*os.environ]:
        if name.startswith(("AZURE_", "IDENTITY_", "MSI_", "IMDS_")) or name in ("BROWSER", "DISPLAY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(webbrowser, "_tryorder", None)  # It looks for browsers once.
    with Emulator(tls=True) as cloud:
        monkeypatch.setenv("AZURE_AUTHORITY_HOST", cloud.https_url)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(cloud.authority))
        yield cloud


@pytest.fixture
def make(cloud: Emulator, state: State) -> Callable[[], Azure]:
    def made() -> Azure:
        workspace = Workspace("team", "azure", cloud.subscription, cloud.tenant, endpoint=cloud.https_url, owner="ana")
        provider = Azure(state, workspace)
        provider.pause = 0.01
        return provider

    return made


def as_program(cloud: Emulator, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.program("ci", "secret")
    for name, value in {"TENANT_ID": cloud.tenant, "CLIENT_ID": "ci", "CLIENT_SECRET": "secret"}.items():
        monkeypatch.setenv(f"AZURE_{name}", value)


def by_az(cloud: Emulator, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """az as azure-identity calls it."""
    told = {"accessToken": cloud.token("ana"), "expires_on": 4_000_000_000, "tenant": cloud.tenant}
    program = folder / "az"
    program.write_text(
        f"#!/bin/sh\ncase \"$*\" in *get-access-token*{cloud.tenant}*) printf %s '{json.dumps(told)}' ;;\n"
        "*) echo 'Please run az login' >&2; exit 1 ;; esac\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def by_the_browser(cloud: Emulator, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that signs in by itself."""
    program = folder / "browser.py"
    program.write_text(
        "import ssl, sys, urllib.request\n"
        f"trusted = ssl.create_default_context(cafile={str(cloud.authority)!r})\n"
        "urllib.request.urlopen(sys.argv[1], context=trusted).read()\n"
    )
    monkeypatch.setenv("BROWSER", f"{sys.executable} {program} %s &")


def by_the_machine(cloud: Emulator, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of Azure tells its own token at its metadata service."""
    serve_metadata(cloud, monkeypatch, [])


def serve_metadata(cloud: Emulator, monkeypatch: pytest.MonkeyPatch, asked: list[str]) -> None:
    class Metadata(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(parse_qs(urlsplit(self.path).query).get("client_id", [""])[0])
            told = {"access_token": cloud.token("ana"), "expires_in": "3600", "expires_on": "4000000000",
                    "resource": "https://management.azure.com", "token_type": "Bearer"}  # fmt: skip
            body = json.dumps(told).encode()
            self.send_response(200 if self.headers.get("Metadata") == "true" else 400)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Metadata)
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", f"http://127.0.0.1:{server.server_port}")


BROWSER = "Sign in to Azure in the browser that opens now"
CODE = "To sign in to Azure open {url}/device and enter the code REHEARSE"
WAYS: dict[str, tuple[Way, list[str]]] = {
    "a program's secret": (as_program, []),
    "az login": (by_az, []),
    "the machine's identity": (by_the_machine, []),
    "a browser": (by_the_browser, [BROWSER]),
    "a code": (
        lambda cloud, folder, monkeypatch: None,
        ["To sign in to Azure open {url}/device and enter the code REHEARSE"],
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_each_way_of_signing_in(
    way: str,
    cloud: Emulator,
    make: Callable[[], Azure],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Nobody is asked where there is a sign-in already, and nobody twice."""
    prepare, expected = WAYS[way]
    prepare(cloud, tmp_path, monkeypatch)
    asked: list[str] = []
    provider = make()
    provider.ask = asked.append
    for _ in range(2):
        assert provider.machines() == []
    assert asked == [sentence.format(url=cloud.https_url) for sentence in expected]
    assert provider.standing().person
    assert capfd.readouterr().err == ""


def test_a_program_makes_a_machine_and_its_secret_stays_secret(
    cloud: Emulator, make: Callable[[], Azure], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_program(cloud, tmp_path, monkeypatch)
    assert make().create(ORDER, null_sink).power == "running"
    assert cloud.calls("token.give") == 1
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "wrong-secret")
    with pytest.raises(SignInError) as caught:
        make().machine("gpu1")
    assert "secret" not in caught.value.message


def test_an_identity_that_is_not_the_machines_own(
    cloud: Emulator, make: Callable[[], Azure], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    serve_metadata(cloud, monkeypatch, asked)
    monkeypatch.setenv("AZURE_CLIENT_ID", "22222222-2222-4222-8222-222222222222")
    assert make().machines() == []
    assert set(asked) == {"22222222-2222-4222-8222-222222222222"}


def test_nobody_is_signed_in_and_nobody_can_be_asked(cloud: Emulator, make: Callable[[], Azure]) -> None:
    with pytest.raises(SignInError, match="nobody is signed in"):
        make().machines()


def test_a_person_who_is_refused_is_asked_once(cloud: Emulator, make: Callable[[], Azure]) -> None:
    cloud.cloud.directory.signed_out = True
    asked: list[str] = []
    refused = make()
    refused.ask = asked.append
    for _ in range(2):
        with pytest.raises(SignInError):
            refused.machines()
    assert len(asked) == 1


def test_variables_that_cannot_be_used(make: Callable[[], Azure], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "http://login.example")
    with pytest.raises(ConfigError, match="of your environment cannot be used"):
        make().machines()
