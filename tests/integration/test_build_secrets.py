"""Secrets stay secret: a build that uses every kind of them is searched for, wherever it was and whatever it left."""

from __future__ import annotations

import base64
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
from tests.integration.leaks import Canaries, Watch, in_files, in_image, on_engine
from tests.integration.person import Done, Person
from tests.integration.places import Place, commit, write_files
from tests.integration.private_index import PACKAGE, USER, Doors, standing
from tests.testbed import GitServer, Testbed

pytestmark = pytest.mark.engine

PROGRAM = """\
from ez.build import Git, Image, Secret

secrets = [Secret("variable"), Secret("file"), Secret("command")]
image = (
    Image("{registry}/library/debian:12")
    .with_python("3.11")
    .pip_install("{package}")
    .run("cd /run/secrets && cat variable file command | sha256sum >/mounted; : {salt}", secrets=secrets)
    .run('test -S "$SSH_AUTH_SOCK"; : {salt}', ssh=True)
    .copy_from(Git("{repo}", known_hosts={known_hosts!r}), "/", "/source")
)
"""
WITH_VARIABLE = """
image = image.run('printf %s "$TOKEN" | sha256sum >/given; : {salt}', secrets=[Secret("variable", variable="TOKEN")])
"""
GO = """\
# syntax=v1

def build():
    base(image="{registry}/library/ubuntu:22.04", dev=True)
    run(commands=["test -n \\"$http_proxy\\" && test -s \\"$PIP_CONFIG_FILE\\"; : {salt}"])
"""
TELLING = """\
from ez.build import Image, Secret

image = Image("debian:12").run("cat /run/secrets/told | tee /told; : {salt}", secrets=[Secret("told")])
"""
ON_A_COMPUTER = "/var/lib/docker /var/lib/containerd /var/log /var/tmp /etc /home /root /run /tmp"
HERE = (
    "/var/lib/docker/buildkit /var/lib/docker/containers /var/lib/docker/image /var/lib/docker/tmp"
    " $(find /var/lib/docker/overlay2 -maxdepth 1 -newerct @{since})"
)


@pytest.fixture
def secrets(git_server: GitServer) -> Canaries:
    """One for each way; of the key that the agent has, a line of its file."""
    names = ("variable", "file", "command", "index", "proxy", "registry")
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


def settle(person: Person, doors: Doors, secrets: Canaries, registry: str) -> set[tuple[str, str]]:
    """Write what the person keeps in files; gives (secret, path) of where it is."""
    login = base64.b64encode(f"{USER}:{secrets.values['registry']}".encode()).decode()
    kept = {
        ".config/ez/config.toml": f'[network]\nhttp_proxy = "{doors.proxy}"\npip_index = "{doors.index}"\n',
        ".docker/config.json": json.dumps({"auths": {registry: {"auth": login}}}),
        "file": secrets.values["file"],
        "command": secrets.values["command"],
    }
    write_files(person.home, kept)
    return {(name, str(person.home / path)) for path, text in kept.items() for name in secrets.in_text(text)}


def test_secrets_are_nowhere(
    where: Place,
    person: Person,
    secrets: Canaries,
    doors: Doors,
    registry: str,
    git_server: GitServer,
    testbed: Testbed,
    name: str,
) -> None:
    began = time.time()
    kept = settle(person, doors, secrets, registry)
    folder = person.home / "work" / name
    salt = uuid.uuid4().hex
    repo = git_server.url(name)
    program = PROGRAM if where.computer is None else PROGRAM + WITH_VARIABLE
    text = program.format(
        registry=registry, package=PACKAGE, repo=repo, known_hosts=git_server.known_hosts, salt=salt
    )
    commit(write_files(folder, {"build.py": text, "build.envd": GO.format(registry=registry, salt=salt)}))
    git_server.create(name, folder)

    lent = (
        *("--secret", "id=variable,env=HIDDEN", "--secret", f"id=file,src={person.home}/file"),
        *("--secret", f"id=command,cmd=cat {person.home}/command", "--ssh", f"default={git_server.user_key}"),
    )
    words = ("build", str(folder), "--from", "build.py", "--plain", "-c", where.name, *lent)
    pushed = f"{registry}/ez-test/{name}"
    shared = ("--cache-to", f"type=registry,ref={pushed}-cache,mode=max") if where.computer is not None else ()
    with Watch(secrets, where) as watch:
        t0 = time.time()
        told = [person.ez(*words, "-t", f"{pushed}:1", "--push", *shared, "-v", HIDDEN=secrets.values["variable"])]
        print("build", time.time() - t0); t0 = time.time()
        told += [person.ez(*words, "--progress", "json", "--json", HIDDEN=secrets.values["variable"])]
        print("build", time.time() - t0); t0 = time.time()
        Path("/tmp/told.txt").write_text(told[0].stderr + "=====\n" + told[1].stderr + told[1].stdout)
        told += [person.ez("build", "explain", str(folder), "-c", where.name)]
        if where.computer is not None:
            told += [person.ez("env", "go", repo, "-c", where.name, "--no-open", "-v", "--name", f"{name}-go")]
        print("go", time.time() - t0); t0 = time.time()
    print(watch.looks)
    reference = told[1].json["reference"]
    mounted = "".join(secrets.values[name] for name in ("variable", "file", "command"))
    assert said(where, reference, "/mounted") == hashlib.sha256(mounted.encode()).hexdigest()
    print(doors.served, len(doors.passed))
    print(time.time() - t0); t0 = time.time()
    for done in told:
        print(secrets.in_text(done.stdout + done.stderr), done.command[:6])
    print("seen", watch.seen)
    print("files", in_files(secrets, [Path("/tmp")], began) - kept)
    print(time.time() - t0); t0 = time.time()
    folders = HERE.format(since=began) if where.computer is None else ON_A_COMPUTER
    print("engine", on_engine(secrets, where, [folders], began))
    print(time.time() - t0); t0 = time.time()
    print("image", in_image(secrets, where, reference))
    print(time.time() - t0); t0 = time.time()
    volume = testbed.registry.container
    volume = Place("local", None).root(f"docker volume inspect --format '{{{{.Mountpoint}}}}' {volume}").strip()
    print("registry", in_files(secrets, [Path(volume)], began))
    print(time.time() - t0); t0 = time.time()
    assert 0


def said(where: Place, reference: str, path: str) -> str:
    """The first word of a file of the image."""
    return where.root(f"docker run --rm --network none --entrypoint cat {reference} {path}").split()[0]
