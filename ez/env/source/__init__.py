"""The work tree of an environment on its computer, and the files of it that a build definition reads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ez.env.source.git import git, text
from ez.errors import SourceError
from ez.events import Sink, null_sink
from ez.models import Checkout, Network, RepoRef
from ez.names import check_name
from ez.ssh.host import Host

if TYPE_CHECKING:
    from ez.env.source.carry import Again

__all__ = ["Source", "bring", "fetch_more"]


@dataclass(frozen=True)
class Source:
    """`directory` on this computer is what `load` reads. It is the work tree itself where `fetched` is None,
    otherwise a copy that holds the paths of `fetched` whole."""

    checkout: Checkout
    directory: Path
    fetched: tuple[str, ...] | None
    env: str
    cache: Path


def bring(
    host: Host,
    repo: RepoRef,
    env: str,
    *,
    cache: Path,
    wanted: Sequence[str] = (),
    known_hosts: str = "",
    network: Network | None = None,
    agent: bool = True,
    sink: Sink = null_sink,
    again: Again | None = None,
) -> Source:
    """Have the repo's files on `host`: in place where they are, cloned, or carried over from this computer.

    `wanted` are the paths, relative, that the definition read last time; with them a run in which nothing changed is
    one round trip. `cache` is a directory of this computer for this environment on this host alone; `known_hosts` are
    lines for the Git server; `again` is for a directory whose work was migrated there. Progress is Output of the step
    `source`; what a person should know comes as Notice.

    Raises SourceError, LinkLostError when the connection drops. Running again goes on from there.
    """
    check_name("environment", env)
    if repo.url is None and repo.ref is not None:
        raise SourceError(f"a directory stays on its own branch, not: `{repo.ref}`", f"git switch {repo.ref}")
    if repo.url is None and host.is_local:
        return Source(_in_place(Path(repo.path or ".")), Path(repo.path or "."), None, env, cache)
    from ez.env.source.carry import carry
    from ez.env.source.clone import Request, clone
    from ez.env.source.snapshot import mirror, request

    files = request(() if host.is_local else wanted)
    if repo.url is not None:
        asked = Request(repo.url, repo.ref, known_hosts, network or Network(), agent)
        checkout, reply = clone(host, asked, env, files, sink)
    else:
        checkout, reply = carry(host, Path(repo.path or "."), env, cache / "carry.git", files, sink, again)
    if host.is_local:
        return Source(checkout, Path(checkout.path), None, env, cache)
    directory, fetched = mirror(host, env, reply, wanted, cache, sink)
    return Source(checkout, directory, fetched, env, cache)


def fetch_more(host: Host, source: Source, paths: Sequence[str], *, sink: Sink = null_sink) -> Source:
    """The same source with `paths` there too, as far as the work tree has them."""
    if source.fetched is None:
        return source
    from ez.env.source.snapshot import mirror, request
    from ez.env.source.wire import call

    wanted = (*source.fetched, *paths)
    reply = call(host, "fetch", [source.env], request(wanted), sink)
    directory, fetched = mirror(host, source.env, reply, wanted, source.cache, sink)
    return replace(source, directory=directory, fetched=fetched)


def _in_place(path: Path) -> Checkout:
    """A directory of this computer as it is; it need not be a repo."""
    if not path.is_dir():
        raise SourceError(f"no such directory: `{path}`", "name a directory that exists")
    commit, branch = _head(path)
    return Checkout(str(path), commit, branch, "in place")


def _head(path: Path) -> tuple[str, str]:
    """The commit and the branch of a work tree, empty for what it has not."""
    if not any(os.path.lexists(above / ".git") for above in (path, *path.absolute().parents)):
        return "", ""
    told = git(["rev-parse", "HEAD^{commit}", "--symbolic-full-name", "HEAD"], directory=path, check=False)
    if told.exit_code == 0:
        commit, branch = text(told.stdout).splitlines()
    else:
        commit, branch = "", text(git(["symbolic-ref", "-q", "HEAD"], directory=path, check=False).stdout).strip()
    return commit, branch.removeprefix("refs/heads/") if branch != "HEAD" else ""
