"""States that engines make in different ways, or not at all, and what then comes of them."""

import base64
import hashlib
import json
import tarfile
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
from ez.build.order import Output
from ez.errors import DefinitionError, StepError
from tests.testbed import Agent, Testbed
from tests.testbed.keys import ensure_key, known_hosts_lines, public_half
from tests.testbed.shell import run

from .conftest import BASE, SMALL, Engine, define, sh
from .git_over_http import served_over_http
from .matrix import capabilities_of, feature

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
    # The day is fixed: an engine may have the step from yesterday, and `useradd` writes the day into /etc/shadow.
    again = sh(
        Files(start, made),
        "rm /opt/gone; useradd -u 99 someone; chage -d 0 someone; echo $B > /shared/b",
        env=(("B", "b"),),
    )
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


@pytest.fixture(scope="module")
def merged(
    testbed: Testbed, sockets: Callable[..., Path], request: pytest.FixtureRequest
) -> Iterator[dict[str, Found]]:
    """The files of `branches` as an engine gives them that can merge and does without."""
    engine = Engine("ready_28", sockets("ready_28", lambda: request.getfixturevalue("ready_28")))
    capabilities = engine_capabilities(engine.address)
    assert capabilities >= MERGES
    yield files_of(engine, lower(branches(), capabilities - MERGES))
    engine.forget()


@feature("merge")
def test_branches_give_the_same_files_on_every_engine(every_engine: Engine, merged: dict[str, Found]) -> None:
    found = files_of(every_engine, branches())
    assert {path: (merged.get(path), file) for path, file in found.items() if merged.get(path) != file} == {}
    assert sorted(found.keys() ^ merged.keys()) == []
    assert (found["opt/a/f"].mode, found["opt/a/f"].owner) == (0o4755, "5:6")
    assert "usr/lib/linked" in found
    assert "opt/gone" not in found


HERE = Note(position=Position("build.envd", 4))


def made(engine: Engine, state: State, folder: Path, **options: Any) -> set[str]:
    """The paths of files that the build leaves."""
    engine.build(define(state), outputs=(Output("local", str(folder)),), **options)
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or path.is_file()}


@feature("strange-branch")
def test_a_branch_that_nothing_stands_in_for(every_engine: Engine, tmp_path: Path) -> None:
    """Its lower state is not in what it is merged with, and it names no paths."""
    other = Files(SMALL, (MkFileAction("/other", b""),))
    branch = Diff(other, sh(other, "echo x > /x", line=3))
    start = Files(Scratch(), (MkFileAction("/start", b""),))
    assert made(every_engine, Merge((start, branch), note=HERE), tmp_path) == {"start", "x"}


@feature("copy-patterns")
def test_patterns_of_a_copy(every_engine: Engine, tmp_path: Path) -> None:
    copied = CopyAction(BASE, "/etc", "/kept", include=("os-*", "passwd*"), exclude=("*-",))
    found = made(every_engine, Files(Scratch(), (copied,), HERE), tmp_path)
    assert found == {"kept/os-release", "kept/passwd"}


@feature("symlink")
def test_a_symbolic_link(every_engine: Engine, tmp_path: Path) -> None:
    made(every_engine, Files(Scratch(), (SymlinkAction("text", "/link"),), HERE), tmp_path)
    assert (tmp_path / "link").readlink() == Path("text")


@feature("secret-variable")
def test_a_secret_as_a_variable(every_engine: Engine, tmp_path: Path) -> None:
    step = sh(SMALL, f'test "$TOKEN" = s3cret >/done # {uuid.uuid4()}', line=4, mounts=(SecretVariable("TOKEN", "t"),))
    state = Files(Scratch(), (CopyAction(step, "/done", "/"),))
    assert made(every_engine, state, tmp_path, secrets={"t": b"s3cret"}) == {"done"}


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


@feature("git")
def test_repositories(
    every_engine: Engine, testbed: Testbed, agent: Agent, repository: tuple[str, str], tmp_path: Path
) -> None:
    name, first = repository
    server = testbed.git_server
    short = f"git@{server.host}:/srv/git/{name}.git"
    with served_over_http(tmp_path / "source", testbed.world.address(1)) as url:
        copies = (
            CopyAction(GitSource(server.url(name), known_hosts=server.known_hosts), "/", "/whole"),
            CopyAction(GitSource(url, "feature/#1"), "/", "/web"),
            CopyAction(GitSource(short, first, known_hosts=server.known_hosts, keep_git_directory=True), "/", "/old"),
        )
        made(every_engine, Files(Scratch(), copies), tmp_path / "out", agent_socket=agent.socket)
    contents = [(tmp_path / "out" / copy / "read.me").read_text() for copy in ("whole", "web", "old")]
    assert contents == ["second", "first", "first"]
    assert [(tmp_path / "out" / copy / ".git").exists() for copy in ("whole", "old")] == [False, True]


@feature("git-subdirectory")
def test_a_subdirectory_of_a_repository(
    every_engine: Engine, testbed: Testbed, agent: Agent, repository: tuple[str, str], tmp_path: Path
) -> None:
    server, out = testbed.git_server, tmp_path / "out"
    url = f"git@{server.host}:/srv/git/{repository[0]}.git"
    source = GitSource(url, "feature/#1", "docs/deep", known_hosts=server.known_hosts)
    assert made(every_engine, source, out, agent_socket=agent.socket) == {"page", "run"}
    assert (out / "run").stat().st_mode & 0o777 == 0o755


@feature("git-commit")
def test_a_branch_held_to_a_commit(
    every_engine: Engine, testbed: Testbed, agent: Agent, repository: tuple[str, str], tmp_path: Path
) -> None:
    """Of a commit that it is not any more, who checks says so, and who fetches the commit itself still has it."""
    name, first = repository
    server, folders = testbed.git_server, (tmp_path / "now", tmp_path / "then")
    url = f"git@{server.host}:/srv/git/{name}.git"
    newest = run("git", "-C", str(tmp_path / "source"), "rev-parse", "HEAD").stdout.strip()
    held = GitSource(url, "main", commit=newest, known_hosts=server.known_hosts, note=HERE)
    made(every_engine, held, folders[0], agent_socket=agent.socket)
    assert (folders[0] / "read.me").read_text() == "second"
    moved = replace(held, commit=first)
    if "source.git.checksum" in capabilities_of(every_engine):
        with pytest.raises(StepError, match="checksum") as caught:
            every_engine.build(define(moved), agent_socket=agent.socket)
        assert caught.value.line == 4
        return
    made(every_engine, moved, folders[1], agent_socket=agent.socket)
    assert (folders[1] / "read.me").read_text() == "first"


@pytest.mark.parametrize("secret", ["GIT_AUTH_TOKEN", "GIT_AUTH_HEADER"])
def test_a_repository_that_asks_for_a_token(
    local: Engine, testbed: Testbed, repository: tuple[str, str], tmp_path: Path, secret: str
) -> None:
    token = uuid.uuid4().hex
    basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    wanted = f"Basic {basic}" if secret == "GIT_AUTH_TOKEN" else f"Bearer {token}"
    value = token if secret == "GIT_AUTH_TOKEN" else wanted
    with served_over_http(tmp_path / "source", testbed.world.address(1), wanted) as url:
        source = GitSource(url, "main", note=HERE)
        made(local, source, tmp_path / "out", secrets={secret: value.encode()})
        for others in ({}, {secret: b"another"}):
            with pytest.raises(StepError, match="the repository cannot be read") as caught:
                local.build(define(source), secrets=others)
            assert caught.value.line == 4
            assert "`--secret id=GIT_AUTH_TOKEN,env=VARIABLE`" in (caught.value.hint or "")
    assert (tmp_path / "out" / "read.me").read_text() == "second"


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
    with pytest.raises(StepError, match="the repository cannot be read") as caught:
        local.build(define(strange), agent_socket=agent.socket)
    assert caught.value.line == 3
    known = GitSource(url, known_hosts=testbed.git_server.known_hosts, note=note)
    with pytest.raises(StepError, match="the repository cannot be read") as caught:
        local.build(define(known))
    assert (caught.value.line, caught.value.hint) == (3, "lend your agent: `--ssh default`")


@feature("http")
def test_a_file_over_http(every_engine: Engine, testbed: Testbed, tmp_path: Path) -> None:
    """The registry is a web server, too."""
    served = f"http://{testbed.registry.address}/v2/library/debian"
    accept = {"Accept": "application/vnd.docker.distribution.manifest.v2+json"}
    with urllib.request.urlopen(urllib.request.Request(f"{served}/manifests/12", headers=accept), timeout=20) as reply:
        digest = json.load(reply)["config"]["digest"]
    source = HttpSource(f"{served}/blobs/{digest}", "config.json", digest, mode=0o640, uid=3, gid=4)
    every_engine.build(define(source), outputs=(Output("tar", str(tmp_path / "tar")),))
    with tarfile.open(tmp_path / "tar") as archive:
        (file,) = archive.getmembers()
        assert (file.name, file.mode & 0o7777, file.uid, file.gid) == ("config.json", 0o640, 3, 4)
        content = archive.extractfile(file)
        assert content is not None
        assert f"sha256:{hashlib.sha256(content.read()).hexdigest()}" == digest
    wrong = replace(source, checksum=f"sha256:{'0' * 64}", note=Note(position=Position("build.envd", 2)))
    with pytest.raises(StepError, match="digest mismatch") as caught:
        every_engine.build(define(wrong))
    assert caught.value.line == 2


def test_an_image_of_another_platform_is_read_as_such(local: Engine) -> None:
    """Here the same one by another name, so that it can also run."""
    foreign = ImageSource(BASE.reference, platform="linux/x86_64")
    copied = Files(BASE, (CopyAction(sh(foreign, "uname -m > /machine"), "/machine", "/machine"),))
    assert local.read(local.build(define(copied)), "/machine") == "x86_64\n"
