"""Copy, and begin again where the connection was lost: what is there already does not travel twice."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from ez.build.running import run
from ez.env.copy.ends import End, Route, path_there
from ez.env.copy.globs import expand
from ez.env.copy.places import Job, fetch, send
from ez.env.copy.sftp import SftpError, open_sftp
from ez.env.copy.way import Way
from ez.env.copy.work import Checks, Tally
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


def copy(
    route: Route,
    way: Way,
    tally: Tally,
    mask: int,
    again: Sequence[float] = PAUSES,
    *,
    checksum: bool = False,
) -> Copied:
    """Do it. `mask` are permission bits that files here do not get; `again` seconds before each new try. With
    `checksum` files of one size count as the same by what is in them, and not by their times.

    Raises CopyError for what could not be copied, after all else was; HostUnreachableError where the environment
    cannot be entered, LinkLostError where the connection is lost again and again.
    """
    run(_copy(route, way, tally, mask, again, checksum))
    tally.sink(Progress("copy", tally.travelled, tally.files))
    if tally.faults:
        told = "\n".join(f"  {path}: {reason}" for path, reason in tally.faults[:_TOLD])
        more = f"\n  and {len(tally.faults) - _TOLD} more" if len(tally.faults) > _TOLD else ""
        raise CopyError(f"{len(tally.faults)} could not be copied:\n{told}{more}", "the same command copies the rest")
    return Copied(tally.files, tally.unchanged, tally.travelled, tally.resumed, tuple(tally.left_out))


async def _copy(route: Route, way: Way, tally: Tally, mask: int, again: Sequence[float], checksum: bool) -> None:
    # Who interrupts a copy is not told of each part of it that ends.
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    is_first, moved = True, -1
    pauses = list(again)
    while True:
        try:
            async with open_sftp(way.sftp, way.environment) as sftp, way.digests() as digest:
                is_first = False
                await _all(Job(route, way, sftp, Checks(digest, checksum), tally, mask))
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


async def _all(job: Job) -> None:
    sources = await _sources(job)
    job = replace(job, route=replace(job.route, sources=sources))
    for source in sources:
        with _as_fault(job.tally, source):
            await (send(job, source) if job.route.sends else fetch(job, source))


async def _sources(job: Job) -> tuple[End, ...]:
    """What the person named, in an environment also by patterns."""
    if job.route.sends:
        return job.route.sources
    found: list[End] = []
    for source in job.route.sources:
        with _as_fault(job.tally, source):
            path = os.fsencode(path_there(source.path, job.way.workdir))
            matches = await expand(job.sftp, path)
            home = await job.sftp.real_path(b".") if matches != [path] else b""
            found += [replace(source, path=os.fsdecode(os.path.join(home, match))) for match in matches if home]
            found += [] if home else [source]
    return tuple(found)


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
