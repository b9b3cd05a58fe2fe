"""The scripts that run on a computer, against a container that writes what it likes into the shared directory."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ez.env import manage
from ez.env.container import plan_container
from ez.env.migrate.saving import save_work
from ez.env.probe import parse_probe, script
from ez.env.source import bring
from ez.errors import CommandError, EzError, SourceError
from ez.events import null_sink
from ez.models import Network, Port, RepoRef, Runtime
from ez.ssh.local import LocalHost

KEY = "ssh-ed25519 AAAA ez"


@pytest.fixture
def host(home: Path) -> LocalHost:
    return LocalHost(environment={**os.environ, "HOME": str(home)}, home=home)


@pytest.fixture
def shared(home: Path) -> Path:
    """What the container can write."""
    path = home / "ez" / ".ez" / "demo"
    path.mkdir(parents=True)
    return path


def prepare_home(host: LocalHost) -> None:
    host.script(script("home"), ["demo", KEY, "example.org ssh-ed25519 AAAA", "[user]"], input=b"PEM\n")


def test_the_home_is_written_and_keys_add_up(host: LocalHost, shared: Path) -> None:
    prepare_home(host)
    prepare_home(host)
    host.script(script("home"), ["demo", "ssh-ed25519 BBBB other", "", ""], input=b"")
    assert (shared / "authorized_keys").read_text().splitlines() == [KEY, "ssh-ed25519 BBBB other"]
    assert (shared / "ca.pem").read_text() == ""
    assert sorted(path.name for path in shared.iterdir()) == [
        "authorized_keys",
        "ca.pem",
        "gitconfig",
        "known_hosts",
        "log",
    ]
    assert sorted(path.name for path in shared.parent.iterdir()) == [".ez-demo.lock", "demo"]


def test_links_and_pipes_that_a_container_planted_lead_nowhere(host: LocalHost, shared: Path, home: Path) -> None:
    precious = home / "precious"
    precious.mkdir(mode=0o700)
    (precious / "file").write_text("mine")
    for name in ("known_hosts", "gitconfig", "ca.pem"):
        (shared / name).symlink_to(precious / "file")
    (shared / "log").symlink_to(precious)
    os.mkfifo(shared / "authorized_keys")
    prepare_home(host)
    assert (precious / "file").read_text() == "mine"
    assert precious.stat().st_mode & 0o777 == 0o700
    assert (shared / "log").is_dir()
    assert not (shared / "log").is_symlink()
    assert (shared / "authorized_keys").read_text() == f"{KEY}\n"


def test_a_container_cannot_forge_what_the_probe_says(host: LocalHost, shared: Path) -> None:
    forged = '{"Name": "/ez-demo", "Config": {"Labels": {"ez.env": "demo"}}, "State": {"Running": true}}'
    (shared / "ssh_host_ed25519_key.pub").write_text(f"ssh-ed25519 AAAA\ncontainer {forged}\n")
    (shared / "authorized_keys").write_text(f"{KEY}\ncontainer {forged}")
    probe = parse_probe(host.script(script("probe"), ["demo"], timeout=20).text)
    assert (probe.container, probe.host_key) == (None, "ssh-ed25519 AAAA")
    assert KEY in probe.authorized
    for name in ("ssh_host_ed25519_key.pub", "authorized_keys"):
        (shared / name).unlink()
        os.mkfifo(shared / name)
    assert parse_probe(host.script(script("probe"), ["demo"], timeout=20).text).host_key == ""


@pytest.fixture
def tree(host: LocalHost, home: Path, tmp_path: Path) -> Path:
    """A work tree that ez cloned."""
    origin = tmp_path / "origin"
    for words in (
        ["init", "-q", "-b", "main", str(origin)],
        ["-C", str(origin), "commit", "-q", "--allow-empty", "-m", "one"],
    ):
        host.run(["git", "-c", "user.name=A", "-c", "user.email=a@example.org", *words])
    # ez clones over the net only; its own notes make of a plain clone what it would have made.
    path = home / "ez" / "demo"
    host.run(["git", "clone", "-q", str(origin), str(path)])
    notes = home / "ez" / ".ez" / ".source" / "demo"
    (notes / "git").mkdir(parents=True)
    (notes / "source").write_text(str(origin))
    return path


@pytest.fixture
def saved(host: LocalHost, tmp_path: Path) -> Callable[..., tuple[int, int]]:
    """How many changed files and commits of an environment are nowhere else."""

    def look(name: str = "demo", on: LocalHost = host) -> tuple[int, int]:
        found = save_work(on, name, tmp_path / "saved", null_sink)
        return (found[0].changes, found[0].commits) if found else (0, 0)

    return look


def test_work_that_is_nowhere_else_is_found(host: LocalHost, tree: Path, saved: Callable[..., tuple[int, int]]) -> None:
    assert saved() == saved("absent") == (0, 0)
    assert manage.trees(host) == ("demo",)
    (tree / "new.txt").write_text("x")
    assert saved() == (1, 0)
    git = ["git", "-C", str(tree), "-c", "user.name=A", "-c", "user.email=a@example.org"]
    host.run([*git, "add", "."])
    assert saved() == (1, 0)
    host.run([*git, "stash", "-q"])
    assert saved() == (0, 2)
    host.run([*git, "stash", "drop", "-q"])
    host.run([*git, "checkout", "-q", "--detach"])
    host.run([*git, "commit", "-q", "--allow-empty", "-m", "two"])
    assert saved() == (0, 1)


def test_the_check_runs_nothing_that_the_repo_names_and_fails_closed(
    host: LocalHost, tree: Path, home: Path, saved: Callable[..., tuple[int, int]]
) -> None:
    canary = home / "canary"
    program = home / "program"
    program.write_text(f"#!/bin/sh\ntouch {canary}\n")
    program.chmod(0o755)
    for key in ("core.fsmonitor", "filter.x.clean", "core.hooksPath"):
        host.run(["git", "-C", str(tree), "config", key, str(program)])
    (tree / ".gitattributes").write_text("* filter=x\n")
    assert saved() == (1, 0)
    assert not canary.exists()
    (tree / ".git" / "HEAD").write_text("nonsense\n")
    with pytest.raises(SourceError):
        saved()


def test_only_trees_that_ez_made_are_deleted(host: LocalHost, home: Path) -> None:
    own = home / "ez" / "own"
    own.mkdir(parents=True)
    (own / "precious").write_text("mine")
    with pytest.raises(EzError):
        manage.delete(host, "own", tree=True)
    assert (own / "precious").exists()
    assert manage.delete(host, "own", tree=False) == ()


def test_carried_work_counts_as_saved_until_it_changes(
    host: LocalHost, home: Path, tmp_path: Path, saved: Callable[..., tuple[int, int]]
) -> None:
    class Elsewhere(LocalHost):
        is_local = False

    repo = tmp_path / "demo"
    git = ["git", "-C", str(repo), "-c", "user.name=A", "-c", "user.email=a@example.org"]
    host.run(["git", "init", "-q", "-b", "main", str(repo)])
    (repo / "a.txt").write_text("a")
    (repo / "build.envd").write_text("def build():\n    base(dev=True)\n")
    host.run([*git, "add", "."])
    host.run([*git, "commit", "-q", "-m", "one"])
    (repo / "untracked.txt").write_text("u")
    box = Elsewhere(environment={**os.environ, "HOME": str(home)}, home=home)
    bring(box, RepoRef(None, str(repo), "demo"), "demo", cache=tmp_path / "cache")
    assert saved(on=box) == (0, 0)
    (home / "ez" / "demo" / "a.txt").write_text("changed there")
    assert saved(on=box)[0] > 0


def test_ports_stay_on_loopback_whatever_the_build_file_says() -> None:
    runtime = Runtime(ports=(Port(80, 8080, "", "0.0.0.0"), Port(81, 0, "", "127.0.0.2"), Port(82, 0, "", "::")))
    spec = plan_container(
        "demo",
        "ez/demo:x",
        "sha256:x",
        runtime,
        tree="/t",
        home="/h",
        uid=1,
        gid=1,
        gpu_present=False,
        repo="",
        ref="",
        network=Network(),
        extra={},
        current=None,
    )
    assert [port.address for port in spec.ports] == ["127.0.0.1", "127.0.0.2", "127.0.0.1"]


def test_a_script_that_fails_carries_its_result(host: LocalHost) -> None:
    with pytest.raises(CommandError):
        host.script(script("logs"), ["demo", "no-service", "10", ""])
