"""Builds that something happens to: each ends in time and says what to do, and the same command goes on."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.leaks import engine_socket
from tests.integration.person import EZ, Done, Person, Running
from tests.integration.places import Place, commit, lent, write_files
from tests.testbed import Relay, TestComputer
from tests.testbed.shell import wait_until

pytestmark = pytest.mark.engine

STUCK = """\
from ez.build import Cache, Image, Scratch

begun = Cache("/begun", "{name}", exclusive=True)
script = "trap '' TERM INT; test -e /begun/it && exit; touch /begun/it; echo at-{name}; while :; do sleep 0.1; done"
done = Image("debian:12").run(script, mounts=[begun]).run("echo {name} >/done")
image = Scratch().copy_from(done, "/done", "/done")
"""
"""Its step never ends and ignores what asks it to, the first time that an engine runs it."""

SENDING = """\
from ez.build import Image, Scratch

summed = Image("debian:12").copy("data", "/data").run("cat /data/* | sha256sum >/sum")
image = Scratch().copy_from(summed, "/sum", "/{name}")
"""
PLAIN = 'from ez.build import Image\n\nimage = Image("debian:12")\n'
BUILD = ("build", "--from", "build.py", "--plain")
PATIENCE = 60.0
"""Seconds within which whatever happened has to be told."""


def project(person: Person, name: str, program: str) -> Path:
    return commit(write_files(person.home / "work" / name, {"build.py": program.format(name=name)}))


def failed(done: Done, *words: str) -> None:
    """It ended as a failure that is expected, with an error that says `words`, and what to do."""
    assert done.code == 1, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    message, _, advice = done.told.partition("\nhint: ")
    assert advice.strip(), done.stderr
    assert [word for word in words if word not in message] == [], done.stderr


def restarted(place: Place) -> None:
    place.root("systemctl restart docker")


def killed(place: Place) -> None:
    place.root("systemctl kill --kill-whom main --signal KILL docker")
    place.root("timeout 60 sh -c 'until docker info >/dev/null 2>&1; do sleep 0.1; done'")


def switched_off(place: Place) -> None:
    assert place.computer is not None
    place.computer.stop()


def test_an_engine_or_its_computer_goes_away(computers: Callable[..., TestComputer], person: Person, name: str) -> None:
    """For two builds at once: through SSH, and by one that has the engine's socket at hand."""
    with lent(computers("ready"), person, "box") as place:
        assert place.computer is not None
        for number, fault in enumerate((restarted, killed, switched_off)):
            folders = {where: project(person, f"{name}-{where}-{number}", STUCK) for where in ("box", "local")}

            def start(where: str, folders: dict[str, Path] = folders) -> Running:
                engine = {"DOCKER_HOST": f"unix://{engine_socket(place)}"} if where == "local" else {}
                return person.start(*BUILD, "-c", where, cwd=folders[where], **engine)

            running = {where: start(where) for where in folders}
            for where, build in running.items():
                build.until(f"| at-{folders[where].name}")
            fault(place)
            failed(running["box"].wait(PATIENCE), "`box")
            failed(running["local"].wait(PATIENCE), "broke off during the build", "docker.sock")
            if fault is switched_off:
                place.computer.start()
            again = [start(where) for where in folders]
            assert [build.wait().code for build in again] == [0, 0]


def interrupted(build: Running) -> None:
    build.interrupt()
    done = build.wait(PATIENCE)
    assert (done.code, "Traceback" in done.stderr) == (130, False), done.stderr
    assert "interrupted" in done.stderr


def interrupted_twice(build: Running) -> None:
    build.interrupt()
    build.interrupt()
    interrupted(build)


@pytest.mark.parametrize("where", ["place", "local"])
def test_what_is_ended_leaves_nothing(where: str, person: Person, name: str, request: pytest.FixtureRequest) -> None:
    place: Place = request.getfixturevalue(where)
    ends = (interrupted, interrupted_twice, Running.kill)
    folders = [project(person, f"{name}-{number}", STUCK) for number in range(len(ends))]
    command = (*BUILD, "-c", place.name, "-o", "type=tar,dest=out.tar")
    builds = [person.start(*command, cwd=folder) for folder in folders]
    for folder, build in zip(folders, builds, strict=True):
        build.until(f"| at-{folder.name}")
    with ThreadPoolExecutor(len(ends)) as pool:
        list(pool.map(lambda end, build: end(build), ends, builds))
    place.root(f"timeout 20 sh -c 'while pgrep -f \"[a]t-{name}\" >/dev/null; do sleep 0.1; done'")
    assert [sorted(path.name for path in folder.iterdir()) for folder in folders] == [[".git", "build.py"]] * len(ends)
    assert list((person.home / "tmp").iterdir()) == []
    again = [person.start(*command, cwd=folder) for folder in folders]
    assert [build.wait().code for build in again] == [0] * len(ends)
    assert all((folder / "out.tar").stat().st_size > 0 for folder in folders)


@pytest.fixture
def relay(place: Place, person: Person) -> Iterator[Relay]:
    """A way to the shared computer, as the computer `to`."""
    computer = place.computer
    assert computer is not None
    with Relay((computer.host, computer.port)) as relay:
        person.knows(f"[{relay.host}]:{relay.port} {computer.host_key}")
        person.ez("compute", "add", "to", f"{computer.user}@{relay.address}")
        yield relay


def test_a_link_drops_while_files_are_sent(relay: Relay, person: Person, name: str) -> None:
    folder, content = project(person, name, SENDING), os.urandom(24 << 20)
    write_files(folder, {"data/small": ""})
    (folder / "data" / "large").write_bytes(content)
    command = (*BUILD, "-c", "to", "-o", "out")
    build = person.start(*command, cwd=folder)
    build.until("-> Build")
    relay.cut_after(8 << 20)
    failed(build.wait(PATIENCE), "`to`")
    relay.restore()
    person.ez(*command, cwd=folder)
    assert (folder / "out" / name).read_text().split()[0] == hashlib.sha256(content).hexdigest()


def test_a_link_drops_while_the_result_comes(relay: Relay, person: Person, name: str) -> None:
    """With a word, and without one until the person has enough of it."""
    folder = project(person, name, PLAIN)
    command = (*BUILD, "-c", "to", "-o", "type=tar,dest=image.tar")

    def half_way() -> Running:
        build = person.start(*command, cwd=folder)
        wait_until(lambda: any(folder.glob(".image.tar.*")), "the file comes", timeout=PATIENCE)
        return build

    build = half_way()
    relay.cut()
    failed(build.wait(PATIENCE), "`to`")
    assert not list(folder.glob("*.tar*"))
    relay.restore()
    build = half_way()
    relay.hang()
    interrupted(build)
    relay.restore()
    assert sorted(path.name for path in folder.iterdir()) == [".git", "build.py"]
    person.ez(*command, cwd=folder)
    assert (folder / "image.tar").stat().st_size > 1 << 20


def test_a_file_that_grows_while_it_is_sent(local: Place, person: Person, name: str) -> None:
    folder = project(person, name, SENDING)
    (folder / "data").mkdir()
    log = folder / "data" / "log"
    log.write_bytes(os.urandom(32 << 20))
    command = (*BUILD, "-o", "out")
    with growing(log):
        failed(person.ez(*command, code=1, cwd=folder), "`data/log` changed while it was sent", "build.py:3")
    person.ez(*command, cwd=folder)
    assert (folder / "out" / name).read_text().split()[0] == hashlib.sha256(log.read_bytes()).hexdigest()


@contextmanager
def growing(path: Path) -> Iterator[None]:
    ended = threading.Event()

    def grow() -> None:
        with path.open("ab", buffering=0) as file:
            while not ended.wait(0.001):
                file.write(b".")

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_an_engine_without_room(computers: Callable[..., TestComputer], person: Person, name: str) -> None:
    folder = project(person, name, SENDING)
    (folder / "data").mkdir()
    (folder / "data" / "large").write_bytes(bytes(64 << 20))
    with lent(computers("ready", engine_size="500m"), person, "small") as place:
        place.root("docker pull -q debian:12")
        free = "$(($(df --output=avail -B1 /var/lib/containerd | tail -n 1) - 30000000))"
        place.root(f"head -c {free} /dev/zero > /var/lib/containerd/filler")
        failed(person.ez(*BUILD, "-c", "small", "-o", "out", code=1, cwd=folder), "the engine's disk is full")
        assert not (folder / "out").exists()
        place.root("rm /var/lib/containerd/filler")
        person.ez(*BUILD, "-c", "small", "-o", "out", cwd=folder)
        assert (folder / "out" / name).is_file()


@pytest.mark.parametrize(("mount", "reason"), [("size=1m", "No space left on device"), ("ro", "Read-only file system")])
def test_results_that_cannot_be_written(local: Place, person: Person, name: str, mount: str, reason: str) -> None:
    folder = project(person, name, PLAIN)
    (folder / "out").mkdir()
    for output in ("out", "type=tar,dest=out/image.tar"):
        words = ("sh", "-c", MOUNTED, "sh", mount, "out", str(EZ), *BUILD, "-o", output)
        done = person.run("unshare", "--mount", *words, code=1, cwd=folder)
        failed(done, "cannot write `out/", reason)
        assert "image.tar" not in done.stdout
    assert list((folder / "out").iterdir()) == []


MOUNTED = 'mount -t tmpfs -o "$1" none "$2" && shift 2 && "$@"; code=$?; ls -A out; exit $code'
"""Runs a program with a small or a read-only disk at a place, and lists what is there then."""
