"""States that engines make in different ways, or not at all, and what then comes of them."""

import hashlib
import json
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ez.build.engine import engine_capabilities
from ez.build.graph import (
    BindMount,
    CopyAction,
    Diff,
    Files,
    GitSource,
    HttpSource,
    ImageSource,
    Merge,
    MkDirAction,
    MkFileAction,
    Note,
    Position,
    Run,
    Scratch,
    SecretVariable,
    State,
    SymlinkAction,
)
from ez.build.llb.lower import lower
from ez.errors import DefinitionError, EngineError, StepError
from ez.events import Vertex
from tests.testbed import Agent, Testbed
from tests.testbed.keys import ensure_key, known_hosts_lines, public_half
from tests.testbed.shell import run

from .conftest import BASE, Engine, Recorder, define, sh

pytestmark = pytest.mark.engine

MERGES = {"mergeop", "diffop"}


def branches() -> State:
    """Branches of all kinds: with paths and without, branches of branches, whole inputs, a Diff and a Merge apart."""
    start = sh(BASE, "mkdir -p /opt /shared; echo base > /shared/base; echo gone > /opt/gone")
    script = """
        mkdir -p /opt/a/deep; echo a > /opt/a/f; ln -s f /opt/a/l; ln /opt/a/f /opt/a/hard
        chown -R 5:6 /opt/a; chmod 2750 /opt/a /opt/a/deep; chmod 4755 /opt/a/f; echo a > /shared/a
        ln -s ../opt/a/f /usr/local/bin/a; ln -s nowhere /opt/dangling; mkdir '/opt/[x]*'; touch '/opt/[x]*/\\y'
    """
    named = sh(sh(start, script), "echo more >> /opt/a/second; chmod 700 /opt/a/deep")
    paths = ("/opt/a", "/shared/a", "/usr/local/bin/a", "/opt/dangling", "/nowhere/at/all", "/opt/[x]*")
    made = (MkDirAction("/srv/b", mode=0o700, uid=7, gid=8), MkFileAction("/srv/b/f", b"b", mode=0o600))
    added = Files(Scratch(), (MkFileAction("/extra", b"x"), MkDirAction("/srv"), MkFileAction("/srv/extra", b"y")))
    again = sh(Files(start, made), "rm /opt/gone; useradd -u 99 someone; echo $B > /shared/b", env=(("B", "b"),))
    inner = sh(start, "mkdir /opt/inner; echo 1 > /opt/inner/1")
    left = sh(inner, "echo left > /opt/inner/left; chown 3:4 /opt/inner/1")
    right = sh(inner, "mkdir /opt/right; echo right > /opt/right/f")
    nested = sh(
        Merge((inner, Diff(inner, left), Diff(inner, right, ("/opt/right",)))), "cat /opt/inner/left > /opt/both"
    )
    apart = (
        CopyAction(Diff(start, named, paths), "/", "/apart"),
        CopyAction(Merge((Scratch(), Diff(inner, right, ("/opt/right",)), added)), "/", "/together"),
    )
    linked = Diff(start, sh(start, "echo linked > /lib/linked"), ("/lib/linked",))
    joined = Merge((start, Diff(start, named, paths), linked, Diff(start, again), Diff(start, nested), added))
    return Files(sh(joined, "test -x /opt/a/f; cat /shared/* /extra /opt/both > /all"), apart)


@dataclass(frozen=True)
class Found:
    type: str
    mode: int
    owner: str
    link: str
    contents: str


def files_of(engine: Engine, state: State, **options: Any) -> dict[str, Found]:
    """Every file of `state`, as a step sees it that has it mounted."""
    listed = Run(BASE, ("sh", "-ec", LIST), mounts=(BindMount("/mnt", state),), cwd="/mnt")
    image = engine.build(define(listed), **options)
    files, _, sums = engine.read(image, "/files").partition("\0\0")
    contents = {path: checksum for checksum, _, path in (line.partition("  ") for line in sums.split("\0"))}
    found = {}
    for line in files.split("\0"):
        path, type, mode, owner, link = line.split("\t")
        found[path] = Found(type, int(mode, 8), owner, link, contents.get(path, ""))
    return found


LIST = r"""
find . -mindepth 1 -printf '%P\t%y\t%m\t%U:%G\t%l\0' > /files
printf '\0' >> /files
find . -type f -printf '%P\0' | xargs -0r sha256sum -z -- >> /files
"""


def sum_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture(scope="module")
def merged(testbed: Any, sockets: Callable[..., Path], request: pytest.FixtureRequest) -> Iterator[dict[str, Found]]:
    """The files of `branches` as an engine gives them that can merge."""
    engine = Engine("ready", sockets("ready", lambda: request.getfixturevalue("ready")))
    assert engine_capabilities(engine.address) >= MERGES
    yield files_of(engine, branches())
    engine.forget()


def test_branches_give_the_same_files_on_every_engine(every_engine: Engine, merged: dict[str, Found]) -> None:
    """Those that can merge do without it here."""
    found = files_of(every_engine, lower(branches(), engine_capabilities(every_engine.address) - MERGES))
    assert {path: (merged.get(path), file) for path, file in found.items() if merged.get(path) != file} == {}
    assert sorted(found.keys() ^ merged.keys()) == []
    assert (found["opt/a/f"].mode, found["opt/a/f"].owner) == (0o4755, "5:6")
    assert "usr/lib/linked" in found
    assert "opt/gone" not in found


def test_a_branch_that_nothing_stands_in_for_is_refused_where_it_is(every_engine: Engine) -> None:
    """Its lower state is not in what it is merged with, and it names no paths."""
    other = Files(BASE, (MkFileAction("/other", b""),))
    branch = Diff(other, sh(other, "echo x > /x"))
    state = Merge((BASE, branch), note=Note("join", Position("build.envd", 3)))
    if engine_capabilities(every_engine.address) >= MERGES:
        assert every_engine.read(every_engine.build(define(state)), "/x") == "x\n"
        return
    sink = Recorder()
    with pytest.raises(EngineError, match=r"lacks `diffop`, `mergeop`.*asked for at `build.envd:3`") as caught:
        every_engine.build(define(state), sink=sink)
    assert caught.value.hint == "name the `paths` that the branch changes"
    assert not [event for event in sink.events if isinstance(event, Vertex) and "echo x" in event.name]


def test_what_an_engine_has_not_is_refused_where_it_is(every_engine: Engine) -> None:
    capabilities = engine_capabilities(every_engine.address)
    note = Note(position=Position("build.envd", 4))
    copied = CopyAction(BASE, "/etc", "/kept", include=("os-*",), exclude=("os-none",))
    variable = sh(BASE, 'test "$TOKEN" = s3cret; touch /done', line=4, mounts=(SecretVariable("TOKEN", "token"),))
    wanted: tuple[tuple[str, State, str, str], ...] = (
        ("file.copy.includeexcludepatterns", Files(Scratch(), (copied,), note), "copy the whole", "kept/os-release"),
        ("file.symlink.create", Files(Scratch(), (SymlinkAction("text", "/link"),), note), "`ln -s`", "link"),
        ("exec.secretenv", Files(Scratch(), (CopyAction(variable, "/done", "/"),)), "secret as a file", "done"),
    )
    for capability, state, hint, path in wanted:
        if capability in capabilities:
            assert path in files_of(every_engine, state, secrets={"token": b"s3cret"})
            continue
        with pytest.raises(EngineError, match=rf"lacks `{capability}`.*`build.envd:4`") as caught:
            every_engine.build(define(state), secrets={"token": b"s3cret"})
        assert hint in (caught.value.hint or "")


@pytest.fixture
def repository(testbed: Testbed, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The name of a repository on the Git server, with a branch `feature/#1`, and the first commit of `main`."""
    source = tmp_path / "source"
    (source / "docs" / "deep").mkdir(parents=True)
    (source / "read.me").write_text("first")
    (source / "docs" / "deep" / "page").write_text("page")
    (source / "docs" / "deep" / "run").write_text("run")
    (source / "docs" / "deep" / "run").chmod(0o755)

    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
        return str(run("git", "-C", str(source), *identity, *arguments).stdout).strip()

    git("init", "--quiet", "--initial-branch", "main")
    git("add", "--all")
    git("commit", "--quiet", "--message", "first")
    first = git("rev-parse", "HEAD")
    git("branch", "feature/#1")
    (source / "read.me").write_text("second")
    git("commit", "--quiet", "--all", "--message", "second")
    name = f"states-{uuid.uuid4().hex}"
    testbed.git_server.create(name, source)
    yield name, first
    testbed.git_server.remove(name)


def test_repositories_over_ssh(
    every_engine: Engine, testbed: Testbed, agent: Agent, repository: tuple[str, str]
) -> None:
    name, first = repository
    server = testbed.git_server
    url, short = server.url(name), f"git@{server.host}:/srv/git/{name}.git"
    note = Note(position=Position("build.envd", 2))
    pinned = GitSource(short, commit=first, known_hosts=server.known_hosts, keep_git_directory=True, note=note)
    moved = replace(pinned, ref="main")
    if "source.git.checksum" in engine_capabilities(every_engine.address):
        with pytest.raises(StepError, match="checksum") as caught:
            every_engine.build(define(moved), agent_socket=agent.socket)
        assert caught.value.line == 2
        moved = replace(moved, ref=first)
    copies = (
        CopyAction(GitSource(url, known_hosts=server.known_hosts), "/", "/whole"),
        CopyAction(GitSource(short, "feature/#1", "docs/deep", known_hosts=server.known_hosts), "/", "/part"),
        CopyAction(moved, "/", "/old"),
    )
    found = files_of(every_engine, Files(Scratch(), copies), agent_socket=agent.socket)
    assert found["whole/read.me"].contents == sum_of("second")
    assert found["old/read.me"].contents == sum_of("first")
    assert sorted(path for path in found if path.startswith("part")) == ["part", "part/page", "part/run"]
    assert (found["part/run"].mode, found["part/run"].owner) == (0o755, "0:0")
    assert ("old/.git" in found, "whole/.git" in found) == (True, False)


def test_a_git_server_has_to_be_known(
    local: Engine, testbed: Testbed, agent: Agent, repository: tuple[str, str], tmp_path: Path
) -> None:
    note = Note(position=Position("build.envd", 3))
    url = testbed.git_server.url(repository[0])
    with pytest.raises(DefinitionError, match=r"host key of `.*` is not known") as refused:
        local.build(define(GitSource(url, note=note)), agent_socket=agent.socket)
    assert refused.value.line == 3
    other = public_half(ensure_key(tmp_path / "key", "another server"))
    strange = GitSource(url, known_hosts=known_hosts_lines([testbed.git_server.host], other), note=note)
    with pytest.raises(StepError, match="a build step failed") as caught:
        local.build(define(strange), agent_socket=agent.socket)
    assert caught.value.line == 3


def test_a_file_over_http(every_engine: Engine, testbed: Testbed) -> None:
    """The registry is a web server, too."""
    served = f"http://{testbed.registry.address}/v2/library/debian"
    accept = {"Accept": "application/vnd.docker.distribution.manifest.v2+json"}
    with urllib.request.urlopen(urllib.request.Request(f"{served}/manifests/12", headers=accept), timeout=20) as reply:
        digest = json.load(reply)["config"]["digest"]
    source = HttpSource(f"{served}/blobs/{digest}", "config.json", digest, mode=0o640, uid=3, gid=4)
    found = files_of(every_engine, source)
    assert found == {"config.json": Found("f", 0o640, "3:4", "", digest.removeprefix("sha256:"))}
    wrong = replace(source, checksum=f"sha256:{'0' * 64}", note=Note(position=Position("build.envd", 2)))
    with pytest.raises(StepError, match="digest mismatch") as caught:
        every_engine.build(define(wrong))
    assert caught.value.line == 2


def test_an_image_of_another_platform_is_read_as_such(local: Engine) -> None:
    """Here the same one by another name, so that it can also run."""
    foreign = ImageSource(BASE.reference, platform="linux/x86_64")
    copied = Files(BASE, (CopyAction(sh(foreign, "uname -m > /machine"), "/machine", "/machine"),))
    assert local.read(local.build(define(copied)), "/machine") == "x86_64\n"
