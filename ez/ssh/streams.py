"""Follow a running command: feed its stdin and drain both outputs at once, so that neither side ever waits in vain."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Generic, Protocol, TypeVar, cast

from ez.errors import HostError

CHUNK = 64 * 1024
"""Bytes moved at a time."""

MOST_OUTPUT = 1 << 30
"""Bytes that a command may print on either stream; one that prints more is ended before it fills this memory."""

Input = bytes | BinaryIO | Iterable[bytes]
"""What a command can be given on its stdin; files and iterables are read as the command takes them."""

T = TypeVar("T")


class Process(Protocol):
    """A started command. Reads return b"" at the end; `write` raises OSError when nobody reads any more."""

    def read_output(self, size: int) -> bytes: ...

    def read_errors(self, size: int) -> bytes: ...

    def write(self, data: bytes) -> None: ...

    def close_input(self) -> None: ...

    def wait(self) -> int:
        """Exit code, 128 and the signal's number where a signal ended it and is known. May raise LinkLostError."""

    def end(self) -> None:
        """Stop the command and everything it started. Does nothing when it is over."""


@dataclass(frozen=True)
class Finished:
    exit_code: int
    stdout: bytes
    stderr: bytes
    timed_out: bool


class Worker(threading.Thread, Generic[T]):
    """A daemon thread whose value, or error, `result` gives."""

    def __init__(self, work: Callable[[], T]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self._value: T | None = None
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._value = self._work()
        except BaseException as error:
            self._error = error

    def result(self) -> T:
        self.join()
        if self._error is not None:
            raise self._error
        return cast(T, self._value)


class Lines:
    """Bytes of one stream -> whole lines for `on_line`; `lock` is shared by the streams of a command."""

    def __init__(self, on_line: Callable[[str], None], lock: threading.Lock) -> None:
        self._on_line = on_line
        self._lock = lock
        self._rest = b""

    def feed(self, data: bytes) -> None:
        *whole, self._rest = (self._rest + data).split(b"\n")
        for line in whole:
            self._tell(line)

    def finish(self) -> None:
        if self._rest:
            self._tell(self._rest)

    def _tell(self, line: bytes) -> None:
        with self._lock:
            self._on_line(line.rstrip(b"\r").decode("utf-8", "replace"))


def follow(
    process: Process,
    *,
    input: Input | None,
    on_line: Callable[[str], None] | None,
    timeout: float | None,
    on_output: Callable[[bytes], None] | None = None,
) -> Finished:
    """Wait for `process`, which is ended when `timeout` seconds pass or when this thread is interrupted. What
    `on_output` takes of stdout is not kept."""
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        process.end()

    timer = threading.Timer(timeout or 0, expire)
    timer.daemon = True
    if timeout is not None:
        timer.start()
    lock = threading.Lock()
    over = False
    try:
        feeder = Worker(lambda: _feed(process, input))
        errors = Worker(lambda: _drain(process, process.read_errors, on_line, lock))
        if on_output is not None:
            output = _pour(process, on_output)
        else:
            output = _drain(process, process.read_output, on_line, lock)
        finished = Finished(process.wait(), output, errors.result(), expired.is_set())
        over = True
        feeder.result()
        return finished
    finally:
        timer.cancel()
        if not over:
            process.end()


def chunks(data: Input) -> Iterator[bytes]:
    """`data` in pieces of at most `CHUNK` bytes."""
    if isinstance(data, bytes):
        for start in range(0, len(data), CHUNK):
            yield data[start : start + CHUNK]
    elif hasattr(data, "read"):
        yield from iter(lambda: cast(BinaryIO, data).read(CHUNK), b"")
    else:
        for piece in data:
            yield from chunks(piece)


def _feed(process: Process, input: Input | None) -> None:
    try:
        for chunk in chunks(input) if input is not None else ():
            if not _accepted(process, chunk):
                break
    except BaseException:
        process.end()  # Reading `input` failed: the command must not take the part for the whole.
        raise
    try:
        process.close_input()
    except OSError:
        pass


def _accepted(process: Process, chunk: bytes) -> bool:
    """False when the command ended or stopped reading; its exit code tells which."""
    try:
        process.write(chunk)
    except OSError:
        return False
    return True


def _pour(process: Process, on_output: Callable[[bytes], None]) -> bytes:
    while piece := process.read_output(CHUNK):
        on_output(piece)
    return b""


def _drain(
    process: Process, read: Callable[[int], bytes], on_line: Callable[[str], None] | None, lock: threading.Lock
) -> bytes:
    lines = Lines(on_line, lock) if on_line is not None else None
    data = bytearray()
    while piece := read(CHUNK):
        data += piece
        if len(data) > MOST_OUTPUT:
            process.end()
            raise HostError(f"a command printed more than {MOST_OUTPUT >> 20} MiB, and was ended")
        if lines is not None:
            lines.feed(piece)
    if lines is not None:
        lines.finish()
    return bytes(data)
