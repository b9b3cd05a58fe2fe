"""The whole `ez build` command on real engines: one small image, and everything that can be asked for it."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.build.buildkit.conftest import forwarded, relayed, upgraded
from tests.build.buildkit.git_over_http import served_over_http
from tests.integration.person import EZ, Person
from tests.integration.places import PLAIN, Place, commit, lent, write_files
from tests.testbed import GitServer, Testbed, TestComputer
from tests.testbed.shell import run

pytestmark = pytest.mark.engine

PROGRAM = """\
from ez.build import Image, Scratch, Secret

summed = Image("debian:12").run("sha256sum </run/secrets/token >/sum; : {salt}", secrets=[Secret("token")])
image = Scratch().copy_from(summed, "/sum", "/sum").mkfile("/text", "one {salt}")
"""
WORDS = ("build", "--from", "build.py", "--plain", "--secret", "id=token")
TOKEN = "never-to-be-seen"


@pytest.fixture
def program(person: Person, name: str) -> Iterator[Path]:
    """A directory of this computer whose steps nobody has run; images made of it are removed after the test."""
    yield write_files(person.home / name, {"build.py": PROGRAM.format(salt=uuid.uuid4().hex)})
    remove_images(Place("local", None), name)


def remove_images(place: Place, name: str) -> None:
    listed = "docker image ls --format '{{.Repository}}:{{.Tag}}'"
    place.root(f"{listed} | grep -F {name} | xargs -r docker image rm --force >/dev/null")


def build(person: Person, program: Path, *arguments: str) -> dict[str, Any]:
    result: dict[str, Any] = person.ez(*WORDS, *arguments, "--json", cwd=program, token=TOKEN).json
    return result


def test_names_files_and_streams(engine: Path, person: Person, program: Path, name: str) -> None:
    made = build(person, program, "-t", f"{name}:one", "-t", f"{name}:two")
    assert (made["environment"], made["computer"], made["reference"]) == (name, "local", f"{name}:one")
    assert made["executed"] > 0
    shown = run("docker", "image", "inspect", f"{name}:one", f"{name}:two", "--format", "{{.Id}}").stdout.split()
    assert shown == [made["id"], made["id"]]

    files = build(person, program, "-o", "out", "-o", "type=tar,dest=out.tar")
    assert files["outputs"] == [{"kind": "local", "target": "out"}, {"kind": "tar", "target": "out.tar"}]
    assert (files["reference"], files["executed"], files["digest"]) == ("", 0, made["digest"])
    assert (program / "out" / "sum").read_text().split()[0] == hashlib.sha256(TOKEN.encode()).hexdigest()
    with tarfile.open(program / "out.tar") as archive:
        assert sorted(archive.getnames()) == ["sum", "text"]

    command = [str(EZ), *WORDS, "--output", "-"]
    done = subprocess.run(
        command, cwd=program, env={**person.environment, "token": TOKEN}, capture_output=True, check=True
    )
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        assert sorted(archive.getnames()) == ["sum", "text"]

    kept = [path for path in person.home.rglob("*") if path.is_file()]
    assert [path for path in kept if TOKEN.encode() in path.read_bytes()] == []


def test_progress_for_programs_and_why_steps_ran(engine: Path, person: Person, program: Path, name: str) -> None:
    done = person.ez(*WORDS, "--progress", "json", cwd=program, token=TOKEN)
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert {"step_started", "step_finished", "vertex"} <= {event["event"] for event in events}
    assert {"event", "time", "digest", "name", "started", "completed", "cached", "error"} <= next(
        event.keys() for event in events if event["event"] == "vertex"
    )
    reference, id = done.stdout.split()
    assert reference.startswith(f"ez/{name}:")
    assert id.startswith("sha256:")
    told = person.ez(*WORDS, "--json", cwd=program, token=TOKEN)
    assert "the image is there (made 2" in told.stderr
    again = told.json
    assert (again["reference"], again["id"], again["executed"], again["cached"]) == (reference, id, 0, 0)

    write_files(program, {"build.py": (program / "build.py").read_text().replace('"one ', '"two ')})
    assert build(person, program)["executed"] == 1
    explained = person.ez("build", "explain", "--json", cwd=program).json
    assert [(step["step"], step["why"]) for step in explained["steps"]] == [("write /text", "changed")]
    assert (explained["environment"], explained["executed"]) == (name, 1)
    assert "write /text" in person.ez("build", "explain", name).stdout
    assert "build:   run 0 steps" in person.ez(*WORDS, "--dry-run", cwd=program, token=TOKEN).stdout

    other = write_files(person.home / "other" / name, {"build.py": PROGRAM.format(salt=uuid.uuid4().hex)})
    assert "no build of" in person.ez("build", "explain", cwd=other, code=1).told
    build(person, other)
    assert person.ez("build", "explain", "--json", cwd=program).json == explained
    assert f"2 repos are called `{name}`" in person.ez("build", "explain", name, cwd=program, code=1).told

    write_files(other, {"build.py": 'from ez.build import Image\n\nimage = Image("debian:12").run("false")\n'})
    person.ez(*WORDS, cwd=other, token=TOKEN, code=1)
    assert "; 0 steps ran, 1 failed, 0 were known" in person.ez("build", "explain", cwd=other).stdout


def test_what_is_built_is_what_go_finds(local: Place, person: Person, name: str) -> None:
    folder = write_files(person.home / name, {"build.envd": PLAIN})
    reference = person.ez("build", "--quiet", cwd=folder).stdout.split()[0]
    planned = person.ez("env", "go", "--dry-run", "--json", cwd=folder).json
    assert [action["action"] for action in planned["actions"] if action["step"] == "build"] == [
        f"nothing to do, {reference} is there"
    ]
    remove_images(local, name)


def test_an_engine_that_cannot_says_so_before_anything_runs(
    engine: Path, person: Person, program: Path, testbed: Testbed, name: str
) -> None:
    registry = testbed.registry.host_address
    for arguments in (
        ("--platform", "linux/amd64,linux/arm64"),
        ("--cache-to", f"type=registry,ref={registry}/{name}"),
        ("--output", "type=oci,dest=image.tar"),
    ):
        refused = person.ez(*WORDS, *arguments, cwd=program, code=1, token=TOKEN)
        assert "graph driver" in refused.told
        assert "debian" not in refused.stderr
    nowhere = person.ez(*WORDS, cwd=program, code=1, token=TOKEN, DOCKER_HOST=f"unix://{person.home}/no.sock")
    assert f"{person.home}/no.sock" in nowhere.told


def test_on_another_computer(place: Place, person: Person, program: Path, testbed: Testbed, name: str) -> None:
    registry = testbed.registry.address
    pushed = f"{registry}/ez-test/{name}:1"
    made = build(
        person, commit(program), "-c", "box", "-t", pushed, "--push", "--cache-to", f"{registry}/ez-test/{name}-cache"
    )
    assert (made["computer"], made["reference"]) == ("box", pushed)
    assert made["outputs"] == [{"kind": "registry", "target": pushed}]
    own = build(person, program, "-c", "box")
    assert own["executed"] == 0
    assert own["reference"] in place.images(name)
    same = person.ez(*WORDS, "-c", "box", "--check-reproducible", cwd=program, token=TOKEN)
    assert same.stdout.startswith("reproducible: sha256:")

    usage = person.ez("build", "cache", "ls", "-c", "box", "--json").json
    assert usage["total"] >= usage["reclaimable"] > 0
    keep = str(usage["total"] - 1)
    command = ("build", "cache", "prune", "-c", "box", "--keep", keep)
    planned = person.ez(*command, "--dry-run", "--json").json
    assert 0 < planned["freed"] < usage["total"]
    done = person.ez(*command, "--yes", "--json").json
    assert (done["computer"], done["records"]) == ("box", len(planned["records"]))
    remove_images(place, name)


@pytest.fixture
def builder(computers: Callable[..., TestComputer], person: Person) -> Iterator[Place]:
    """A computer, as `box`, with a buildkitd at its socket and at a port; the Docker Engine refuses the user."""
    box, folder = computers("ready"), person.home / "tmp"
    direct = folder / "direct.sock"
    with forwarded(box, folder) as docker, relayed(docker, direct, connect=upgraded):
        box.exec(f"install --directory --owner {box.user} /run/buildkit")
        *options, destination = box.ssh_command()
        ways = ("-R", f"/run/buildkit/buildkitd.sock:{direct}", "-R", f"127.0.0.1:1234:{direct}")
        command = [*options, "-o", "ExitOnForwardFailure=yes", *ways, destination, "echo there; cat"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"there\n"
            box.exec(f"gpasswd --delete {box.user} docker")
            with lent(box, person, "box") as place:
                yield place
            process.kill()


def test_a_buildkitd_on_another_computer(builder: Place, person: Person, program: Path, testbed: Testbed) -> None:
    """Through SSH, by its socket and by a port; nothing of the computer is changed for it."""
    commit(program)
    planned = person.ez(*WORDS, "-c", "box", "--dry-run", "--json", cwd=program, token=TOKEN).json
    steps = {action["step"]: action["action"] for action in planned["actions"]}
    assert steps["prepare"] == "nothing to do"
    socket = "/run/buildkit/buildkitd.sock"
    assert steps["engine"] == f"buildkitd at {socket} (the socket {socket} there)"
    made = build(person, program, "-c", "box", "-o", "out", "-o", "type=oci,dest=image.tar")
    assert made["executed"] > 0
    assert (program / "out" / "sum").read_text().split()[0] == hashlib.sha256(TOKEN.encode()).hexdigest()
    pushed = f"{testbed.registry.address}/ez-test/{uuid.uuid4().hex}:1"
    port = "box=tcp://127.0.0.1:1234"
    words = (*WORDS, "-c", "box", "-t", pushed, "--push", "--json")
    again = person.ez(*words, cwd=program, token=TOKEN, EZ_BUILDKITD=port).json
    assert (again["executed"], again["outputs"]) == (0, [{"kind": "registry", "target": pushed}])
    assert "from where no container starts" in person.ez(*WORDS, "-c", "box", cwd=program, token=TOKEN).stderr

    usage = person.ez("build", "cache", "ls", "-c", "box", "--json", EZ_BUILDKITD=port).json
    assert (usage["engine"], usage["total"] > 0) == ("box:tcp://127.0.0.1:1234", True)
    kept = person.ez("build", "cache", "prune", "-c", "box", "--keep", "1TB", "--dry-run").stderr
    assert f"nothing to remove: the cache of `box:{socket}`" in kept
    checks = {check["id"]: check for check in person.ez("doctor", "box", "--json", code=None).json}
    assert checks["builder"]["status"] == "ok"
    assert checks["builder"]["detail"] == f"{steps['engine']}, for linux/amd64"
    assert person.ez("compute", "prepare", "box", "--dry-run", "--json").json["changed"] == ["group"]
    # The connection that this leaves open was made before its user was in the group.
    enter = ("compute", "ssh", "box", "--", "id -nG")
    assert "docker" not in person.ez(*enter).stdout.split()
    assert person.ez("compute", "prepare", "box", "--json").json["changed"] == ["group"]
    assert "docker" in person.ez(*enter).stdout.split()


def test_a_repo_by_its_address(local: Place, person: Person, program: Path, name: str, git_server: GitServer) -> None:
    address = git_server.create(name, commit(program))
    try:
        made = person.ez(*WORDS, address, "--json", "-o", "out", token=TOKEN).json
        assert (made["environment"], (person.home / "out" / "text").read_text()[:4]) == (name, "one ")
    finally:
        git_server.remove(name)


def test_the_lock_of_a_repo(engine: Path, person: Person, program: Path, name: str) -> None:
    lock = ("lock", "--from", "build.py")
    missing = person.ez(*lock, "--check", cwd=program, code=1)
    assert missing.stdout == "missing: the image `debian:12`\n"
    written = person.ez(*lock, "--json", cwd=program).json
    assert [line.split()[0] for line in written["new"]] == ["docker.io/library/debian:12"]
    assert person.ez(*lock, "--check", "--json", cwd=program).json["current"] is True
    before = (program / "ez.lock").read_text()
    assert person.ez(*lock, "--upgrade", cwd=program).stdout == ""
    assert (program / "ez.lock").read_text() == before
    (program / "ez.lock").write_text("<<<<<<< HEAD\n" + before)
    assert "`ez lock --upgrade`" in person.ez(*lock, cwd=program, code=1).stderr
    anew = person.ez(*lock, "--upgrade", cwd=program).stderr
    assert "cannot be used: not TOML" in anew
    assert f"{program}/ez.lock: 1 entry" in anew
    assert (program / "ez.lock").read_text() == before
    assert build(person, program, "-t", name)["executed"] > 0


def test_a_lock_gets_the_secrets_of_a_build(
    engine: Path, person: Person, testbed: Testbed, name: str, tmp_path: Path
) -> None:
    """It is written whole or stays as it was."""
    source = commit(write_files(tmp_path / "source", {"read.me": "first"}))
    folder = write_files(person.home / name, {"build.py": 'from ez.build import Image\n\nimage = Image("debian:12")\n'})
    person.ez("lock", "--from", "build.py", cwd=folder)
    before = (folder / "ez.lock").read_text()
    with served_over_http(source, testbed.world.address(1), f"Bearer {TOKEN}") as url:
        with (folder / "build.py").open("a") as file:
            file.write(f"image = image.git({url!r}, '/thing')\n")
        refused = person.ez("lock", "--from", "build.py", "-v", cwd=folder, code=1)
        assert f"the repository cannot be read: `{url}`" in refused.told
        assert "build.py:4" in refused.told
        assert (folder / "ez.lock").read_text() == before
        lent = ("--secret", "id=GIT_AUTH_HEADER,env=HEADER")
        person.ez("lock", "--from", "build.py", "-v", *lent, cwd=folder, HEADER=f"Bearer {TOKEN}")
    commit_there = run("git", "-C", str(source), "rev-parse", "HEAD").stdout.strip()
    assert f'commit = "{commit_there}"' in (folder / "ez.lock").read_text()
    assert sorted(path.name for path in folder.iterdir() if path.is_file()) == ["build.py", "ez.lock"]
    kept = [path for path in person.home.rglob("*") if path.is_file()]
    assert [path for path in kept if TOKEN.encode() in path.read_bytes()] == []
