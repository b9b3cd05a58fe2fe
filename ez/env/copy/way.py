"""How a copy reaches an environment: the programs to start, which the caller knows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from importlib.resources import files

Digest = Callable[[bytes, int], Awaitable[str]]
"""SHA-256 of a file's first so many bytes, in hexadecimal; empty where it cannot be told."""


@dataclass(frozen=True)
class Way:
    """`sftp` is the argv whose stdin and stdout speak SFTP, `run` gives one that runs an argv there; both get the
    variables `environment`. `workdir` is where relative paths begin."""

    sftp: tuple[str, ...]
    run: Callable[[Sequence[str]], Sequence[str]]
    workdir: str
    environment: Mapping[str, str] = field(default_factory=dict)

    @asynccontextmanager
    async def digests(self) -> AsyncIterator[Digest]:
        """Tells digests of files there, read by one program there, so that only digests travel. It is started when
        first needed, and does one after the other."""
        made = _Digests(self)
        try:
            yield made.of
        finally:
            await made.end()


class _Digests:
    def __init__(self, way: Way) -> None:
        self._way = way
        self._alone = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None

    async def of(self, path: bytes, size: int) -> str:
        async with self._alone:
            if self._process is None:
                self._process = await self._start()
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            with suppress(OSError):
                self._process.stdin.write(b"%d %s\n" % (size, _escaped(path)))
                await self._process.stdin.drain()
            line = await self._process.stdout.readline()
            return line.decode("ascii", "replace").strip().strip("-")

    async def end(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    async def _start(self) -> asyncio.subprocess.Process:
        text = files("ez.env.copy").joinpath("digest.sh").read_text()
        return await asyncio.create_subprocess_exec(
            *self._way.run(["sh", "-c", text]),
            env=dict(self._way.environment),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )


def _escaped(path: bytes) -> bytes:
    return b"".join(b"\\0%03o" % byte for byte in path)
