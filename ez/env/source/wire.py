"""How ez and its source scripts talk: a tar file goes in, records come out.

A record is `key value` and a NUL. After `list NAME` come bare records until an empty one. Paths are bytes on both
sides; here they are text with surrogate escapes, as everywhere in Python.
"""

from __future__ import annotations

import base64
import gzip
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from ez.env.source.failures import failure, said
from ez.errors import Result, SourceError
from ez.events import Output, Sink
from ez.ssh.host import Host

STEP = "source"
"""Id of the step that output belongs to."""

_BLOCK = 512
_CHUNK = 1 << 20
_SMALL = 24 << 10
"""Bytes of a parcel that may go as an argument. Linux takes arguments of 128 KiB (MAX_ARG_STRLEN), the whole command
line that sshd hands to the login shell being one."""

Content = bytes | Path


@dataclass(frozen=True)
class Reply:
    """What a script said: `values` by key, the last one winning; all `records` in order; `lists` by name."""

    result: Result

    values: Mapping[str, str]
    records: tuple[tuple[str, str], ...]
    lists: Mapping[str, tuple[str, ...]]

    def value(self, key: str) -> str:
        """Raises SourceError where the script did not say it."""
        if key not in self.values:
            raise SourceError(f"an incomplete answer from `{self.result.host}`", "run the same line again")
        return self.values[key]

    def all(self, key: str) -> list[str]:
        return [value for other, value in self.records if other == key]

    def pairs(self, name: str) -> list[tuple[str, str]]:
        """A list of which every second record belongs to the one before it, such as Git's `--name-status -z`."""
        records = self.lists.get(name, ())
        return list(zip(records[::2], records[1::2], strict=False))


def call(
    host: Host,
    script: str,
    args: Sequence[str],
    contents: Mapping[str, Content],
    sink: Sink,
    *,
    agent: bool = False,
    secret: bool = False,
    program_text: str = "",
) -> Reply:
    """Run `scripts/<script>.sh` on `host` with `contents` as files; `secret` keeps those off the command line.
    `program_text` is another program than that one.

    Raises SourceError for what the script could not do.
    """

    def show(line: str) -> None:
        text = line.rpartition("\r")[2].strip()
        if text and "\0" not in text:
            sink(Output(STEP, text))

    result = run(host, script, args, contents, agent=agent, secret=secret, on_line=show, program_text=program_text)
    reply = parse(result)
    if "failed" in reply.values:
        raise said(reply.values["failed"], reply.values.get("detail", ""), host.name, result)
    if result.exit_code != 0:
        raise failure(result, host.name)
    reply.value("done")
    return reply


def run(
    host: Host,
    script: str,
    args: Sequence[str],
    contents: Mapping[str, Content],
    *,
    agent: bool = False,
    secret: bool = False,
    on_line: Callable[[str], None] | None = None,
    program_text: str = "",
) -> Result:
    """The plain result of a script. A small parcel goes as an argument: stdin would cost a round trip more."""
    small = b""
    if not secret and sum(map(_size, contents.values())) <= _SMALL:
        small = base64.b64encode(gzip.compress(b"".join(parcel(contents)), mtime=0))
    on_stdin = None if small else parcel(contents)
    return host.script(
        program_text or program(script),
        [small.decode(), *args],
        input=on_stdin,
        check=False,
        agent=agent,
        on_line=on_line,
    )


def program(name: str) -> str:
    """The script `name` behind what all of them share; its own first line stays first, for logs."""
    scripts = files("ez.env.source").joinpath("scripts")
    title, _, body = scripts.joinpath(f"{name}.sh").read_text("utf-8").partition("\n")
    shared = [scripts.joinpath(f"{part}.sh").read_text("utf-8") for part in ("common", "tree", "files")]
    return "\n".join([title, *shared, body])


def parse(result: Result) -> Reply:
    """The records of a reply; a cut one gives what is there, without `done`."""
    values: dict[str, str] = {}
    records: list[tuple[str, str]] = []
    lists: dict[str, list[str]] = {}
    current: list[str] | None = None
    for raw in result.stdout.split(b"\0")[:-1]:
        text = raw.decode("utf-8", "surrogateescape")
        if current is not None:
            current = _continued(current, text)
            continue
        key, _, value = text.partition(" ")
        if key == "list":
            current = lists.setdefault(value, [])
        else:
            values[key] = value
            records.append((key, value))
    return Reply(result, values, tuple(records), {name: tuple(found) for name, found in lists.items()})


def parcel(contents: Mapping[str, Content]) -> Iterator[bytes]:
    """A tar file, made while it is read; a Path stands for a file's contents."""
    for name, content in contents.items():
        size = _size(content)
        header = tarfile.TarInfo(name)
        header.size, header.mode = size, 0o600
        yield header.tobuf(tarfile.PAX_FORMAT)
        yield from _chunks(content)
        yield b"\0" * (-size % _BLOCK)
    yield b"\0" * _BLOCK * 2


def nul_list(paths: Iterable[str]) -> bytes:
    return b"".join(path.encode("utf-8", "surrogateescape") + b"\0" for path in paths)


def _continued(current: list[str], text: str) -> list[str] | None:
    if not text:
        return None
    current.append(text)
    return current


def _size(content: Content) -> int:
    return content.stat().st_size if isinstance(content, Path) else len(content)


def _chunks(content: Content) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as file:
        yield from iter(lambda: file.read(_CHUNK), b"")
