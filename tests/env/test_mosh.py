"""mosh: where it cannot get through, and what is told of it. A session is in tests/integration/test_shells.py."""

from __future__ import annotations

import os

import pytest

from ez.env.mosh import check_way, mosh_command, shell_words, try_out, variables
from ez.errors import EzError, HostError
from ez.models import Computer, Endpoint, LocalEndpoint, SshEndpoint


@pytest.mark.parametrize(
    ("endpoint", "is_cloud", "told"),
    [
        (LocalEndpoint(), False, "runs on this computer"),
        (SshEndpoint("host"), True, "UDP ports 60000 to 61000"),
        (SshEndpoint("host", jump="door"), False, "is behind one"),
    ],
)
def test_where_mosh_cannot_get_through(endpoint: Endpoint, is_cloud: bool, told: str) -> None:
    with pytest.raises(EzError, match=told) as caught:
        check_way(Computer("box", "byo", endpoint), "e", is_cloud=is_cloud)
    assert caught.value.hint == "ez env ssh --keep e"


def test_mosh_goes_to_the_computer_and_from_there_inside() -> None:
    command = mosh_command("box", ("ssh", "-F", "/a b"), shell_words("e", "/w", "envd"))
    assert command[2:5] == ["--ssh=ssh -F '/a b'", "--", "ez-box"]
    assert command[5:8] == ["docker", "exec", "-it"]


@pytest.mark.parametrize(
    ("given", "is_fine"),
    [({"LANG": "de_DE.UTF-8"}, True), ({"LANG": "C"}, False), ({}, False), ({"LANG": "C.utf8", "LC_ALL": "C"}, False)],
)
def test_its_client_gets_utf_8(given: dict[str, str], is_fine: bool) -> None:
    assert (variables(given) == given) is is_fine
    assert "utf" in "".join(variables(given).values()).lower()


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("sleep 20", "nothing comes back by UDP within 0.3 s"),
        ("printf 'a\\nbad \\033[31mlocale\\n\\n'; exit 1", "mosh cannot start: bad locale"),
        ("echo mosh did not make a successful connection; exit 1", "nothing comes back by UDP"),
    ],
)
def test_what_is_told_when_it_does_not_work(script: str, told: str) -> None:
    with pytest.raises(HostError, match=told):
        try_out(["sh", "-c", script], os.environ, "e", 0.3 if "sleep" in script else 10)
    try_out(["true"], os.environ, "e")
