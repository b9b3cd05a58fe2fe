"""Programs of the person's own that give a secret: bounded in time and in what they say."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from threading import Timer


def output_of(
    command: Sequence[str],
    *,
    given: bytes = b"",
    seconds: float,
    longest: int,
    environment: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    """The exit code of `command` and what it writes to standard output, one byte more than `longest` for too much.

    A command that is too slow or says too much is killed with all that it started, which gives a negative code.
    Raises OSError where it cannot be run.
    """
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        timer = Timer(seconds, _kill, (process,))
        timer.start()
        try:
            with suppress(BrokenPipeError):
                process.stdin.write(given)
                process.stdin.close()
            output = process.stdout.read(longest + 1)
            if len(output) > longest:
                _kill(process)
            return process.wait(), output
        finally:
            timer.cancel()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """With what it started, since that may hold the pipe open."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
