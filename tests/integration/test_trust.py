"""Host keys: of a computer and of a Git server, unknown or other than expected."""

from __future__ import annotations

import pytest

from ez.ssh.hostkeys import fingerprint
from tests.integration.person import Person
from tests.integration.places import Place
from tests.testbed import GitServer, Relay, TestComputer


def test_another_machine_in_its_place_is_refused(ready: TestComputer, person: Person, git_server: GitServer) -> None:
    with Relay((ready.host, ready.port)) as relay:
        person.knows(f"[{relay.host}]:{relay.port} {ready.host_key}")
        person.ez("compute", "add", "box", f"{ready.user}@{relay.address}")
        relay.target = (git_server.host, 22)
        for command in (("env", "go", "me/thing", "-c", "box", "--no-open"), ("compute", "info", "box")):
            refused = person.ez(*command, code=1)
            assert "host key is not the pinned one" in refused.told
            assert fingerprint(git_server.host_key) in refused.told
            assert "--update-key" in refused.told
        assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in person.ssh("ez-box", "true", code=255).stderr


def test_an_unknown_machine_is_not_trusted_without_a_person(ready: TestComputer, person: Person) -> None:
    destination = f"{ready.user}@{ready.host}:{ready.port}"
    refused = person.ez("compute", "add", "box", destination, code=2)
    assert fingerprint(ready.host_key) in refused.stderr
    assert "hint: add --host-key" in refused.told
    assert (
        "SHA256:nonsense"
        in person.ez("compute", "add", "box", destination, "--host-key", "SHA256:nonsense", code=1).told
    )
    assert [computer["name"] for computer in person.ez("compute", "ls", "--json").json] == ["local"]
    person.ez("compute", "add", "box", destination, "--host-key", fingerprint(ready.host_key))
    assert person.ssh("ez-box", "id -un").stdout == f"{ready.user}\n"


@pytest.mark.parametrize(
    "known", ["", "{host} ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]
)
def test_a_git_server_that_is_not_known_gets_no_key(
    place: Place, person: Person, repo: str, name: str, git_server: GitServer, known: str
) -> None:
    others = [line for line in person.known_hosts.read_text().splitlines() if git_server.host not in line.split()[0]]
    person.known_hosts.write_text("\n".join([*others, known.format(host=git_server.host), ""]))
    refused = person.ez("env", "go", repo, "-c", "box", "--no-open", code=1)
    assert "Git server" in refused.told
    assert "host key" in refused.told
    assert "hint: " in refused.told
    assert place.containers(name) == {}
