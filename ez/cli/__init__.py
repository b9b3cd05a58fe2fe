"""The `ez` command: options, confirmation, rendering, exit codes; the only place that composes the rooms."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Entry point of the console script."""
    if sys.argv[1:] in (["--version"], ["-V"], ["version"]):
        from ez import __version__

        sys.stdout.write(f"ez {__version__}\n")
        return
    try:
        from ez.cli.app import run
        from ez.cli.interrupt import Interrupts
    except KeyboardInterrupt:
        sys.exit(130)
    Interrupts().listen()
    code = run(sys.argv[1:])
    gc.freeze()  # All memory ends with the process: without this Python looks through it once more for what to free.
    sys.exit(code)
