"""The process at home that holds a gate open: OpenSSH's connection behind it, and other ez's questions beside it.

It ends by itself: when nobody came for long, when the environment is not to be reached for long, and when told so.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from ez.env.ports.held import hold
from ez.env.web.gate import Gate
from ez.env.web.held import LONGEST_QUESTION, Held
from ez.ssh.files import private_directory

IDLE_SECONDS = 12 * 3600.0
LOST_SECONDS = 3600.0
_LONGEST_PAUSE = 20.0
_LOOK_SECONDS = 5.0
_TIED = files("ez.env.web").joinpath("scripts", "tied.sh").read_text("utf-8")


@dataclass
class Holder:
    """`ssh` is the command up to the alias, `alias` the environment's, `variables` what OpenSSH gets, `host` what the
    gate is called in addresses."""

    held: Held
    ssh: Sequence[str]
    alias: str
    variables: Mapping[str, str] = field(repr=False)
    log: Path = Path(os.devnull)
    host: str = ""

    def run(self) -> None:
        """Hold the gate until its end. A second holder of the same ends at once."""
        asyncio.run(self._run())

    async def _run(self) -> None:
        private_directory(self.held.runtime)
        door = hold(self.held.port)
        self._gate = Gate(self.held.environment, door.port, host=self.host)
        self._gate.upstream = self.held.upstream
        self._ended = asyncio.Event()
        self._moved = asyncio.Event()
        self._remote = ""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._ended.set)
        async with AsyncExitStack() as stack:
            for one in door.sockets:
                await stack.enter_async_context(await asyncio.start_server(self._gate.handle, sock=one))
            await stack.enter_async_context(await self._listen())
            tasks = [asyncio.create_task(work) for work in (self._connect(), self._watch())]
            await self._ended.wait()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.held.control.unlink(missing_ok=True)
            self.held.upstream.unlink(missing_ok=True)

    async def _listen(self) -> asyncio.Server:
        self.held.control.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            return await asyncio.start_unix_server(self._asked, str(self.held.control), limit=LONGEST_QUESTION)
        finally:
            os.umask(before)

    async def _asked(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One question as a line of JSON, and its answer."""
        with suppress(OSError, ValueError, TypeError, KeyError, TimeoutError):
            question = json.loads(await asyncio.wait_for(reader.readline(), 10))
            writer.write(json.dumps(await self._answer(question)).encode() + b"\n")
            await writer.drain()
        writer.close()

    async def _answer(self, question: dict[str, object]) -> dict[str, object]:
        if question["ask"] == "stop":
            self._ended.set()
            return {}
        if question["ask"] == "open":
            self._gate.headers = tuple((str(name), str(value)) for name, value in _pairs(question["headers"]))
            self._gate.start = str(question["start"])
            self._gate.hint = str(question["hint"])
            self._gate.last_used = time.monotonic()
            await self._move(str(question["socket"]))
            return {"address": self._gate.ticket()}
        return {"origin": self._gate.origin, "connections": self._gate.connections}

    async def _move(self, remote: str) -> None:
        """Have the connection lead to that socket inside, and wait for it a while."""
        if remote != self._remote:
            self._remote = remote
            self._moved.set()
        deadline = time.monotonic() + 20
        while not await self._leads() and time.monotonic() < deadline:
            await asyncio.sleep(0.05)

    async def _leads(self) -> bool:
        try:
            _, writer = await asyncio.open_unix_connection(str(self.held.upstream))
        except OSError:
            return False
        writer.close()
        return True

    async def _connect(self) -> None:
        """Keep OpenSSH's connection up, with longer and longer pauses where it fails."""
        pause, lost = 0.5, time.monotonic()
        while True:
            self._moved.clear()
            if self._remote:
                began = time.monotonic()
                await self._connect_once()
                if time.monotonic() - began > 60:
                    pause, lost = 0.5, time.monotonic()
                if time.monotonic() - lost > LOST_SECONDS:
                    self._ended.set()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), pause if self._remote else None)
                pause = 0.25
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _connect_once(self) -> None:
        """Until the connection ends, or is to lead elsewhere."""
        self.held.upstream.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            # Its end of this pipe closes with this process, and OpenSSH's with it, even where nobody can clean up.
            process = await asyncio.create_subprocess_exec(
                *("sh", "-c", _TIED, "sh", *self._command()),
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=dict(self.variables),
            )
        waits = [asyncio.create_task(process.wait()), asyncio.create_task(self._moved.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.terminate()
                await process.wait()

    def _command(self) -> list[str]:
        options = ["ControlMaster=no", "ControlPath=none", "ExitOnForwardFailure=yes", "ForwardAgent=no"]
        options += ["StreamLocalBindUnlink=yes", "StreamLocalBindMask=0177", "ServerAliveInterval=15"]
        words = [word for option in (*options, "BatchMode=yes") for word in ("-o", option)]
        # OpenSSH takes the first colon for the end of a path.
        return [*self.ssh, *words, "-N", "-T", "-L", f"{self.held.upstream}:{self._remote}", "--", self.alias]

    async def _watch(self) -> None:
        while self._gate.connections or time.monotonic() - self._gate.last_used < IDLE_SECONDS:
            if not self.held.control.exists():
                break  # Somebody cleared the place away, and nobody can ask any more.
            await asyncio.sleep(_LOOK_SECONDS)
        self._ended.set()


def host_of(environment: str, system: str) -> str:
    """What a gate is called in addresses. Browsers know all names below `localhost` by themselves, but for Safari,
    which asks the system (`sys.platform`), and a Mac may not know them."""
    name = f"{environment}.localhost"
    if system == "darwin":
        try:
            socket.getaddrinfo(name, None)
        except OSError:
            return "localhost"
    return name


def _pairs(value: object) -> list[tuple[object, object]]:
    return [(pair[0], pair[1]) for pair in value] if isinstance(value, list) else []
