"""A Git server over SSH that lets in one key only, so that an agent is really needed."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .archive import Entry, pack
from .docker import container_runs, docker, labels
from .keys import ensure_key, known_hosts_lines, public_half
from .shell import greets, run, wait_until
from .world import GIT_SERVER_NUMBER, World

_ROOT = "/srv/git"


@dataclass(frozen=True)
class GitServer:
    """`ssh://git@198.18.x.3/srv/git/NAME.git` is the same repository from everywhere."""

    world: World

    @property
    def container(self) -> str:
        return f"{self.world.name}-git"

    @property
    def host(self) -> str:
        """On the bridge: the address to use, reachable from the host, computers and containers inside them."""
        return self.world.address(GIT_SERVER_NUMBER)

    @property
    def host_loopback(self) -> str:
        """The same server's port 22 as published on this machine, for putting a relay in front."""
        return self.world.loopback(GIT_SERVER_NUMBER)

    @property
    def user_key(self) -> Path:
        """The person's own key: meant for the agent, never for a file on a computer."""
        return self.world.state / "keys" / "user"

    @property
    def host_key(self) -> str:
        return public_half(self.world.state / "keys" / "git_host")

    @property
    def known_hosts(self) -> str:
        """Lines for a known_hosts file."""
        return known_hosts_lines([self.host, self.host_loopback], self.host_key)

    def url(self, name: str, host: str | None = None) -> str:
        """The URL of repository `name`, through `host` (`address` or `address:port`) when given."""
        return f"ssh://git@{host or self.host}{_ROOT}/{name}.git"

    def ensure(self) -> None:
        """Start the server unless it runs; returns when it answers."""
        if not container_runs(self.container, self.world.image("services")):
            docker("rm", "--force", self.container, check=False)
            self._start()
        wait_until(self.answers, f"the Git server answers at {self.host}", timeout=30)

    def answers(self) -> bool:
        return greets(self.host, 22)

    def create(self, name: str, source: Path | None = None, *, branch: str = "main") -> str:
        """Make a bare repository, with the files of folder `source` as its first commit; returns its URL.

        A `source` that is a Git repository itself is pushed with its branches and tags. An older repository of the
        name is replaced.
        """
        self._exec(
            'rm -rf "$1" && git init --quiet --bare --initial-branch "$2" "$1" && chown -R git:git "$1"',
            f"{_ROOT}/{name}.git", branch,
        )  # fmt: skip
        if source is not None:
            with tempfile.TemporaryDirectory() as folder:
                bare = _bare_copy(source, Path(folder) / "bare", branch)
                self._exec('tar -x -C "$1" && chown -R git:git "$1"', f"{_ROOT}/{name}.git", stdin=_tar(bare))
        return self.url(name)

    def git(self, name: str, *arguments: str) -> str:
        """Run git in repository `name` on the server and return its output: for assertions."""
        return docker(
            "exec", "--user", "git", self.container, "git", "-C", f"{_ROOT}/{name}.git", *arguments
        ).stdout.strip()

    def remove(self, name: str) -> None:
        self._exec('rm -rf "$1"', f"{_ROOT}/{name}.git")

    def _exec(self, script: str, *arguments: str, stdin: bytes | None = None) -> None:
        docker("exec", "-i", self.container, "sh", "-c", script, "git-server", *arguments, stdin=stdin)

    def _start(self) -> None:
        host_key = ensure_key(self.world.state / "keys" / "git_host", "")
        address = f"{self.host_loopback}:22"
        docker(
            "create", "--name", self.container, *labels(self.world, "git"), "--network", self.world.name,
            "--ip", self.host, "--publish", f"{address}:22", "--restart", "unless-stopped",
            self.world.image("services"), "/usr/sbin/sshd", "-D", "-e",
        )  # fmt: skip
        files = [
            Entry("etc/ssh/ssh_host_ed25519_key", host_key.read_bytes(), 0o600),
            Entry("etc/ssh/git_authorized_keys", public_half(ensure_key(self.user_key, "user")) + "\n"),
        ]
        docker("cp", "-", f"{self.container}:/", stdin=pack(files))
        docker("start", self.container)


def _bare_copy(source: Path, target: Path, branch: str) -> Path:
    author = {
        "GIT_AUTHOR_NAME": "Testbed", "GIT_AUTHOR_EMAIL": "testbed@example.com",
        "GIT_COMMITTER_NAME": "Testbed", "GIT_COMMITTER_EMAIL": "testbed@example.com",
        "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1",
    }  # fmt: skip
    if (source / ".git").exists():
        run("git", "clone", "--quiet", "--bare", str(source), str(target), environment=author)
        return target
    run("git", "init", "--quiet", "--bare", "--initial-branch", branch, str(target), environment=author)
    inside = ("git", "--git-dir", str(target), "--work-tree", str(source))
    run(*inside, "add", "--all", environment=author)
    run(*inside, "commit", "--quiet", "--allow-empty", "--message", "First", environment=author)
    return target


def _tar(folder: Path) -> bytes:
    return pack(
        Entry(str(path.relative_to(folder)), None if path.is_dir() else path.read_bytes(), path.stat().st_mode & 0o777)
        for path in sorted(folder.rglob("*"))
    )
