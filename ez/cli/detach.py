"""An `ez` of its own, for work that goes on when this command has ended."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence


def detach(arguments: Sequence[str]) -> None:
    """Start ez as a process of its own; what it says goes to its run log alone."""
    command = [sys.executable, "-P", "-m", "ez", *arguments]
    nowhere = subprocess.DEVNULL
    subprocess.Popen(command, stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True, cwd="/")
