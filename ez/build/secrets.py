"""Secrets and SSH agents that a person lends to a build, in the Docker CLI's spelling of `--secret` and `--ssh`.

Where a secret is can be printed; what it is cannot: it is read when the engine asks for it and never kept.
"""

from __future__ import annotations

import csv
import os
import shlex
import shutil
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ez.build.commands import output_of
from ez.build.keys import load_keys
from ez.errors import BuildError, EzError, UsageError

LARGEST = 500 * 1024
"""Bytes of a secret, as in the Docker CLI."""

DEFAULT_AGENT = "default"

_SECONDS_FOR_COMMAND = 60.0
_SPELLING = "write it as `id=NAME,env=VARIABLE`, `id=NAME,src=FILE`, `id=NAME,cmd=COMMAND` or `id=NAME,kept=SECRET`"
_KINDS = {"env": "env", "src": "file", "source": "file", "cmd": "command", "kept": "kept"}

Kept = Callable[[str], Callable[[], bytes] | None]
"""Finds what is kept under a name, and gives what reads it (EzError where that fails); None where nothing is."""


def nothing_kept(name: str) -> None:
    """The Kept of somebody who keeps no secrets."""


@dataclass(frozen=True)
class Secret:
    """`origin` is a variable's name (`kind` is `env`), a path (`file`) or a command line (`command`), which is split
    as a shell does and run without one, or the name of one that is kept (`kept`), which `fetch` reads."""

    id: str
    kind: str
    origin: str
    environment: Mapping[str, str] = field(repr=False, compare=False, hash=False)
    fetch: Callable[[], bytes] | None = field(default=None, repr=False, compare=False, hash=False)

    def read(self) -> bytes:
        """Its value now; blocks as long as a command runs, at most a minute. The line ends that close a command's
        output are not part of it. Raises BuildError, which does not hold the value."""
        ways = {"env": self._variable, "file": self._file, "command": self._output, "kept": self._fetched}
        value = ways[self.kind]()
        if len(value) > LARGEST:
            raise self._failed(f"it has more than {LARGEST} bytes")
        return value

    def _variable(self) -> bytes:
        if self.origin not in self.environment:
            raise self._failed("it is not set")
        return os.fsencode(self.environment[self.origin])

    def _file(self) -> bytes:
        try:
            descriptor = os.open(self.origin, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise self._failed("it is not a regular file")
                return file.read(LARGEST + 1)
        except OSError as error:
            raise self._failed(error.strerror or "it cannot be opened") from error

    def _output(self) -> bytes:
        try:
            code, value = output_of(
                shlex.split(self.origin),
                seconds=_SECONDS_FOR_COMMAND,
                longest=LARGEST,
                environment=self.environment,
            )
        except OSError as error:
            raise self._failed(error.strerror or "it cannot be run") from error
        if code and len(value) <= LARGEST:
            raise self._failed(f"it ended with exit code {code}" if code > 0 else "it was killed, or took too long")
        return value.rstrip(b"\r\n") if len(value) <= LARGEST else value

    def _fetched(self) -> bytes:
        if self.fetch is None:
            raise self._failed("nothing is kept under that name")
        try:
            return self.fetch()
        except EzError as error:
            raise self._failed(error.message) from error

    def _failed(self, reason: str) -> BuildError:
        what = {"env": "variable", "file": "file", "command": "command", "kept": "kept secret"}[self.kind]
        return BuildError(f"secret `{self.id}` cannot be read from the {what} `{self.origin}`: {reason}", _SPELLING)


@dataclass(frozen=True)
class SshAgent:
    """Lent to a build as `id`: the agent at `socket`, or else one that has the private keys of the files `keys`."""

    id: str
    socket: Path | None = None
    keys: tuple[Path, ...] = ()


def parse_secret(text: str, environment: Mapping[str, str], kept: Kept = nothing_kept) -> Secret:
    """`id=NAME` with `env=VARIABLE`, `src=FILE`, `cmd=COMMAND` or `kept=SECRET`, or with `type=env|file|command|kept`
    and `src=...`.

    With none it is the variable NAME, or else the file NAME, or else what is kept under NAME. A value with a comma is
    quoted, as in CSV: the whole `"cmd=COMMAND"`. Raises UsageError for another spelling and where there is no such
    variable, file, program or secret.
    """
    fields = _fields(text)
    id = fields.pop("id", "")
    kind = fields.pop("type", "")
    key, origin = next(iter(fields.items()), ("", id))
    said = _KINDS.get(key, "")
    fitting = {said} if key in ("env", "cmd", "kept") else set(_KINDS.values())
    if not id or len(fields) > 1 or (key and not said) or (kind and kind not in fitting):
        raise UsageError(f"not a secret: `{text}`", _SPELLING)
    kind = kind or said
    kind = kind or ("env" if id in environment else "kept" if not Path(id).is_file() and kept(id) else "file")
    secret = Secret(id, kind, origin, environment, kept(origin) if kind == "kept" else None)
    if reason := _lacking(secret):
        raise UsageError(f"secret `{id}`: {reason}: `{origin}`", _SPELLING)
    return secret


def parse_ssh(text: str, environment: Mapping[str, str]) -> SshAgent:
    """`default`, `ID`, `ID=SOCKET` or `ID=KEYFILE[,KEYFILE...]`; without a place it is the person's own agent.

    Raises UsageError where there is no such agent, or a key file cannot be used.
    """
    id, _, places = text.partition("=")
    paths = tuple(Path(place) for place in places.split(",") if place)
    if not id or (places and not paths):
        raise UsageError(f"not an SSH agent: `{text}`", "write it as `default`, `ID=SOCKET` or `ID=KEYFILE`")
    if not paths:
        socket = environment.get("SSH_AUTH_SOCK", "")
        if not socket:
            raise UsageError(f"no SSH agent runs for `{id}`", 'run `eval "$(ssh-agent)" && ssh-add`')
        paths = (Path(socket),)
    for path in paths:
        if not path.exists():
            raise UsageError(f"no such agent or key file for `{id}`: `{path}`", "name a socket or a private key file")
    if len(paths) == 1 and paths[0].is_socket():
        return SshAgent(id, socket=paths[0].absolute())
    load_keys(paths)
    return SshAgent(id, keys=tuple(path.absolute() for path in paths))


def _fields(text: str) -> dict[str, str]:
    """Comma-separated `key=value`, each key once."""
    try:
        items = next(csv.reader([text], strict=True), [])
    except csv.Error as error:
        raise UsageError(f"not a secret: `{text}`", _SPELLING) from error
    pairs = [item.partition("=") for item in items]
    fields = {key.strip().lower(): value for key, equals, value in pairs if equals}
    if len(fields) != len(items):
        raise UsageError(f"not a secret: `{text}`", _SPELLING)
    return fields


def _lacking(secret: Secret) -> str:
    """Why there is no such secret, empty where there may be one."""
    if secret.kind == "env":
        return "" if secret.origin in secret.environment else "no such variable"
    if secret.kind == "file":
        return "" if Path(secret.origin).is_file() else "no such file"
    if secret.kind == "kept":
        return "" if secret.fetch else "nothing is kept under that name"
    try:
        program = next(iter(shlex.split(secret.origin)), "")
    except ValueError:
        return "a quote is open in the command"
    found = shutil.which(program, path=secret.environment.get("PATH", os.defpath)) if program else None
    return "" if found else "no such program"
