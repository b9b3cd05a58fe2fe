"""Build files of other repos for `include` and `load`: fetched by Git on this computer, kept for when it is offline.

Only objects are fetched and only files that end in `.envd` are read, out of a bare repo of ez's own: nothing is
checked out, and no hook, filter or program of the repo runs.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ez.build.includes import Included
from ez.compute.lock import named_lock
from ez.env.files import write_whole
from ez.env.reference import canonical, check_ref, parse_address
from ez.env.source.git import git, text
from ez.errors import EzError, SourceError, UsageError
from ez.events import Notice, Sink
from ez.models import Network
from ez.names import shown

FRESH_SECONDS = 3600.0
"""How long what a branch or tag stood for is believed without asking again."""

MOST_FILES = 100
LARGEST_FILE = 1 << 20

_HELPER = re.compile(r"[A-Za-z0-9+.-]+::")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SSH = (
    "ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -o UpdateHostKeys=no -o ConnectTimeout=20"
    " -o ServerAliveInterval=15 -o ControlMaster=no -o ControlPath=none"
    ' -o "UserKnownHostsFile=\\"$EZ_KNOWN_HOSTS\\""'
)


class Includes:
    """Fetches repos for one run of ez: `ez.build.includes.FetchIncluded`.

    `cache` is a directory of this computer; `known_hosts` gives the lines for a URL's server, as far as the person
    knows it. With `fresh` nothing that was fetched before is believed. Raises SourceError, UsageError.
    """

    def __init__(
        self,
        cache: Path,
        locks: Path,
        known_hosts: Callable[[str], str],
        network: Network,
        sink: Sink,
        *,
        fresh: bool = False,
    ) -> None:
        self._cache = cache
        self._locks = locks
        self._known_hosts = known_hosts
        self._network = network
        self._sink = sink
        self._fresh = fresh
        self._read: dict[tuple[str, str, str], Included] = {}

    def __call__(self, url: str, ref: str, commit: str) -> Included:
        key = (url, ref, commit)
        if key not in self._read:
            self._read[key] = self._included(url, ref, commit)
        return self._read[key]

    def _included(self, url: str, ref: str, commit: str) -> Included:
        parse_address(url)
        if _HELPER.match(url) or not url.isprintable():
            raise UsageError(f"not the address of a Git repo: `{shown(url)}`", "write it as `https://host/path`")
        if ref:
            check_ref(ref)
        name = hashlib.sha256(canonical(url).encode()).hexdigest()[:24]
        repo = self._cache / name
        with named_lock(self._locks, f"include.{name}", self._sink):
            if not (repo / "HEAD").exists():
                repo.mkdir(parents=True, exist_ok=True, mode=0o700)
                git(["init", "--quiet", "--bare", "--template=", "."], directory=repo)
            wanted = commit or (ref if _COMMIT.fullmatch(ref) else "")
            found = self._commit(repo, url, wanted) if wanted else self._newest(repo, url, ref)
            return Included(url, ref, found, tuple(_files(repo, found)))

    def _commit(self, repo: Path, url: str, commit: str) -> str:
        """A commit that is there, fetched if it was not; with all else where a server gives none by name."""
        if not _has(repo, commit):
            try:
                self._fetch(repo, url, commit)
            except SourceError:
                self._fetch(repo, url, "+refs/*:refs/*", deep=True)
        if not _has(repo, commit):
            raise SourceError(f"`{url}` has no commit `{commit}`", "name one that it has, or run `ez lock --upgrade`")
        return commit

    def _newest(self, repo: Path, url: str, ref: str) -> str:
        """What `ref` stands for, as it was told within the last hour; an older answer where the server gives none."""
        known = _answers(repo)
        commit, asked = known.get(ref, ("", 0.0))
        usable = bool(commit) and _has(repo, commit)
        if usable and not self._fresh and 0 <= time.time() - asked < FRESH_SECONDS:
            return commit
        try:
            self._fetch(repo, url, ref or "HEAD")
        except EzError as error:
            if not usable:
                raise
            message = f"`{url}` is included as it was on {_day(asked)}: {error.message}"
            self._sink(Notice(message, "warning"))
            return commit
        commit = text(git(["rev-parse", "--verify", "-q", "FETCH_HEAD^{commit}"], directory=repo).stdout).strip()
        write_whole(repo / "answers.json", json.dumps({**known, ref: (commit, time.time())}).encode())
        return commit

    def _fetch(self, repo: Path, url: str, what: str, *, deep: bool = False) -> None:
        if parse_address(url).scheme == "http":
            self._sink(Notice(f"anyone on the way can read and change what comes from `{url}`", "warning"))
        shallow = ["--prune"] if deep else ["--depth=1", "--no-tags"]
        slow = ["-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=60"]
        arguments = [*slow, "fetch", "--quiet", "--no-recurse-submodules", *shallow, "--", url, what]
        git(arguments, directory=repo, variables=self._variables(repo, url))

    def _variables(self, repo: Path, url: str) -> dict[str, str]:
        network = self._network
        known = repo / "known_hosts"
        known.write_text(self._known_hosts(url), "utf-8")
        variables = {
            "GIT_ALLOW_PROTOCOL": "https:http:ssh",
            "GIT_SSH_COMMAND": _SSH,
            "GIT_ASKPASS": "false",
            "EZ_KNOWN_HOSTS": str(known),
            "http_proxy": network.http_proxy,
            "https_proxy": network.https_proxy,
            "no_proxy": network.no_proxy,
        }
        if network.ca_bundle:
            bundle = repo / "authorities.pem"
            bundle.write_text(network.ca_bundle, "utf-8")
            variables["GIT_SSL_CAINFO"] = str(bundle)
        return {name: value for name, value in variables.items() if value}


def _has(repo: Path, commit: str) -> bool:
    return git(["cat-file", "-e", f"{commit}^{{commit}}"], directory=repo, check=False).exit_code == 0


def _files(repo: Path, commit: str) -> Iterator[tuple[str, bytes]]:
    """Every `*.envd` file of a commit, sorted by path. Raises SourceError for too many or too large ones."""
    listed = git(["ls-tree", "-r", "-z", "-l", "--full-tree", commit], directory=repo).stdout
    found = []
    for entry in listed.split(b"\0"):
        head, _, path = entry.partition(b"\t")
        mode, _, blob, size = (*head.split(), b"", b"", b"", b"")[:4]
        if mode not in (b"100644", b"100755") or not path.endswith(b".envd"):
            continue
        if not size.isdigit() or int(size) > LARGEST_FILE:
            raise SourceError(f"an included file is larger than {LARGEST_FILE >> 20} MB", "include another commit")
        found.append((path.decode("utf-8", "replace"), blob.decode()))
    if len(found) > MOST_FILES:
        raise SourceError(f"an included repo has more than {MOST_FILES} build files", "include another repo")
    for name, content in sorted(found):
        if name.isprintable():
            yield name, git(["cat-file", "blob", content], directory=repo).stdout


def _answers(repo: Path) -> dict[str, tuple[str, float]]:
    """What each ref stood for, and when that was asked."""
    try:
        told = json.loads((repo / "answers.json").read_text("utf-8"))
        return {str(ref): (str(commit), float(asked)) for ref, (commit, asked) in told.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _day(moment: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(moment))
