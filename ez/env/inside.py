"""An environment as a place where commands run: entered by OpenSSH, as the person enters it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ez.events import Sink
from ez.ssh.base import CommandHost
from ez.ssh.local import LocalHost, LocalProcess
from ez.ssh.quoting import command_line


class Inside(CommandHost):
    """`alias` is the environment's in OpenSSH's configuration, `options` what `ssh` is given to know it.

    Commands run as the environment's user with its variables. A link that fails ends one with exit code 255.
    """

    def __init__(
        self, alias: str, options: Sequence[str], *, environment: Mapping[str, str], home: Path, sink: Sink
    ) -> None:
        super().__init__(alias, sink)
        self._here = LocalHost(environment=environment, home=home)
        self._ssh = ("ssh", *options, "-o", "BatchMode=yes", "-T", "--", alias)

    def start(self, argv: Sequence[str], agent: bool) -> LocalProcess:
        # The agent answers for the way there; it comes along as the alias has it.
        return self._here.start([*self._ssh, command_line(argv)], agent=True)
