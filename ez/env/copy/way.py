"""How a copy reaches an environment: the programs to start, which the caller knows."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
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

    async def digest(self, path: bytes, size: int) -> str:
        """The digest of a file there, read by a program there, so that only the digest travels."""
        text = files("ez.env.copy").joinpath("digest.sh").read_text()
        argv = self.run(["sh", "-c", text, "ez", os.fsdecode(path), str(size)])
        process = await asyncio.create_subprocess_exec(
            *argv,
            env=dict(self.environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert process.stdout is not None
        line = await process.stdout.readline()
        await process.wait()
        return line.decode("ascii", "replace").strip() if process.returncode == 0 else ""
