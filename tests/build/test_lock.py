"""The lock: its file, what it makes of a build file, and what an engine says that names stand for."""

from __future__ import annotations

import functools
import json
import re
import urllib.request
import zipfile
from dataclasses import replace
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
from ez.errors import BuildError, DefinitionError, StepError
from ez.models import Network
from tests.build.buildkit.conftest import BASE, Engine, define, sh
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
    own = local.build(define(sh(BASE, "echo own >/own"))).reference

    def made(image: str) -> State:
        return Files(ImageSource(image), tuple(CopyAction(one, "/", "/x") for one in (git, http, ImageSource(own))))

    definition = define(made("debian:12"))
    found = relock(local, definition, agent_socket=agent.socket)
    assert found.lock.images == (
        LockedImage(f"docker.io/{own}", ""),
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
    with pytest.raises(BuildError, match="no registry gives the image that is locked"):
        lock(definition, local.address, builder, previous=digested, upgrade=True)
    with pytest.raises(BuildError, match="nobody-has-this"):
        relock(local, define(made("ez-test/nobody-has-this:1")), found.lock, agent_socket=agent.socket)


@pytest.mark.engine
def test_python_packages_on_an_engine(local: Engine, tmp_path: Path) -> None:
    """Resolved in the image; installed as they are in the lock, and no others."""
    wheel = "./mine-1-py3-none-any.whl"
    with zipfile.ZipFile(tmp_path / wheel, "w") as file:
        for name, text in {
            "METADATA": "Metadata-Version: 2.1\nName: mine\nVersion: 1\nRequires-Dist: six<1.17\n",
            "WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            "RECORD": "mine-1.dist-info/METADATA,,\nmine-1.dist-info/WHEEL,,\nmine-1.dist-info/RECORD,,\n",
        }.items():
            file.writestr(f"mine-1.dist-info/{name}", text)
    (tmp_path / "requirements.txt").write_text(f"packaging<24\n{wheel}\n")
    repo(tmp_path, build_envd=WITH_REQUIREMENTS, ez_lock=None)
    found = relock(local, load(tmp_path, "hello", access=False, locked=False))
    (entry,) = found.lock.python
    assert (entry.asked, entry.platform, entry.version) == (("packaging<24",), "linux/amd64", "3.11")
    assert [package.partition(" ")[0] for package in entry.packages] == ["packaging==23.2", "six==1.16.0"]
    assert entry.unlocked == (wheel,)
    assert found.left == (f"the package `{wheel}` is the repo's own or Git's, and has no hash",)

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
