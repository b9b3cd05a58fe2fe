"""A Python process with bounds: time, output, and an environment that tells little of this computer."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SECONDS = 30.0
"""How long the process may run."""

LARGEST_ANSWER = 64 << 20
LARGEST_PRINTED = 1 << 20
"""Bytes that are kept; of what is printed the rest is thrown away, more of an answer ends the process."""

_CHUNK = 1 << 16


@dataclass(frozen=True)
class Answer:
    """What a process said. `in_time` is False where it was ended for its time or for the size of its answer."""

    content: bytes
    printed: str
    in_time: bool


def run_python(program: Callable[[int], str], directory: Path) -> Answer:
    """Run a Python program, isolated (`python -I`), in `directory`; it is over when it closes its channel.

    `program` makes its text from the number of the file descriptor for its answer. Everything that it started in its
    session ends with it.
    """
    receive, send = os.pipe()
    with os.fdopen(receive, "rb", buffering=0) as channel:
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-u", "-X", "utf8", "-c", program(send)],
                cwd=directory,
                env={"PATH": os.defpath, "LANG": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(send,),
                start_new_session=True,
            )
        finally:
            os.close(send)
        with process:
            try:
                return _listen(channel.fileno(), process.stdout.fileno() if process.stdout else -1)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


def _listen(channel: int, output: int) -> Answer:
    """Read both until the channel is closed, or a bound is reached."""
    content, printed = bytearray(), bytearray()
    deadline = time.monotonic() + SECONDS
    in_time = True
    with selectors.DefaultSelector() as selector:
        selector.register(channel, selectors.EVENT_READ, content)
        selector.register(output, selectors.EVENT_READ, printed)
        while channel in selector.get_map():
            if time.monotonic() > deadline or len(content) > LARGEST_ANSWER:
                in_time = False
                break
            _read(selector, printed, max(0.0, deadline - time.monotonic()))
        while output in selector.get_map() and time.monotonic() < deadline and _read(selector, printed, 0):
            pass
    return Answer(bytes(content), printed.decode("utf-8", "replace"), in_time)


def _read(selector: selectors.BaseSelector, printed: bytearray, seconds: float) -> bool:
    """Take what is there; False if nothing is."""
    ready = selector.select(seconds)
    for key, _ in ready:
        data = os.read(key.fd, _CHUNK)
        if not data:
            selector.unregister(key.fd)
        elif key.data is not printed or len(printed) < LARGEST_PRINTED:
            key.data.extend(data)
    return bool(ready)
