"""Repos on this computer and a computer that is another home directory, for the tests of the source step."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ez.errors import Result
from ez.ssh.local import LocalHost
from ez.ssh.streams import Input


class Box(LocalHost):
    """Another computer as far as ez can tell: it counts the scripts that were run, and the bytes sent."""

    def __init__(self, home: Path, environment: Mapping[str, str] | None = None) -> None:
        home.mkdir(parents=True, exist_ok=True)
        super().__init__(environment={"PATH": os.environ["PATH"], **(environment or {}), "HOME": str(home)}, home=home)
        self.home = home
        self.scripts = 0
        self.sent = 0
        self.arguments: list[str] = []

    @property
    def name(self) -> str:
        return "box"

    @property
    def is_local(self) -> bool:
        return False

    def script(
        self,
        text: str,
        args: Sequence[str] = (),
        *,
        input: Input | None = None,
        check: bool = True,
        timeout: float | None = None,
        agent: bool = False,
        on_line: Callable[[str], None] | None = None,
    ) -> Result:
        self.scripts += 1
        self.arguments += args
        data = input if isinstance(input, bytes) or input is None else b"".join(input)
        self.sent += len(data or b"") + sum(map(len, args))
        return super().script(text, args, input=data, check=check, timeout=timeout, agent=agent, on_line=on_line)


class Tree:
    """A directory with a repo in it, and short ways to change both."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def init(cls, path: Path, *options: str) -> Tree:
        path.mkdir(parents=True, exist_ok=True)
        tree = cls(path)
        tree.git("init", "-q", "-b", "main", *options)
        return tree

    def git(self, *args: str, check: bool = True) -> str:
        command = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "protocol.file.allow=always"]
        done = subprocess.run([*command, *args], cwd=self.path, capture_output=True, check=False)
        if check and done.returncode != 0:
            raise AssertionError(done.stderr.decode())
        return done.stdout.decode("utf-8", "surrogateescape")

    def write(self, name: str, content: str | bytes = "text\n", mode: int = 0o644) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        file.chmod(mode)

    def commit(self, message: str = "change") -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD").strip()

    def status(self) -> str:
        return self.git("status", "--porcelain=v1", "-z")

    def described(self) -> dict[str, object]:
        """Everything that must be the same on both sides."""
        return {
            "status": self.status(),
            "head": self.git("symbolic-ref", "-q", "HEAD", check=False) or self.git("rev-parse", "HEAD"),
            "refs": self.git(
                "for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags", "refs/remotes"
            ),
            "log": self.git("log", "--all", "--format=%H", "--exclude=refs/ez/*", check=False),
            "index": self.git("ls-files", "-s", "-z"),
            "files": self.files(),
        }

    def files(self) -> dict[str, tuple[str, str]]:
        """What Git sees, by path: kind and content."""
        listed = self.git("ls-files", "-c", "-o", "-z", "--exclude-standard")
        found = {}
        for name in sorted({name for name in listed.split("\0") if name and not name.endswith("/")}):
            file = self.path / name
            if file.is_symlink():
                found[name] = ("link", os.readlink(file))
            elif file.is_file():
                kind = "program" if file.stat().st_mode & 0o100 else "file"
                found[name] = (kind, hashlib.sha256(file.read_bytes()).hexdigest())
        return found

    def fingerprint(self) -> dict[str, tuple[int, int, str]]:
        """Every byte below the directory, `.git` included, with modes and times.

        Without times of objects: Git sets them anew when it meets an object again.
        """
        found = {}
        for folder, _, names in os.walk(self.path):
            for name in names:
                file = Path(folder, name)
                status = file.lstat()
                content = os.readlink(file).encode() if file.is_symlink() else file.read_bytes()
                time = 0 if "objects" in file.parts else status.st_mtime_ns
                found[str(file)] = (status.st_mode, time, hashlib.sha256(content).hexdigest())
        return found


def killing_git(folder: Path, call: int) -> dict[str, str]:
    """An environment whose Git, at its `call`th start (from 1), kills the script and everything it started."""
    shim = folder / "git"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "count").write_text("0")
    shim.write_text(f"""#!/bin/sh
exec 8<'{folder}'
flock 8
count=$(($(cat '{folder}/count') + 1))
echo "$count" >'{folder}/count'
flock -u 8
exec 8<&-
[ "$count" -ne {call} ] || kill -9 0
PATH='{os.environ["PATH"]}' exec git "$@"
""")
    shim.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}
