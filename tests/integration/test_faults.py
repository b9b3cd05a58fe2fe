"""Things that are broken or missing: each is a message with its next step, and the next run goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.person import Person
from tests.integration.places import PLAIN, Place, commit, lent, write_files
from tests.testbed import Testbed, TestComputer

BIG = PLAIN + '    run(commands=["head -c 100000000 /dev/zero > /tmp/big"])\n'
ALL_BUT_50_MB = "$(($(df --output=avail -B1 /var/lib/containerd | tail -n 1) - 50000000))"


def test_a_full_disk(computers: Callable[..., TestComputer], person: Person, folder: Path, name: str) -> None:
    computer = computers("ready", home_size="4m", engine_size="1g")
    with lent(computer, person, "small") as place:
        go = ("env", "go", str(folder), "-c", "small", "--no-open")
        place.root("head -c 4m /dev/zero > /home/dev/filler", check=False)
        full = person.ez(*go, code=1)
        assert "the disk of `small` is full" in full.told
        assert "ez compute ssh small" in full.told
        place.root("rm /home/dev/filler")
        person.ez(*go)
        place.root(f"head -c {ALL_BUT_50_MB} /dev/zero > /var/lib/containerd/filler")
        commit(write_files(folder, {"build.envd": BIG}))
        full = person.ez(*go, code=1)
        assert "the engine's disk is full" in full.told
        assert "at build.envd:5" in full.told
        assert "docker system prune" in full.told
        assert person.ssh(f"{name}.ez", f"ls {name}").stdout == "build.envd\n"
        place.root("rm /var/lib/containerd/filler")
        assert person.ez(*go, "--json").json["changed"] == ["build", "start"]


def test_an_engine_that_is_stopped_is_started_and_one_that_cannot_be_is_told(
    place: Place, person: Person, folder: Path, name: str
) -> None:
    go = ("env", "go", str(folder), "-c", "box", "--no-open")
    person.ez(*go)
    try:
        place.root("systemctl stop docker docker.socket; systemctl mask docker docker.socket")
        dead = person.ez(*go, code=1)
        assert "Docker Engine" in dead.told
        assert "journalctl -u docker" in dead.told or "systemctl" in dead.told
        assert "hint: " in person.ez("env", "stop", name, code=1).told
    finally:
        place.root("systemctl unmask docker docker.socket")
    back = person.ez(*go, "--json").json
    assert back["changed"][0] == "prepare.start"
    assert person.ssh(f"{name}.ez", f"ls {name}").stdout == "build.envd\n"


def test_sudo_that_asks_for_a_password(
    computers: Callable[..., TestComputer], person: Person, folder: Path, name: str
) -> None:
    with lent(computers("nosudo"), person, "strict"):
        refused = person.ez("env", "go", str(folder), "-c", "strict", "--no-open", code=1)
    assert "sudo asks for a password" in refused.told
    assert "/etc/sudoers.d/ez" in refused.told


@pytest.mark.parametrize("socket", ["", "/nonexistent/agent"])
def test_no_agent_where_the_computer_wants_one(place: Place, person: Person, folder: Path, socket: str) -> None:
    refused = person.ez("env", "go", str(folder), "-c", "box", "--no-open", code=4, SSH_AUTH_SOCK=socket)
    assert "no SSH key to log in with" in refused.told
    assert (socket or "no SSH agent runs") in refused.told
    assert "ssh-add" in refused.told.partition("hint: ")[2]


@pytest.mark.parametrize("where", ["box", "local"])
@pytest.mark.parametrize(
    ("image", "message", "hint"),
    [
        ("127.77.0.99:5000/thing:1", "the registry cannot be reached", "curl"),
        ("{registry}/library/ubuntu:no-such-tag", "no such image", "correct the image's name or tag"),
        ("not an image", "not an image", "hint: "),
    ],
)
def test_a_base_image_that_cannot_be_had(
    where: str,
    image: str,
    message: str,
    hint: str,
    place: Place,
    local: Place,
    person: Person,
    folder: Path,
    testbed: Testbed,
) -> None:
    registry = testbed.registry
    image = image.format(registry={"box": registry.address, "local": registry.host_address}[where])
    commit(write_files(folder, {"build.envd": PLAIN.replace("ubuntu:22.04", image)}))
    failed = person.ez("env", "go", str(folder), "-c", where, "--no-open", code=1)
    assert image in failed.told
    assert message in failed.told
    assert "build.envd:4" in failed.told
    assert hint in failed.told


def test_a_computer_that_does_not_answer(person: Person, ready: TestComputer, folder: Path) -> None:
    person.knows(f"127.77.0.98 {ready.host_key}\nno-such-host.invalid {ready.host_key}")
    for address in ("127.77.0.98", "no-such-host.invalid"):
        failed = person.ez("compute", "add", "gone", f"dev@{address}", code=1)
        assert f"computer cannot be reached: `dev@{address}" in failed.told
        assert "hint: ssh -v" in failed.told


@pytest.mark.parametrize("missing", ["git", "ssh"])
def test_a_program_that_is_not_on_this_computer(
    missing: str, place: Place, person: Person, folder: Path, tmp_path: Path
) -> None:
    for program in {"git", "ssh", "ssh-keygen", "sh", "env"} - {missing}:
        (tmp_path / program).symlink_to(f"/usr/bin/{program}")
    failed = person.ez("env", "go", str(folder), "-c", "box", "--no-open", code=1, PATH=str(tmp_path))
    assert missing in failed.told.lower()
    assert "install" in failed.told.partition("hint: ")[2]


def test_interrupted_by_the_person(place: Place, person: Person, folder: Path, name: str) -> None:
    slow = PLAIN + f'    run(commands=["echo slow-{name}; sleep 300"])\n'
    commit(write_files(folder, {"build.envd": slow}))
    go = ("env", "go", str(folder), "-c", "box", "--no-open")
    running = person.start(*go)
    running.until("| slow-")
    running.interrupt()
    ended = running.wait(timeout=60)
    assert ended.code == 130
    assert "interrupted" in ended.stderr
    assert "Traceback" not in ended.stderr
    place.root("timeout 60 sh -c 'while pgrep -f \"[s]leep 300\" >/dev/null; do sleep 0.1; done'")
    commit(write_files(folder, {"build.envd": PLAIN}))
    person.ez(*go)
