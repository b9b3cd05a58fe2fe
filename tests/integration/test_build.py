"""The whole `ez build` command on real engines: one small image, and everything that can be asked for it."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.person import EZ, Person
from tests.integration.places import PLAIN, Place, commit, write_files
from tests.testbed import GitServer, Testbed
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
    again = build(person, program)
    assert (again["reference"], again["id"], again["executed"], again["cached"]) == (reference, id, 0, 0)

    write_files(program, {"build.py": (program / "build.py").read_text().replace('"one ', '"two ')})
    assert build(person, program)["executed"] == 1
    explained = person.ez("build", "explain", "--json", cwd=program).json
    assert [(step["step"], step["why"]) for step in explained["steps"]] == [("write /text", "changed")]
    assert (explained["environment"], explained["executed"]) == (name, 1)
    assert "write /text" in person.ez("build", "explain", name).stdout
    assert "build:   run 0 steps" in person.ez(*WORDS, "--dry-run", cwd=program, token=TOKEN).stdout


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
    assert build(person, program, "-t", name)["executed"] > 0
