"""Secrets stay secret: a build that uses every kind of them is searched for, wherever it was and whatever it left."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.build.buildkit.fronted import Door, fronted
from tests.build.buildkit.session.doors import server_tls
from tests.integration.leaks import Canaries, Seen, Watch, in_files, in_image, on_engine
from tests.integration.person import EZ, Person
from tests.integration.places import PLAIN, Place, commit, write_files
from tests.integration.private_index import PACKAGE, USER, Doors, standing
from tests.testbed import GitServer, Testbed
from tests.testbed.shell import run

pytestmark = pytest.mark.engine

PROGRAM = """\
from ez.build import Git, Image, Secret

secrets = [Secret("variable"), Secret("file"), Secret("command"), Secret("stored")]
image = (
    Image("{registry}/library/debian:12"){python}
    .run("cd /run/secrets && cat variable file command stored | sha256sum >/mounted; : {salt}", secrets=secrets)
    .run('printf %s "$http_proxy" | sha256sum >/proxy; : {salt}')
    .run('test -S "$SSH_AUTH_SOCK"; : {salt}', ssh=True)
    .copy_from(Git("{repo}", known_hosts={known_hosts!r}), "/", "/source")
)
"""
PYTHON = '.with_python("3.11")'
PACKAGES = 'image = image.pip_install("{package}")\n'
VARIABLE = """
with_token = [Secret("variable", variable="TOKEN")]
image = image.run('printf %s "$TOKEN" | sha256sum >/token; : {salt}', secrets=with_token)
"""
"""Docker 20.10 knows no such secrets."""

TELLING = """\
from ez.build import Image, Secret

image = Image("debian:12").run("cat /run/secrets/told | tee /told; : {told}", secrets=[Secret("told")])
"""
ON_A_COMPUTER = "/var/lib/docker /var/lib/containerd /var/log /var/tmp /etc /home /root /run /tmp"
HERE = "/var/lib/docker/buildkit /var/lib/docker/containers /var/lib/docker/image /var/lib/docker/tmp $(find {new})"
NEW_LAYERS = "/var/lib/docker/overlay2 -maxdepth 1 -newerct @{since}"


@pytest.fixture
def secrets(git_server: GitServer) -> Canaries:
    """One for each way; of the key that the agent has, a line of its file."""
    names = ("variable", "file", "command", "stored", "index", "proxy", "registry")
    key = git_server.user_key.read_text().splitlines()[-3]
    return Canaries({**{name: f"canary-{name}-{uuid.uuid4().hex}" for name in names}, "key": key}, USER)


@pytest.fixture(params=["place", "local"])
def where(request: pytest.FixtureRequest) -> Place:
    place: Place = request.getfixturevalue(request.param)
    return place


@pytest.fixture
def doors(testbed: Testbed, secrets: Canaries) -> Iterator[Doors]:
    with standing(testbed.world.address(1), secrets.values["proxy"], secrets.values["index"]) as doors:
        yield doors


@pytest.fixture
def registry(testbed: Testbed, secrets: Canaries, where: Place, tmp_path: Path) -> Iterator[str]:
    """The address of the testbed's registry behind a password, the same here and on the engine's computer."""
    tls = None if where.computer is None else server_tls(tmp_path)
    with fronted(testbed.registry.host_address, tls=tls) as door, reached(door, where, tmp_path / "ca.pem"):
        door.user, door.password = USER, secrets.values["registry"]
        yield door.address


@contextmanager
def reached(door: Door, where: Place, authority: Path) -> Iterator[None]:
    if where.computer is None:
        yield
        return
    folder = f"/etc/docker/certs.d/{door.address}"
    where.computer.exec(f"mkdir -p {folder} && cat >{folder}/ca.crt", stdin=authority.read_bytes())
    *options, destination = where.computer.ssh_command()
    command = [*options, "-o", "ExitOnForwardFailure=yes", "-R", f"{door.address}:{door.address}", destination]
    with subprocess.Popen([*command, "echo there; cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"there\n"
        yield
        process.kill()
    where.computer.exec(f"rm -r {folder}")


@pytest.fixture
def kept(person: Person, doors: Doors, secrets: Canaries, registry: str) -> set[tuple[str, str]]:
    """What the person keeps in files of their own, as (secret, path): the one place where secrets may be."""
    login = base64.b64encode(f"{USER}:{secrets.values['registry']}".encode()).decode()
    files = {
        ".config/ez/config.toml": f'[network]\nhttp_proxy = "{doors.proxy}"\npip_index = "{doors.index}"\n',
        ".docker/config.json": json.dumps({"auths": {registry: {"auth": login}}}),
        "file": secrets.values["file"],
        "command": secrets.values["command"],
    }
    write_files(person.home, files)
    value = secrets.values["stored"].encode()
    subprocess.run([EZ, "secret", "set", "stored"], input=value, env=person.environment, check=True)
    return {(name, str(person.home / path)) for path, text in files.items() for name in secrets.found_in(text)}


@pytest.fixture
def folder(person: Person, registry: str, git_server: GitServer, where: Place, name: str) -> Iterator[Path]:
    """A repo of this computer, whose image holds the same repo from the Git server."""
    here = where.computer is None
    text = (PROGRAM + (PACKAGES if here else VARIABLE)).format(
        registry=registry,
        python=PYTHON if here else "",
        package=PACKAGE,
        repo=git_server.url(name),
        known_hosts=git_server.known_hosts,
        salt=uuid.uuid4().hex,
    )
    go = PLAIN + f'    run(commands=["test -n \\"$http_proxy\\"; : {name}"])\n'
    folder = commit(write_files(person.home / "work" / name, {"build.py": text, "build.envd": go}))
    git_server.create(name, folder)
    yield folder
    git_server.remove(name)


def test_secrets_are_nowhere(
    where: Place,
    person: Person,
    secrets: Canaries,
    doors: Doors,
    registry: str,
    kept: set[tuple[str, str]],
    folder: Path,
    git_server: GitServer,
    testbed: Testbed,
    name: str,
) -> None:
    began = time.time()
    lent = (
        *("--secret", "id=variable,env=HIDDEN", "--secret", f"id=file,src={person.home}/file"),
        *("--secret", f"id=command,cmd=cat {person.home}/command", "--secret", "id=stored"),
        *("--ssh", f"default={git_server.user_key}"),
    )
    image, pushed = f"ez-test/{name}:1", f"{registry}/ez-test/{name}"
    outputs = ["-t", image, "-o", f"type=registry,name={pushed}:1"]
    if where.computer is not None:
        outputs += ["--cache-to", f"type=registry,ref={pushed}-cache,mode=max"]
    words = ("build", str(folder), "--from", "build.py", "--plain", "-c", where.name, "-v", *lent, *outputs)
    with Watch(secrets, where) as watch:
        told = [person.ez(*words, HIDDEN=secrets.values["variable"])]
        told += [person.ez("build", "explain", str(folder), "-c", where.name)]
        if where.computer is not None:
            (person.home / ".config/ez/config.toml").write_text(f'[network]\nhttp_proxy = "{doors.proxy}"\n')
            go = ("env", "go", git_server.url(name), "-c", where.name, "-e", f"{name}-go")
            told += [person.ez(*go, "--no-open", "-v")]

    used(where, image, secrets, doors)
    assert {name for done in told for name in secrets.found_in(done.stdout + done.stderr)} == set()
    assert [seen for seen in watch.seen if not may_be_seen(seen, where)] == []
    assert in_files(secrets, Path("/tmp"), began) - kept == set()
    assert on_engine(secrets, where, engine_folders(where, began), began) == set()
    assert in_image(secrets, where, image) == set()
    assert in_files(secrets, volume(testbed.registry.container), began) == set()
    where.root(f"docker image rm --force {image}")


def used(where: Place, image: str, secrets: Canaries, doors: Doors) -> None:
    """They all did what they are for."""
    wanted = {
        "/mounted": "".join(secrets.values[name] for name in ("variable", "file", "command", "stored")),
        "/proxy": doors.proxy,
        "/token": secrets.values["variable"],
    }
    if where.computer is None:
        del wanted["/token"]
        assert any(path.endswith(".whl") for path in doors.served)
    shown = where.root(f"docker run --rm --network none --entrypoint cat {image} {' '.join(wanted)}")
    assert shown.split()[::2] == [hashlib.sha256(text.encode()).hexdigest() for text in wanted.values()]


def may_be_seen(seen: Seen, where: Place) -> bool:
    """Only as variables, which a process tells its own user and root alone: one that the person has exported, in ez and
    in what it starts here; and a proxy, on the computer, in Git that brings a repo and in what runs it."""
    known = {("variable", "local")} | (set() if where.computer is None else {("proxy", where.name)})
    return seen.what == "variables" and (seen.secret, seen.where) in known


def engine_folders(where: Place, since: float) -> str:
    return HERE.format(new=NEW_LAYERS.format(since=since)) if where.computer is None else ON_A_COMPUTER


def volume(container: str) -> Path:
    """Where the volume of that name is."""
    return Path(run("docker", "volume", "inspect", "--format", "{{.Mountpoint}}", container).stdout.strip())


def test_what_a_step_tells_is_found(place: Place, person: Person, name: str) -> None:
    """The same search where a step writes its secret down, and a build file has it."""
    began = time.time()
    secrets = Canaries({"told": f"canary-told-{uuid.uuid4().hex}"})
    program = {"build.py": TELLING.format(**secrets.values)}
    folder = commit(write_files(person.home / "work" / name, program))
    image = f"ez-test/{name}:1"
    words = ("build", str(folder), "--from", "build.py", "--plain", "-c", place.name, "-t", image)
    value = secrets.values["told"]
    with Watch(secrets, place) as watch:
        done = person.ez(*words, "--secret", "id=told,env=HIDDEN", HIDDEN=value)
        packed = base64.b64encode(gzip.compress(f"{value}\n".encode())).decode()
        for text in (value, packed):
            place.root(f"sh -c 'sleep 0.5; :' {text}")
    assert secrets.found_in(done.stderr) == {"told"}
    assert {(seen.what, seen.where) for seen in watch.seen} >= {("arguments", place.name), ("variables", "local")}
    assert any(packed in seen.command for seen in watch.seen)
    assert {Path(path).suffix for _, path in in_files(secrets, person.home, began)} >= {".log"}
    found = {path for _, path in on_engine(secrets, place, ON_A_COMPUTER, began)}
    assert any(path.endswith("/told") for path in found), "the layer"
    assert any("/blobs/" in path for path in found), "the engine's history"
    assert in_image(secrets, place, image) == {"told"}
    place.root(f"docker image rm --force {image}")
