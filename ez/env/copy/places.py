"""Where a source lands: where `cp -r` would put it, and under its name only when all of it is there."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from ez.env.copy.ends import End, Route, path_there
from ez.env.copy.fetch import Fetcher
from ez.env.copy.folder import Folder
from ez.env.copy.send import Sender
from ez.env.copy.sftp import Sftp
from ez.env.copy.way import Way
from ez.env.copy.work import Checks, Tally, is_part, part_name
from ez.errors import CopyError


@dataclass(frozen=True)
class Job:
    """All of one copy on one connection. `mask` are permission bits that nothing here gets."""

    route: Route
    way: Way
    sftp: Sftp
    checks: Checks
    tally: Tally
    mask: int

    @property
    def wants_directory(self) -> bool:
        return self.route.target.wants_directory or len(self.route.sources) > 1


async def send(job: Job, source: End) -> None:
    here = os.fsencode(os.path.abspath(source.path))
    status = os.stat(here)
    target = os.fsencode(path_there(job.route.target.path, job.way.workdir))
    there = await job.sftp.stat(target)
    sender = Sender(job.sftp, job.checks, job.tally)
    if there is not None and not there.is_directory and (job.wants_directory or stat.S_ISDIR(status.st_mode)):
        raise CopyError(f"no directory: `{job.route.target.path}`", "name another place")
    if there is None and job.wants_directory:
        await _make_there(job.sftp, target)
    if (there is not None and there.is_directory) or job.wants_directory:
        if source.means_contents and stat.S_ISDIR(status.st_mode):
            return await sender.send_tree(here, target)
        target = os.path.join(target, os.path.basename(here))
        there = await job.sftp.stat(target)
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
        await job.sftp.set_path(draft, mode=status.st_mode & 0o777, modified=int(status.st_mtime))
        await job.sftp.rename(draft, target)


async def _make_there(sftp: Sftp, path: bytes) -> None:
    """The directory with those above it."""
    above = os.path.dirname(path.rstrip(b"/"))
    if above and await sftp.stat(above) is None:
        await _make_there(sftp, above)
    await sftp.make_directory(path.rstrip(b"/"))


async def fetch(job: Job, source: End) -> None:
    wanted = os.fsencode(path_there(source.path, job.way.workdir))
    there = await job.sftp.stat(wanted)
    if there is None:
        raise FileNotFoundError(2, "there is no such file or directory")
    if not (there.is_file or there.is_directory):
        raise CopyError("neither a file nor a directory", "name a file or a directory")
    wanted = await job.sftp.real_path(wanted)
    target = os.fsencode(os.path.abspath(job.route.target.path))
    if job.wants_directory:
        os.makedirs(target, exist_ok=True)
    if os.path.isdir(target):
        if source.means_contents and there.is_directory:
            return await _fetcher(job, target).fetch_tree(wanted)
        target = os.path.join(target, _named(wanted))
    above, name = os.path.split(target)
    if there.is_file:
        return await _fetcher(job, above).fetch_file(wanted, name, there)
    folder = Folder(above)
    if folder.status((name,)) is not None:
        folder.make((name,))
        return await _fetcher(job, target).fetch_tree(wanted)
    draft = part_name(name, 0, 0)
    folder.make((draft,))
    await _fetcher(job, os.path.join(above, draft)).fetch_tree(wanted)
    folder.finish((draft,), (there.mode or 0) & 0o777 & ~job.mask | 0o700, there.modified or 0)
    folder.rename((draft,), name)


def _fetcher(job: Job, folder: bytes) -> Fetcher:
    return Fetcher(job.sftp, job.checks, job.tally, Folder(folder), job.mask)


def _named(path: bytes) -> bytes:
    name = os.path.basename(path)
    if name in (b"", b".", b"..") or b"\0" in name or is_part(name):
        raise CopyError("what is that to be called here?", "write the copy's name as the second path")
    return name
