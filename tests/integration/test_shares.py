"""Shares of every kind in one environment, with real servers: used, lost, back again, and gone."""

from __future__ import annotations

import shlex
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.file_servers import (
    DAV_PASSWORD,
    DAV_USER,
    KEY_ID,
    KEY_SECRET,
    SMB_PASSWORD,
    SMB_USER,
    Server,
    object_store,
    samba,
    webdav,
)
from tests.integration.person import EZ, Person
from tests.integration.places import PLAIN, Place, commit, write_files
from tests.testbed import Relay, Testbed, TestComputer
from tests.testbed.shell import run

NAME = "sharing"


@dataclass(frozen=True)
class World:
    """A person, a computer `box` behind a relay, an environment there with a share of each kind, and their servers."""

    person: Person
    place: Place
    relay: Relay
    repo: Path
    smb: Server
    store: Server
    dav: Server

    @property
    def computer(self) -> TestComputer:
        assert self.place.computer is not None
        return self.place.computer

    def inside(self, command: str, *, code: int | None = 0) -> str:
        return self.person.ssh(f"{NAME}.ez", f"timeout -s KILL 30 sh -c '{command}'", code=code).stdout

    def states(self) -> dict[str, str]:
        return {share["name"]: share["state"] for share in self.info()["shares"]}

    def info(self) -> Any:
        return self.person.ez("env", "info", NAME, "--json").json

    def container(self) -> str:
        (id,) = self.place.containers(NAME).values()
        return id

    @property
    def objects(self) -> Any:
        import boto3

        address = f"http://{self.store.host}:{self.store.port}"
        return boto3.client(
            "s3",
            endpoint_url=address,
            region_name="us-east-1",
            aws_access_key_id=KEY_ID,
            aws_secret_access_key=KEY_SECRET,
        )

    def stored(self) -> list[str]:
        return [found["Key"] for found in self.objects.list_objects_v2(Bucket="bucket").get("Contents", [])]

    def root(self, script: str) -> str:
        return self.place.root(script)

    def until(self, wanted: Callable[[], bool], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not wanted():
            assert time.monotonic() < deadline, self.root("head /run/ez/shares/*/state; journalctl -n 30 --no-pager")
            time.sleep(0.3)


@pytest.fixture(scope="module")
def world(testbed: Testbed) -> Iterator[World]:
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ez-home-")))
        computer = stack.enter_context(testbed.lend("ready"))
        agent = stack.enter_context(testbed.agent(client_key=True))
        relay = stack.enter_context(Relay((computer.host, computer.port)))
        person = Person(home, agent.environment)
        person.knows(f"[{relay.host}]:{relay.port} {computer.host_key}")
        person.ez("compute", "add", "box", f"{computer.user}@{relay.address}")
        address = testbed.world.address(1)
        smb = samba(home / "samba", address)
        store = object_store(address, home)
        dav = webdav(home / "dav", address)
        for server in (smb, store, dav):
            server.start()
            stack.callback(server.stop)
        repo = commit(write_files(home / "work" / NAME, {"build.envd": PLAIN, "data/mine": "mine"}))
        computer.exec("mkdir -p /srv/sets; echo set >/srv/sets/one; chmod -R a+rwX /srv/sets")
        made = World(person, Place("box", computer), relay, repo, smb, store, dav)
        made.objects.create_bucket(Bucket="bucket")
        stack.callback(lambda: person.ez("env", "delete", NAME, "--yes", code=None))
        yield made


def sources(world: World) -> dict[str, str]:
    """By the path at which the environment has each."""
    return {
        "/data": "local:./data",
        "/frozen": "local:./data",
        "/sets": "/srv/sets",
        "/kept": "volume:kept",
        "/team": f"smb://{SMB_USER}@{world.smb.host}:{world.smb.port}/team",
        "/dav": "rclone:dav:deep",
        "~/objects": f"s3://bucket/deep?endpoint=http://{world.store.host}:{world.store.port}",
    }


def log_in(world: World, source: str, secret: str, *options: str) -> Any:
    """By a pipe, as a password manager does it."""
    file = world.person.home / "secret"
    file.write_text(secret)
    place = () if "--here" in options else ("-c", "box")
    words = shlex.join([str(EZ), "share", "login", source, *place, "--json", *options])
    done = world.person.run("sh", "-c", f"{words} <{file}")
    file.unlink()
    return done.json


def test_shares_of_each_kind(world: World) -> None:
    found = sources(world)
    assert log_in(world, found["/team"], SMB_PASSWORD, "--keep")["kept"]
    log_in(world, found["~/objects"], KEY_SECRET, "--user", KEY_ID)
    hidden = run("rclone", "obscure", "-", stdin=DAV_PASSWORD).stdout.strip()
    section = (
        f"[dav]\ntype = webdav\nurl = http://{world.dav.host}:{world.dav.port}\nvendor = other\nuser = {DAV_USER}\n"
    )
    log_in(world, found["/dav"], f"{section}pass = {hidden}\n")
    (world.dav.folder / "deep").mkdir()
    flags = [f"{source}:{target}{':ro' if target in ('/frozen', '/sets') else ''}" for target, source in found.items()]
    mounts = [word for flag in flags for word in ("--mount", flag)]
    world.person.ez("env", "go", ".", "-c", "box", "--name", NAME, "--no-open", *mounts, cwd=world.repo)
    assert set(world.states().values()) <= {"up", "wait", "bound", "missing"}
    world.until(lambda: set(world.states().values()) == {"up", "bound"})

    world.inside("for p in /team ~/objects /dav; do cp /data/mine $p/mine; done; cat /sets/one >/kept/one")
    world.inside("echo new >/data/new")
    assert (world.repo / "data" / "new").read_text() == "new\n"
    there = (world.smb.folder / "mine", world.dav.folder / "deep" / "mine")
    world.until(lambda: all(path.exists() for path in there) and "deep/mine" in world.stored())
    assert world.inside("cat /frozen/mine /team/mine ~/objects/mine /kept/one") == "mineminemineset\n"
    assert (
        world.inside("for p in /frozen /sets; do touch $p/x 2>/dev/null || echo no; done; id -u; stat -c %u /team/mine")
        == "no\nno\n1000\n1000\n"
    )
    assert world.inside("df /data | tail -n 1 | grep -c data; readlink /data") == "1\n/mnt/ez/data\n"


def test_what_logs_in_is_nowhere_to_be_found(world: World) -> None:
    """Not in a process list, a unit, the engine's words, a log, or a file that anybody but root reads."""
    secrets = (SMB_PASSWORD, KEY_SECRET)
    shown = world.root(
        f"ps -eo args; systemctl show 'ez-share@*'; docker inspect ez-{NAME}; docker history ez/{NAME}; cat /etc/fstab;"
        "cat /proc/mounts; journalctl --no-pager; find /etc /var/lib/ez /run/ez -type f -perm /077 -exec cat {} +"
    )
    said = "".join(path.read_text() for path in world.person.home.rglob("*.log"))
    index = world.person.database.read_bytes().decode("latin-1")
    assert not [secret for secret in secrets for text in (shown, said, index) if secret in text]
    kept = world.root(f"grep -rlF -e '{KEY_SECRET}' /etc /run/ez /var/lib/ez /var/cache; true").split()
    assert kept
    assert all(path.startswith("/run/ez/") for path in kept)
    assert world.root("stat -c '%a %U' /etc/ez/credentials /run/ez/credentials").split() == ["700", "root"] * 2


def test_a_run_that_changes_nothing_leaves_the_container(world: World) -> None:
    before = world.container()
    planned = world.person.ez("env", "go", ".", "-c", "box", "--name", NAME, "--dry-run", "--json", cwd=world.repo).json
    told = [action["action"] for action in planned["actions"] if action["step"] == "share"]
    assert len(told) == len(sources(world))
    assert "/srv/sets at /sets, only to be read" in told
    # What an ez that was killed has left out is made up for.
    world.root(f"docker exec -u root ez-{NAME} rm /data")
    done = world.person.ez("env", "go", ".", "-c", "box", "--name", NAME, "--no-open", cwd=world.repo)
    assert "it already runs" in done.stderr
    assert world.container() == before


REFUSED = {
    "/srv/none:/none": "no such folder on `box`",
    "volume:kept:/usr/x": "cannot be at",
    "local:./none:/x": "no such folder on this computer",
    "s3://bucket:/data/x": "a share in a share",
    "s3://bucket:/home": "cannot be at",
    f"s3://bucket:~/{NAME}": f"`/home/envd/{NAME}` is there",
    "s3://bucket:/var/log": "has files where a share is to be",
}


@pytest.mark.parametrize("mount", REFUSED)
def test_a_mount_that_is_refused_replaces_nothing(world: World, mount: str) -> None:
    """And is told before anything is built."""
    before = world.container()
    done = world.person.ez(
        "env", "go", ".", "-c", "box", "--name", NAME, "--no-open", "--mount", mount, code=None, cwd=world.repo
    )
    assert REFUSED[mount] in done.told
    assert "Build" not in done.stderr
    assert world.container() == before


def test_what_the_image_has_is_found_too_late_and_taken_back(world: World) -> None:
    """A container that is stopped cannot be asked: the new one is made, refused, and gives way to the one before."""
    before = world.container()
    world.root(f"docker stop -t 1 ez-{NAME}")
    done = world.person.ez(
        *("env", "go", ".", "-c", "box", "--name", NAME, "--no-open", "--mount", "s3://bucket:/var/log"),
        code=1,
        cwd=world.repo,
    )
    assert "has files where a share is wanted: /var/log" in done.told
    assert world.container() == before
    assert "log" not in world.root("ls /etc/ez/shares")
    world.person.ez("env", "start", NAME)
    assert world.inside("cat /data/mine") == "mine"
    assert world.place.containers(NAME).keys() == {f"ez-{NAME}"}


def look_often(world: World) -> None:
    """Instead of each minute."""
    world.root(
        "sed -i s/^interval=.*/interval=1/ /etc/ez/shares/*.conf; systemctl restart 'ez-share@*.service';"
        "for f in /run/ez/shares/*/pid; do kill $(cat $f); done"
    )
    world.until(lambda: set(world.states().values()) == {"up", "bound"})


def test_servers_that_go_away_and_come_back(world: World) -> None:
    look_often(world)
    before = world.container()
    world.smb.stop()
    world.store.stop()
    world.until(lambda: world.states()["team"] == world.states()["objects"] == "down")
    why = {share["name"]: share["why"] for share in world.info()["shares"]}
    assert why["team"]
    # A shell comes at once, and what is not there says so.
    assert world.inside("ls /team /data; touch /team/x && echo lost", code=None).split() == [
        "/data:",
        "mine",
        "new",
        "/team:",
    ]
    world.smb.start()
    world.store.start()
    world.objects.create_bucket(Bucket="bucket")
    world.until(lambda: set(world.states().values()) == {"up", "bound"})
    assert world.inside("cat /team/mine") == "mine"
    assert world.container() == before


def test_the_folder_of_this_computer_outlives_its_connection(world: World) -> None:
    """The link goes silent: nothing hangs for longer than a look takes, and the folder comes back by itself."""
    before = world.container()
    world.relay.hang()
    try:
        look = f"docker exec ez-{NAME} timeout -s KILL 30 cat /data/mine 2>/dev/null || true"
        world.until(lambda: world.root(look) == "")
    finally:
        world.relay.restore()
    world.until(lambda: set(world.states().values()) == {"up", "bound"}, 90)
    assert world.inside("cat /data/mine") == "mine"
    assert world.container() == before


def test_a_restart_of_the_computer(world: World) -> None:
    """What logs in by a file is there again, what was in memory is asked for anew; nobody has to do anything. The
    folder's own process is gone too, as after a restart here: the connection that is kept begins another."""
    before = world.container()
    world.person.ez("env", "link", "start", NAME)
    run("pkill", "-9", "-f", f"share hold {world.person.home}/")
    world.computer.reboot()
    world.until(lambda: world.root(f"docker inspect -f '{{{{.State.Running}}}}' ez-{NAME} || true").strip() == "true")
    world.until(lambda: world.states()["team"] == world.states()["data"] == "up", 120)
    assert world.states()["objects"] == "login"
    world.person.ez("env", "link", "stop", NAME)
    assert world.inside("cat /team/mine /data/mine /kept/one") == "mineminese" + "t\n"
    assert world.container() == before


@contextmanager
def blocked(server: Server) -> Iterator[None]:
    """What a provider does at home: packets of this computer to that port are dropped, those of others are not."""
    rule = ("INPUT", "-i", "lo", "-p", "tcp", "-d", server.host, "--dport", str(server.port), "-j", "DROP")
    run("iptables", "-I", *rule)
    try:
        yield
    finally:
        run("iptables", "-D", *rule)


def test_the_companys_share_at_home(world: World) -> None:
    """Its port is closed here: through a computer that reaches it, which nobody names, without root."""
    person, source = world.person, sources(world)["/team"]
    at = person.home / "team"
    with blocked(world.smb):
        refused = person.ez("share", "open", source, "--at", str(at), code=1).told
        assert "ez share login" in refused
        assert not at.is_mount()
        log_in(world, source, "wrong", "--here")
        assert "logon is invalid" in person.ez("share", "open", source, "--at", str(at), code=1).told
        log_in(world, source, SMB_PASSWORD, "--here", "--keep")
        opened = person.ez("share", "open", source, "--at", str(at), "--json").json
        assert (opened["path"], opened["through"]) == (str(at), "box")
        (at / "from-home").write_text("home")
        world.until(lambda: (world.smb.folder / "from-home").exists())
    person.ez("share", "open", "/srv/sets", "-c", "box", "--at", str(person.home / "sets"))
    assert (person.home / "sets" / "one").read_text() == "set\n"
    assert {row["opened"] for row in person.ez("share", "ls", "--json").json} == {str(person.home / "sets"), str(at)}
    assert SMB_PASSWORD not in run("ps", "-eo", "args").stdout
    for name in (source, "/srv/sets"):
        person.ez("share", "close", name)
    assert not at.exists()
    assert person.ez("share", "close", source, code=1).told
    assert run("grep", "-rlF", SMB_PASSWORD, str(person.home), check=False).stdout == ""
    with blocked(world.smb):
        world.smb.stop()
        assert "through a computer" in person.ez("share", "open", source, "--at", str(at), code=1).told
    log_in(world, source, SMB_PASSWORD, "--here", "--forget")
    assert "ez share login" in person.ez("share", "open", source, "-c", "box", "--at", str(at), code=1).told


def test_nothing_is_left(world: World) -> None:
    world.person.ez("env", "delete", NAME, "--yes")
    folders = ("/etc/ez/shares", "/run/ez/shares", "/var/lib/ez/shares", "/var/cache/ez/shares")
    assert world.root(f"find {' '.join(folders)} -mindepth 1; grep /ez/shares/ /proc/mounts || true") == ""
    assert world.root("systemctl list-units --no-legend 'ez-share@*' --state=active,activating") == ""
    assert world.root("docker volume ls -q | grep -cx kept").strip() == "1"
    assert list((world.person.home / ".local/state/ez/shares").glob("*.json")) == []
