"""Somebody who uses ez: a home directory of their own, and the commands they type."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmarks._measure import timed

EZ = str(Path(sys.executable).with_name("ez"))
REPOSITORY = Path(__file__).parents[2]

# Settings of the person who runs the benchmarks; those of the testbed itself stay. Without PYTHONDONTWRITEBYTECODE
# there is bytecode after the first start, as on anybody's computer.
_PERSONAL = ("EZ_", "XDG_", "SSH_", "GIT_CONFIG_", "DOCKER_", "PYTHON")
_KEPT = ("EZ_TESTBED_", "EZ_ENGINE_", "EZ_BASE_IMAGE_")
_FINISHED = re.compile(r"^ *\d+\.\d+ StepFinished step='([^']+)' seconds=([\d.e-]+)", re.M)


@dataclass(frozen=True)
class Person:
    home: Path
    environment: Mapping[str, str]

    def run(self, *command: str, directory: Path | None = None) -> str:
        """The stdout of `command`. A failure ends the benchmark, with what was printed."""
        done = subprocess.run(
            command, env=dict(self.environment), cwd=directory or self.home, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            print("\n".join(f"{done.stdout}\n{done.stderr}".splitlines()[-20:]), file=sys.stderr)
            raise SystemExit(f"error: exit code {done.returncode}: {' '.join(command)}")
        return done.stdout

    def seconds(self, *command: str, directory: Path | None = None) -> float:
        """How long `command` takes, from its start to its end."""
        return timed(lambda: self.run(*command, directory=directory))

    @property
    def ssh_config(self) -> Path:
        return Path(self.environment["EZ_SSH_CONFIG"])

    def steps(self) -> dict[str, float]:
        """Seconds of each step of the last `ez env go`, from its run log."""
        log = max((self.home / ".local/state/ez/log").glob("*.log"), key=lambda path: path.stat().st_mtime)
        return {name: float(seconds) for name, seconds in _FINISHED.findall(log.read_text("utf-8"))}


@contextmanager
def person(**variables: str) -> Iterator[Person]:
    """Somebody new, gone with all their files after the block; `variables` are added to their environment."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(_PERSONAL) or name.startswith(_KEPT)
    }
    # Short, since the path of a unix socket may have 107 bytes.
    with tempfile.TemporaryDirectory(prefix="ez-") as folder:
        home = Path(folder)
        (home / ".ssh").mkdir(mode=0o700)
        own = {"HOME": folder, "EZ_SSH_CONFIG": str(home / ".ssh/config")}
        yield Person(home, {**kept, **own, **variables})


def repository(place: Path, example: str = "hello") -> Path:
    """A copy of an example as a Git repo with one commit, at `place`."""
    subprocess.run(["cp", "-R", str(REPOSITORY / "examples" / example), str(place)], check=True)
    author = ["-c", "user.name=Bench", "-c", "user.email=bench@example.com"]
    for arguments in (["init", "--quiet"], ["add", "--all"], [*author, "commit", "--quiet", "--message", "First"]):
        subprocess.run(["git", *arguments], cwd=place, check=True)
    return place
