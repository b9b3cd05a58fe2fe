"""What every computer does alike: run, script, put and get on top of one way to start a command."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from importlib.resources import files

from ez.errors import CommandError, HostError, LinkLostError, Result
from ez.events import CommandRun, Sink
from ez.ssh.quoting import command_line, script_title, shorten
from ez.ssh.streams import Finished, Input, Process, follow

_LOST = -1


class CommandHost(ABC):
    """The half of the `Host` protocol that is the same everywhere; `start` is what differs."""

    def __init__(self, name: str, sink: Sink) -> None:
        self._name = name
        self._sink = sink

    @property
    def name(self) -> str:
        return self._name

    @abstractmethod
    def start(self, argv: Sequence[str], agent: bool) -> Process:
        """Start `argv` in the login user's home directory."""

    def run(
        self,
        argv: Sequence[str],
        *,
        input: Input | None = None,
        check: bool = True,
        timeout: float | None = None,
        agent: bool = False,
        on_line: Callable[[str], None] | None = None,
    ) -> Result:
        shown = shorten(command_line(argv))
        return self._run(argv, shown, input=input, check=check, timeout=timeout, agent=agent, on_line=on_line)

    def script(
        self,
        text: str,
        args: Sequence[str] = (),
        *,
        input: Input | None = None,
        check: bool = True,
        timeout: float | None = None,
        agent: bool = False,
        on_line: Callable[[str], None] | None = None,
    ) -> Result:
        argv, shown = _program(text, args)
        return self._run(argv, shown, input=input, check=check, timeout=timeout, agent=agent, on_line=on_line)

    def pour(
        self,
        text: str,
        args: Sequence[str] = (),
        *,
        output: Callable[[bytes], None],
        input: Input | None = None,
        check: bool = True,
        timeout: float | None = None,
    ) -> Result:
        argv, shown = _program(text, args)
        return self._run(
            argv, shown, input=input, check=check, timeout=timeout, agent=False, on_line=None, output=output
        )

    def put(self, data: bytes, path: str, mode: int = 0o644) -> None:
        text = files("ez.ssh").joinpath("put.sh").read_text()
        self.script(text, [path, f"{mode:o}", str(len(data))], input=data)

    def get(self, path: str) -> bytes:
        return self.run(["cat", "--", path]).stdout

    def _run(
        self,
        argv: Sequence[str],
        shown: str,
        *,
        input: Input | None,
        check: bool,
        timeout: float | None,
        agent: bool,
        on_line: Callable[[str], None] | None,
        output: Callable[[bytes], None] | None = None,
    ) -> Result:
        started = time.monotonic()
        try:
            process = self.start(argv, agent)
            finished = follow(process, input=input, on_line=on_line, timeout=timeout, on_output=output)
        except LinkLostError:
            self._sink(CommandRun(self._name, shown, _LOST, time.monotonic() - started))
            raise
        result = self._conclude(finished, shown, time.monotonic() - started)
        if finished.timed_out:
            raise HostError(f"command took longer than {timeout:g} s on `{self._name}`: `{shown}`")
        if check and result.exit_code != 0:
            raise CommandError(f"command failed on `{self._name}` with exit code {result.exit_code}: `{shown}`", result)
        return result

    def _conclude(self, finished: Finished, shown: str, seconds: float) -> Result:
        result = Result(self._name, shown, finished.exit_code, finished.stdout, finished.stderr, seconds)
        last_lines = tuple(result.last_lines()) if result.exit_code != 0 else ()
        self._sink(CommandRun(self._name, shown, result.exit_code, seconds, last_lines))
        return result


def _program(text: str, args: Sequence[str]) -> tuple[list[str], str]:
    """The command line of a shell program, and how logs show it."""
    shown = " ".join([f"[{script_title(text)}]", *([command_line(args)] if args else [])])
    return ["sh", "-c", text, "ez", *args], shorten(shown)
