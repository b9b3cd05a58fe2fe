"""The keeper's part in secrets: an environment that was started anew, as after its computer's restart, gets them again.

They are fetched and handed over by an `ez` of its own, so that no value is ever in the keeper.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from ez.env.link.service import Keep, Line
from ez.env.secrets.wanted import WantedFile
from ez.errors import KeeperError, SecretError

_SECONDS = 120.0


def make(keep: Keep) -> SecretsService:
    return SecretsService(keep)


class SecretsService:
    def __init__(self, keep: Keep) -> None:
        self._keep = keep

    def connected(self, line: Line) -> None:
        if not WantedFile(self._keep.records).read():
            return
        words = ["secret", "give", self._keep.environment, "-c", self._keep.computer, "--if-missing"]
        done = subprocess.run(
            [sys.executable, "-P", "-m", "ez", *words],
            env=dict(self._keep.variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
        if done.returncode:
            raise SecretError(done.stderr.decode("utf-8", "replace").strip()[:500])

    def lost(self) -> None:
        pass

    def ask(self, words: Sequence[str]) -> object:
        raise KeeperError("not a question for the service of secrets")
