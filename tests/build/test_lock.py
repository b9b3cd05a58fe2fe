"""The lock: its file, what it makes of a build file, and what an engine says that names stand for."""

from __future__ import annotations

import functools
import json
import re
import threading
import urllib.request
import uuid
import zipfile
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ez.build.definition import Definition
from ez.build.frontends.inputs import Inputs
from ez.build.graph import (
    BindMount,
    CopyAction,
    Files,
    GitSource,
    HttpSource,
    ImageSource,
    MkFileAction,
    Note,
    Position,
    Run,
    State,
    walk,
)
from ez.build.load import load
from ez.build.lock.apply import apply
from ez.build.lock.lockfile import NAME, Lock, LockedGit, LockedHttp, LockedImage, LockedPython, lock_text, parse_lock
from ez.build.lock.resolve import Locked, lock, outdated
from ez.build.solve import build
from ez.errors import DefinitionError, StepError
from ez.models import Network
from tests.build.buildkit.conftest import BASE, SMALL, Engine, define, name_in_registry, sh
from tests.build.buildkit.fronted import fronted
from tests.build.image.conftest import BUNDLE
from tests.testbed import Agent, Testbed

NETWORK = Network(ca_bundle=BUNDLE.read_text() if BUNDLE.exists() else "")
DIGEST = "sha256:" + "a" * 64
NUMPY = LockedPython(("numpy",), "linux/amd64", "3.11", (f"numpy==2.0 --hash={DIGEST}",))
LOCK = Lock(
    (LockedImage("docker.io/library/ubuntu:22.04", DIGEST),),
    (LockedGit("https://example.org/x.git", "main", "b" * 40),),
    (LockedHttp("https://example.org/f", DIGEST),),
    (NUMPY, replace(NUMPY, platform="linux/arm64", packages=(), unlocked=("-e .",))),
)
REPO = {
    "build.envd": """\
def build():
    install.python(version="3.11")
    install.python_packages(name=["numpy"])
""",
    NAME: lock_text(LOCK),
}
WITH_REQUIREMENTS = """\
def build():
    install.python(version="3.11")
    install.python_packages(requirements="requirements.txt")
"""


def repo(place: Path, **changes: str | None) -> Path:
    """A repo with REPO's files and those of `changes`, `_` for `.` in their names."""
    for name, content in {**REPO, **{name.replace("_", "."): content for name, content in changes.items()}}.items():
        if content is not None:
            (place / name).write_text(content)
    return place


def steps(definition: Definition, name: str) -> list[Run]:
    return [one for one in walk(definition.state) if isinstance(one, Run) and one.argv[3:4] == (f"ez-{name}",)]


def test_the_file_says_all_and_reads_well(tmp_path: Path) -> None:
    text = lock_text(LOCK)
    assert parse_lock(text) == LOCK
    assert text.startswith("# Made by `ez lock`. ")
    assert f'    "numpy==2.0 --hash={DIGEST}",\n' in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<<<<<<< HEAD", "not TOML"),
        ("", "of version `None`"),
        ("version = 2", "of version `2`"),
        ("version = 1\n[[apt]]", "unknown table `apt`"),
        ("version = 1\nimage = 5", "`image` is no list of tables"),
        (f"version = {'1' * 5000}", "not TOML"),
        (f"version = {'[' * 5000}", "not TOML"),
        ('version = 1\n[[image]]\nreference = "x"\ndigest = "md5:1"', "its `digest` is `md5:1`"),
        ('version = 1\n[[git]]\nurl = "x"', "broken table `git`"),
        (lock_text(LOCK).replace("numpy==2.0 ", "-r /etc/passwd "), "is no package with its hash"),
        (
            lock_text(LOCK).replace("numpy==2.0 --hash", "numpy==2.0 --index-url=x --hash"),
            "is no package with its hash",
        ),
    ],
)
def test_a_broken_file_is_an_error_of_its_own(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DefinitionError, match=message) as caught:
        load(repo(tmp_path, ez_lock=text), "hello")
    assert caught.value.file == NAME


def test_a_locked_graph_names_digests_and_hashes(tmp_path: Path) -> None:
    locked, free = load(repo(tmp_path), "hello"), load(tmp_path, "hello", locked=False)
    assert locked.digest != free.digest
    (image,) = [one for one in walk(locked.state) if isinstance(one, ImageSource)]
    assert image.reference == f"ubuntu:22.04@{DIGEST}"
    for run in steps(locked, "pip"):
        assert run.argv[7:] == ("--no-deps", "--require-hashes", "-r", "/dev/shm/ez-lock/requirements.txt")
        assert run.note.position == Position("build.envd", 3, 5)
        *_, mount = run.mounts
        assert isinstance(mount, BindMount)
        assert isinstance(mount.source, Files)
        (written,) = mount.source.actions
        assert isinstance(written, MkFileAction)
        lines = written.data.decode().splitlines()
        assert lines[0] == (f'numpy==2.0 ; platform_machine == "x86_64" and python_version == "3.11" --hash={DIGEST}')
        assert lines[1].startswith('ez.lock-is-not-for-this-platform==0 ; (platform_machine != "x86_64" or ')
    assert len(steps(locked, "pip")) == len(steps(free, "pip")) > 0


def test_sources_are_locked_too() -> None:
    git, http = GitSource("https://example.org/x.git", "main"), HttpSource("https://example.org/f", "f")
    pinned = GitSource("https://example.org/y.git", "c" * 40)
    image = ImageSource(f"debian@{DIGEST}")
    state = Files(image, tuple(CopyAction(one, "/", "/x") for one in (git, http, pinned)))
    locked = apply(state, LOCK, Inputs(Path("/")))
    assert isinstance(locked, Files)
    assert [action.origin for action in locked.actions if isinstance(action, CopyAction)] == [
        replace(git, ref="b" * 40),
        replace(http, checksum=DIGEST),
        pinned,
    ]
    assert locked.base == image


@pytest.mark.parametrize(
    ("build_file", "message", "line"),
    [
        ('install.python_packages(name=["numpy", "pandas"])', "does not have `pandas`", 2),
        ('base(image="debian:12")', "does not have the image `debian:12`", 2),
        (
            'install.python(version="3.12")\n    install.python_packages(name=["numpy"])',
            "does not have the packages for Python 3.12",
            3,
        ),
    ],
)
def test_what_is_not_locked_is_an_error_where_it_is_asked_for(
    tmp_path: Path, build_file: str, message: str, line: int
) -> None:
    repo(tmp_path, build_envd=f"def build():\n    {build_file}\n")
    with pytest.raises(DefinitionError, match=message) as caught:
        load(tmp_path, "hello")
    assert (caught.value.file, caught.value.line) == ("build.envd", line)
    assert caught.value.hint == "bring it up to date with `ez lock`"


def test_requirements_files_are_read_as_pip_reads_them(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "limits.txt").write_text("scipy<2  # why\n")
    (tmp_path / "requirements.txt").write_text(
        "--extra-index-url=https://example.org/simple\n-c more/limits.txt\nnumpy>=1,\\\n  <3\n./local.whl\ngit+https://x/y\n"
    )
    (tmp_path / "local.whl").touch()
    asked = ("-c scipy<2", "numpy>=1, <3")
    one = LockedPython(asked, "linux/amd64", "3.11", NUMPY.packages, ("./local.whl", "git+https://x/y"))
    text = lock_text(replace(LOCK, python=(one,)))
    definition = load(repo(tmp_path, build_envd=WITH_REQUIREMENTS, ez_lock=text), "hello")
    *_, exact, rest = steps(definition, "pip")
    assert rest.base == exact, "what has no hash comes after what has"
    assert rest.argv[7:] == ("--no-deps", "-r", "requirements.txt")
    (written,) = exact.mounts[-1].source.actions  # type: ignore[union-attr]
    assert written.data.decode().startswith("--extra-index-url=https://example.org/simple\nnumpy==2.0 ; ")  # type: ignore[union-attr]
    missing, unused = outdated(load(tmp_path, "hello", locked=False), LOCK)
    assert missing == ("`-c scipy<2`, `numpy>=1, <3`",)
    assert unused == replace(LOCK, images=())


def test_without_its_file_a_partial_copy_asks_for_it(tmp_path: Path) -> None:
    repo(tmp_path, ez_lock=None)
    with pytest.raises(DefinitionError) as caught:
        load(tmp_path, "hello", fetched=("build.envd",))
    assert NAME in getattr(caught.value, "paths", ())
    assert load(tmp_path, "hello", fetched=("build.envd", NAME)).digest == load(tmp_path, "hello").digest


def relock(engine: Engine, definition: Definition, previous: Lock | None = None, **options: Any) -> Locked:
    builder = functools.partial(build, network=NETWORK, **options)
    return lock(definition, engine.address, builder, previous=previous)


@pytest.mark.engine
def test_images_sources_and_downloads_on_an_engine(
    local: Engine, testbed: Testbed, agent: Agent, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("1")
    server = testbed.git_server
    url = server.create("locked", tmp_path)
    git = GitSource(url, known_hosts=server.known_hosts)
    served = f"http://{testbed.registry.address}/v2/library/debian"
    accept = {"Accept": "application/vnd.docker.distribution.manifest.v2+json"}
    with urllib.request.urlopen(urllib.request.Request(f"{served}/manifests/12", headers=accept), timeout=20) as reply:
        digest, blob = reply.headers["Docker-Content-Digest"], json.load(reply)["config"]["digest"]
    http = HttpSource(f"{served}/blobs/{blob}", "config.json")
    own = f"{name_in_registry(local, testbed)}:1"
    local.build(define(sh(BASE, "echo own >/own")), reference=own)
    local.made.append(own)

    def made(image: str) -> State:
        return Files(ImageSource(image), tuple(CopyAction(one, "/", "/x") for one in (git, http, ImageSource(own))))

    definition = define(made("debian:12"))
    found = relock(local, definition, agent_socket=agent.socket)
    assert found.lock.images == (
        LockedImage(own, ""),
        LockedImage("docker.io/library/debian:12", digest),
    )
    apply(definition.state, parse_lock(lock_text(found.lock)), Inputs(tmp_path))
    assert found.lock.http == (LockedHttp(http.url, blob),)
    (repository,) = found.lock.git
    assert (repository.url, repository.ref) == (url, "")
    assert re.fullmatch("[0-9a-f]{40}", repository.commit)
    assert found.left == (f"the image `{own}` is in no registry, so it has no digest that others could find",)

    (tmp_path / "file").write_text("2")
    server.create("locked", tmp_path)
    assert relock(local, definition, found.lock, agent_socket=agent.socket) == found
    digested = replace(found.lock, images=tuple(replace(one, digest=DIGEST) for one in found.lock.images))
    builder = functools.partial(build, network=NETWORK, agent_socket=agent.socket)
    with pytest.raises(StepError, match="no such image"):
        lock(definition, local.address, builder, previous=digested, upgrade=True)
    with pytest.raises(StepError, match="nobody-has-this"):
        relock(local, define(made("ez-test/nobody-has-this:1")), found.lock, agent_socket=agent.socket)


@pytest.mark.engine
def test_an_answer_that_tells_nothing_is_an_error(local: Engine, testbed: Testbed) -> None:
    """Whatever a server says but that something is not there, and although the engine has the image."""
    note = Note(position=Position("build.envd", 7))

    def asking(address: str) -> list[Definition]:
        own = f"{address}/ez-test/{uuid.uuid4().hex}:1"
        local.build(define(Files(SMALL, (MkFileAction("/own", b""),))), reference=own)
        local.made.append(own)
        sources = (
            ImageSource(own, note=note),
            HttpSource(f"http://{address}/file", "file", note=note),
            GitSource(f"http://{address}/thing.git", "main", note=note),
        )
        return [define(Files(BASE, (CopyAction(source, "/", "/x"),))) for source in sources]

    def refused(address: str, definitions: list[Definition]) -> None:
        for definition in definitions:
            with pytest.raises(StepError, match=re.escape(address)) as caught:
                relock(local, definition)
            assert (caught.value.file, caught.value.line) == ("build.envd", 7)
            assert caught.value.hint

    with fronted(testbed.registry.host_address) as door:
        definitions = asking(door.address)
        for door.status in (401, 403, 429, 500):
            refused(door.address, definitions)
        door.status = 0
        assert "" in [one.digest for one in relock(local, definitions[0]).lock.images]
    refused("127.0.0.1:9", asking("127.0.0.1:9"))


WITH_INDEX = """\
from ez.build import Image, Secret

image = (
    Image("ubuntu:22.04")
    .with_python("3.11")
    .pip_install(
        "private-thing==1.0",
        extra_index="http://{index}/simple",
        options=["--trusted-host", "{host}", "--retries", "0"],
        secrets=[Secret("netrc", target="/root/.netrc")],
    )
)
"""


@pytest.mark.engine
def test_a_package_index_that_asks_who_comes(local: Engine, testbed: Testbed, tmp_path: Path) -> None:
    """It learns that from a secret, which nothing keeps. One that does not answer is not left out, as pip would."""
    host = testbed.world.address(1)
    page = tmp_path / "served" / "simple" / "private-thing"
    page.mkdir(parents=True)
    wheel(page, "private_thing-1.0")
    served = functools.partial(SimpleHTTPRequestHandler, directory=str(page.parents[1]))
    with ThreadingHTTPServer(("127.0.0.1", 0), served) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with fronted(f"127.0.0.1:{server.server_address[1]}", host) as door:
            door.user, door.password = "somebody", f"canary-{uuid.uuid4().hex}"
            (tmp_path / "build.py").write_text(WITH_INDEX.format(index=door.address, host=host))
            definition = functools.partial(load, tmp_path, "hello", entry="build.py:image", access=False)
            netrc = f"machine {host} login {door.user} password {door.password}".encode()
            found = relock(local, definition(locked=False), secrets={"netrc": netrc})
            text = lock_text(found.lock)
            assert "private_thing==1.0 --hash=sha256:" in text
            (tmp_path / NAME).write_text(text)
            image = local.build(definition(), network=NETWORK, secrets={"netrc": netrc})
            assert (
                door.password not in text + repr(local.said.events) + local.docker("history", image.reference).decode()
            )
            with pytest.raises(StepError) as caught:
                relock(local, definition(locked=False), secrets={"netrc": b"machine other login x password y"})
            assert any("401" in line and f"http://{door.address}/simple" in line for line in caught.value.log)
            door.status = 500
            with pytest.raises(StepError) as caught:
                relock(local, definition(locked=False), secrets={"netrc": netrc})
            assert caught.value.line == 6
            assert any(line.startswith("ez: an index gives no answer: http://") for line in caught.value.log)
        server.shutdown()


def wheel(folder: Path, name: str, *requires: str) -> None:
    """A wheel of the package and version `name`, without anything in it."""
    package, version = name.split("-")
    needed = "".join(f"Requires-Dist: {one}\n" for one in requires)
    with zipfile.ZipFile(folder / f"{name}-py3-none-any.whl", "w") as file:
        for path, text in {
            "METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n{needed}",
            "WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            "RECORD": "".join(f"{name}.dist-info/{part},,\n" for part in ("METADATA", "WHEEL", "RECORD")),
        }.items():
            file.writestr(f"{name}.dist-info/{path}", text)


@pytest.mark.engine
def test_python_packages_on_an_engine(local: Engine, tmp_path: Path) -> None:
    """Resolved in the image; installed as they are in the lock, and no others."""
    mine = "./mine-1-py3-none-any.whl"
    wheel(tmp_path, "mine-1", "six<1.17")
    (tmp_path / "requirements.txt").write_text(f"packaging<24\n{mine}\n")
    repo(tmp_path, build_envd=WITH_REQUIREMENTS, ez_lock=None)
    found = relock(local, load(tmp_path, "hello", access=False, locked=False))
    (entry,) = found.lock.python
    assert (entry.asked, entry.platform, entry.version) == (("packaging<24",), "linux/amd64", "3.11")
    assert [package.partition(" ")[0] for package in entry.packages] == ["packaging==23.2", "six==1.16.0"]
    assert entry.unlocked == (mine,)
    assert found.left == (f"the package `{mine}` is the repo's own or Git's, and has no hash",)

    def installed(lock: Lock) -> list[str]:
        (tmp_path / NAME).write_text(lock_text(lock))
        image = local.build(load(tmp_path, "hello", access=False), network=NETWORK)
        listed = local.docker("run", "--rm", "--entrypoint", "/opt/venv/bin/pip", image.reference, "freeze")
        return [line.partition(" ")[0] for line in listed.decode().splitlines()]

    assert installed(found.lock) == ["mine", "packaging==23.2", "six==1.16.0"]
    older = tuple(package.replace("six==1.16.0", "six==1.15.0") for package in entry.packages)
    with pytest.raises(StepError) as caught:
        installed(replace(found.lock, python=(replace(entry, packages=older),)))
    assert caught.value.line == 3
    assert any("hash" in line.lower() for line in caught.value.log)
    with pytest.raises(StepError) as caught:
        installed(replace(found.lock, python=(replace(entry, platform="linux/arm64"),)))
    assert any("ez.lock-is-not-for-this-platform" in line for line in caught.value.log)
