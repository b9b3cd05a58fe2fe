"""Copy, and begin again where the connection was lost: what is there already does not travel twice."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ez.env.copy.ends import End, Route, path_there
from ez.env.copy.fetch import Fetcher
from ez.env.copy.folder import Folder
from ez.env.copy.send import Sender
from ez.env.copy.sftp import Sftp, SftpError, open_sftp
from ez.env.copy.way import Way
from ez.env.copy.work import Tally, is_part, part_name
from ez.env.sftp_wire import MessageError
from ez.errors import CopyError, HostUnreachableError, LinkLostError
from ez.events import Notice, Progress

PAUSES = (0.2, 1.0, 3.0, 6.0, 10.0, 15.0)
"""Seconds before each new try."""

_TOLD = 5


@dataclass(frozen=True)
class Copied:
    """What a copy did. `files` are new or changed, with links; `bytes` travelled; `resumed` bytes of parts were there;
    `left_out` are paths with reasons."""

    files: int
    unchanged: int
    bytes: int
    resumed: int
    left_out: tuple[tuple[str, str], ...]


def copy(route: Route, way: Way, tally: Tally, mask: int, again: Sequence[float] = PAUSES) -> Copied:
    """Do it. `mask` are permission bits that files here do not get; `again` seconds before each new try.

    Raises CopyError for what could not be copied, after all else was; HostUnreachableError where the environment
    cannot be entered, LinkLostError where the connection is lost again and again.
    """
    asyncio.run(_copy(route, way, tally, mask, again))
    tally.sink(Progress("copy", tally.travelled, tally.files))
    if tally.faults:
        told = "\n".join(f"  {path}: {reason}" for path, reason in tally.faults[:_TOLD])
        more = f"\n  and {len(tally.faults) - _TOLD} more" if len(tally.faults) > _TOLD else ""
        raise CopyError(f"{len(tally.faults)} could not be copied:\n{told}{more}", "the same command copies the rest")
    return Copied(tally.files, tally.unchanged, tally.travelled, tally.resumed, tuple(tally.left_out))


async def _copy(route: Route, way: Way, tally: Tally, mask: int, again: Sequence[float]) -> None:
    is_first, moved = True, -1
    pauses = list(again)
    while True:
        try:
            async with open_sftp(way.sftp, way.environment) as sftp:
                is_first = False
                await _all(route, way, sftp, tally, mask)
                return
        except MessageError as error:
            raise CopyError(f"the environment answers what cannot be: {error}", "ez env go NAME --rebuild") from error
        except LinkLostError as error:
            if is_first:
                raise HostUnreachableError(error.message, "ez doctor") from error
            if tally.travelled > moved:
                pauses, moved = list(again), tally.travelled
            if not pauses:
                raise LinkLostError(error.message, "the same command goes on where this one stopped") from error
            tally.sink(Notice("the connection was lost; ez tries again", "warning"))
            await asyncio.sleep(pauses.pop(0))
            tally.files = tally.unchanged = 0
            tally.faults.clear()
            tally.left_out.clear()


async def _all(route: Route, way: Way, sftp: Sftp, tally: Tally, mask: int) -> None:
    for source in route.sources:
        with _as_fault(tally, source):
            if route.sends:
                await _send(source, route, way, sftp, tally)
            else:
                await _fetch(source, route, way, sftp, tally, mask)


async def _send(source: End, route: Route, way: Way, sftp: Sftp, tally: Tally) -> None:
    here = os.fsencode(os.path.abspath(source.path))
    status = os.stat(here)
    target = os.fsencode(path_there(route.target.path, way.workdir))
    there = await sftp.stat(target)
    wants_directory = route.target.wants_directory or len(route.sources) > 1
    sender = Sender(sftp, way.digest, tally)
    if there is not None and not there.is_directory and (wants_directory or stat.S_ISDIR(status.st_mode)):
        raise CopyError(f"no directory: `{route.target.path}`", "name another place")
    if there is None and wants_directory:
        await _make_there(sftp, target)
    if (there is not None and there.is_directory) or wants_directory:
        if source.means_contents and stat.S_ISDIR(status.st_mode):
            return await sender.send_tree(here, target)
        target = os.path.join(target, os.path.basename(here))
        there = await sftp.stat(target)
    target = target.rstrip(b"/")
    if stat.S_ISREG(status.st_mode):
        await sender.send_file(here, target)
    elif not stat.S_ISDIR(status.st_mode):
        raise CopyError("neither a file nor a directory", "name a file or a directory")
    elif there is not None:
        await sender.send_tree(here, target)
    else:
        folder, name = os.path.split(target)
        draft = os.path.join(folder, part_name(name, 0, 0))
        await sender.send_tree(here, draft)
        await sftp.set_path(draft, mode=status.st_mode & 0o777, modified=int(status.st_mtime))
        await sftp.rename(draft, target)


async def _make_there(sftp: Sftp, path: bytes) -> None:
    """The directory with those above it."""
    above = os.path.dirname(path.rstrip(b"/"))
    if above and await sftp.stat(above) is None:
        await _make_there(sftp, above)
    await sftp.make_directory(path.rstrip(b"/"))


async def _fetch(source: End, route: Route, way: Way, sftp: Sftp, tally: Tally, mask: int) -> None:
    wanted = os.fsencode(path_there(source.path, way.workdir))
    there = await sftp.stat(wanted)
    if there is None:
        raise FileNotFoundError(2, "there is no such file or directory")
    if not (there.is_file or there.is_directory):
        raise CopyError("neither a file nor a directory", "name a file or a directory")
    wanted = await sftp.real_path(wanted)
    target = os.fsencode(os.path.abspath(route.target.path))
    is_directory = route.target.wants_directory or len(route.sources) > 1
    if is_directory:
        os.makedirs(target, exist_ok=True)
    if os.path.isdir(target):
        if source.means_contents and there.is_directory:
            return await Fetcher(sftp, way.digest, tally, Folder(target), mask).fetch_tree(wanted)
        target = os.path.join(target, _named(wanted))
    above, name = os.path.split(target)
    if there.is_file:
        return await Fetcher(sftp, way.digest, tally, Folder(above), mask).fetch_file(wanted, name, there)
    folder = Folder(above)
    if folder.status((name,)) is not None:
        folder.make((name,))
        return await Fetcher(sftp, way.digest, tally, Folder(target), mask).fetch_tree(wanted)
    draft = part_name(name, 0, 0)
    folder.make((draft,))
    await Fetcher(sftp, way.digest, tally, Folder(os.path.join(above, draft)), mask).fetch_tree(wanted)
    folder.finish((draft,), (there.mode or 0) & 0o777 & ~mask | 0o700, there.modified or 0)
    folder.rename((draft,), name)


def _named(path: bytes) -> bytes:
    name = os.path.basename(path)
    if name in (b"", b".", b"..") or b"\0" in name or is_part(name):
        raise CopyError("what is that to be called here?", "write the copy's name as the second path")
    return name


@contextmanager
def _as_fault(tally: Tally, source: End) -> Iterator[None]:
    """One source that cannot be copied does not keep the others from it."""
    try:
        yield
    except CopyError as error:
        tally.fault(os.fsencode(source.path), error.message)
    except SftpError as error:
        tally.fault(os.fsencode(source.path), str(error))
    except OSError as error:
        if error.errno is None:
            raise
        tally.fault(os.fsencode(source.path), error.strerror or str(error))
