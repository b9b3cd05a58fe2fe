"""The keeper's part in shares: folders of this computer that no process serves, as after a restart of it, are served
again once the environment is connected to."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from ez.env.link.service import Keep, Line
from ez.env.shares.home import is_served, job_file
from ez.errors import KeeperError


def make(keep: Keep) -> SharesService:
    return SharesService(keep)


class SharesService:
    def __init__(self, keep: Keep) -> None:
        self._keep = keep

    def connected(self, line: Line) -> None:
        path = job_file(self._keep.home, self._keep.environment, self._keep.computer)
        if not path.exists() or is_served(path):
            return
        # A process of its own: a keeper that is stopped leaves the folders alone.
        subprocess.Popen(
            [sys.executable, "-P", "-m", "ez", "share", "hold", str(path)],
            env=dict(self._keep.variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )

    def lost(self) -> None:
        pass

    def ask(self, words: Sequence[str]) -> object:
        raise KeeperError("not a question for the service of shares")
