"""One side of a migration: a repo on a computer, and how its scripts are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from ez.env.source.wire import Content, Reply, call, run
from ez.errors import Result
from ez.events import Sink
from ez.ssh.host import Host


@dataclass(frozen=True)
class Side:
    """The repo at `path` on `host`, or the work tree that ez made for `env` where `path` is empty.

    `notes` is a directory of ez's own for a `path`, empty else. `borrowed` is an object folder that may hold what an
    earlier carry noted. Below the top, `sub` is a submodule's path and `module` its Git directory, as the top's has it.
    """

    host: Host
    env: str
    path: str = ""
    notes: str = ""
    borrowed: str = ""
    sub: str = ""
    module: str = ""

    def below(self, path: str, module: str) -> Side:
        return replace(self, sub=f"{self.sub}/{path}" if self.sub else path, module=module, borrowed="")

    @property
    def name(self) -> str:
        """What messages call it."""
        return "this computer" if self.host.is_local else f"`{self.host.name}`"

    def call(
        self, script: str, args: Sequence[str], contents: Mapping[str, Content], sink: Sink, *, secret: bool = False
    ) -> Reply:
        """Run `scripts/<script>.sh` there. Raises SourceError for what it could not do."""
        arguments = [*self._place(), *args]
        return call(self.host, script, arguments, contents, sink, secret=secret, program_text=program(script))

    def plain(self, script: str, args: Sequence[str], contents: Mapping[str, Content]) -> Result:
        """The plain result of a script that answers with bytes."""
        return run(self.host, script, [*self._place(), *args], contents, program_text=program(script))

    def _place(self) -> list[str]:
        return [self.env, self.path, self.notes, self.sub, self.module, self.borrowed]


_MORE = {"apply": ("guard",)}
"""What a script needs besides what all of them share."""


@cache
def program(name: str) -> str:
    """The script `name` behind what it shares; its own first line stays first, for logs."""
    ours = files("ez.env.migrate").joinpath("scripts")
    shared = files("ez.env.source").joinpath("scripts", "common.sh").read_text("utf-8")
    title, _, body = ours.joinpath(f"{name}.sh").read_text("utf-8").partition("\n")
    parts = [ours.joinpath(f"{part}.sh").read_text("utf-8") for part in ("lib", *_MORE.get(name, ()))]
    return "\n".join([title, shared, *parts, body])
