"""Repos that a build file includes: fetched from real Git servers, pinned, kept for when they are offline."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from ez.build.frontends import Given
from ez.build.graph import Run, State, walk
from ez.build.load import load
from ez.build.lock.lockfile import Lock, LockedGit, lock_text
from ez.build.lock.resolve import outdated
from ez.env.include import FRESH_SECONDS, Includes
from ez.errors import DefinitionError, SourceError, UsageError
from ez.events import Event, Notice
from ez.models import Network
from tests.env.source.places import Tree
from tests.env.source.server import GitHttpServer, git_http_server
from tests.testbed import Agent, GitServer

TOOLS = 'def tools():\n    install.apt_packages(["{}"])\n'
BUILD = 'def build():\n    lib = include("{}"{})\n    lib.tools()\n'


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitHttpServer]:
    (tmp_path / "srv").mkdir()
    with git_http_server(tmp_path / "srv") as server:
        yield server


@pytest.fixture
def library(tmp_path: Path, server: GitHttpServer) -> Tree:
    """A repo with build files in two folders and a filter that nobody has; `_publish` brings it to the server."""
    tree = Tree.init(tmp_path / "library")
    tree.write("src/tools.envd", TOOLS.format("one"))
    tree.write("examples/other.envd", 'load("../src/tools.envd", "tools")\n\n_own = 1\n\ndef other():\n    tools()\n')
    tree.write(".gitattributes", "*.envd filter=evil\n")
    tree.commit("first")
    tree.git("init", "-q", "--bare", "-b", "main", str(server.root / "lib.git"))
    tree.git("remote", "add", "srv", str(server.root / "lib.git"))
    _publish(tree)
    return tree


def _publish(tree: Tree) -> str:
    tree.git("push", "-q", "--tags", "srv", "main")
    return tree.git("rev-parse", "HEAD").strip()


def _change(tree: Tree, word: str) -> str:
    tree.write("src/tools.envd", TOOLS.format(word))
    tree.commit(word)
    return _publish(tree)


def _includes(tmp_path: Path, events: list[Event] | None = None, *, fresh: bool = False, hosts: str = "") -> Includes:
    told = [] if events is None else events
    return Includes(tmp_path / "kept", tmp_path / "locks", lambda url: hosts, Network(), told.append, fresh=fresh)


def _packages(repo: Path, build: str, includes: Includes) -> list[str]:
    """What the build file asks apt for."""
    repo.mkdir(exist_ok=True)
    (repo / "build.envd").write_text(build)
    words = [word for one in walk(load(repo, "x", given=Given(fetch=includes)).state) for word in _words(one)]
    return [word for word in ("one", "two", "three") if word in words]


def _words(state: State) -> tuple[str, ...]:
    return state.argv if isinstance(state, Run) else ()


def test_functions_of_all_files_are_members(tmp_path: Path, library: Tree, server: GitHttpServer) -> None:
    library.git("tag", "v1")
    _publish(library)
    _change(library, "two")
    url = server.url("lib.git")
    repo, includes = tmp_path / "repo", _includes(tmp_path)
    assert _packages(repo, BUILD.format(url, ""), includes) == ["two"]
    assert _packages(repo, BUILD.format(url, ', ref="v1"'), includes) == ["one"]
    assert _packages(repo, f'load("git@{url}#v1", "other")\n\ndef build():\n    other()\n', includes) == ["one"]
    with pytest.raises(DefinitionError, match=r"no \._own field") as caught:
        _packages(repo, f'def build():\n    include("{url}")._own()\n', includes)
    assert (caught.value.file, caught.value.line) == ("build.envd", 2)


def test_a_ref_is_asked_again_after_an_hour_and_a_commit_never(
    tmp_path: Path, library: Tree, server: GitHttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, repo = server.url("lib.git"), tmp_path / "repo"
    first = library.git("rev-parse", "HEAD").strip()
    assert _packages(repo, BUILD.format(url, ""), _includes(tmp_path)) == ["one"]
    _change(library, "two")
    assert _packages(repo, BUILD.format(url, ""), _includes(tmp_path)) == ["one"]
    assert _packages(repo, BUILD.format(url, ""), _includes(tmp_path, fresh=True)) == ["two"]
    _change(library, "three")
    now = time.time()
    monkeypatch.setattr("ez.env.include.time.time", lambda: now + FRESH_SECONDS + 60)
    assert _packages(repo, BUILD.format(url, ""), _includes(tmp_path)) == ["three"]
    assert _packages(repo, BUILD.format(url, f', ref="{first}"'), _includes(tmp_path, fresh=True)) == ["one"]


def test_offline_what_was_fetched_is_used(tmp_path: Path, library: Tree, server: GitHttpServer) -> None:
    url, repo, events = server.url("lib.git"), tmp_path / "repo", list[Event]()
    assert _packages(repo, BUILD.format(url, ""), _includes(tmp_path)) == ["one"]
    (server.root / "lib.git").rename(server.root / "gone.git")
    assert _packages(repo, BUILD.format(url, ""), _includes(tmp_path, events, fresh=True)) == ["one"]
    assert any(isinstance(event, Notice) and "is included as it was on" in event.text for event in events)
    with pytest.raises(DefinitionError, match="include: ") as caught:
        _packages(repo, BUILD.format(server.url("other.git"), ""), _includes(tmp_path))
    assert (caught.value.line, caught.value.column) == (2, 11)


def test_a_lock_pins(tmp_path: Path, library: Tree, server: GitHttpServer) -> None:
    url, repo = server.url("lib.git"), tmp_path / "repo"
    first = library.git("rev-parse", "HEAD").strip()
    _change(library, "two")
    repo.mkdir()
    (repo / "ez.lock").write_text(lock_text(Lock(git=(LockedGit(url, "", first),))))
    (repo / "build.envd").write_text(BUILD.format(url, ""))
    given = Given(fetch=_includes(tmp_path, fresh=True))
    with pytest.raises(DefinitionError, match="does not have the image"):
        load(repo, "x", given=given)
    definition = load(repo, "x", given=given, locked=False)
    assert [one.commit for one in definition.includes] == [library.git("rev-parse", "HEAD").strip()]
    assert outdated(definition, Lock())[0][-1] == f"the included repository `{url}`"
    (repo / "ez.lock").write_text(lock_text(Lock()))
    with pytest.raises(DefinitionError, match="does not have the included repository") as caught:
        load(repo, "x", given=given)
    assert (caught.value.line, caught.value.hint) == (2, "bring it up to date with `ez lock`")


@pytest.mark.parametrize(
    "url", ["file:///etc", "/etc", "ext::sh -c true", "https://me:word@example.org/x", "-x", "https://a/\n"]
)
def test_addresses_that_are_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError):
        _includes(tmp_path)(url, "", "")


def test_refs_and_commits_that_are_not_there(tmp_path: Path, library: Tree, server: GitHttpServer) -> None:
    url = server.url("lib.git")
    with pytest.raises(UsageError):
        _includes(tmp_path)(url, "--upload-pack=x", "")
    with pytest.raises(SourceError):
        _includes(tmp_path)(url, "gone", "")
    with pytest.raises(SourceError, match="has no commit"):
        _includes(tmp_path)(url, "", "0" * 40)


def test_only_build_files_are_read_and_few(
    tmp_path: Path, library: Tree, server: GitHttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    (library.path / "link.envd").symlink_to("/etc/passwd")
    library.write("notes.txt", "x")
    library.commit("link")
    _publish(library)
    included = _includes(tmp_path)(server.url("lib.git"), "", "")
    assert [path for path, _ in included.files] == ["examples/other.envd", "src/tools.envd"]
    monkeypatch.setattr("ez.env.include.MOST_FILES", 1)
    with pytest.raises(SourceError, match="more than 1 build files"):
        _includes(tmp_path)(server.url("lib.git"), "", "")


@pytest.mark.testbed
def test_over_ssh_the_host_key_is_verified(
    tmp_path: Path, library: Tree, git_server: GitServer, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"t-{uuid.uuid4().hex[:8]}"
    url = git_server.create(name, library.path)
    monkeypatch.setitem(os.environ, "SSH_AUTH_SOCK", str(agent.socket))
    try:
        with pytest.raises(SourceError, match="not known"):
            _includes(tmp_path)(url, "", "")
        assert len(_includes(tmp_path, hosts=git_server.known_hosts)(url, "", "").files) == 2
    finally:
        git_server.remove(name)
