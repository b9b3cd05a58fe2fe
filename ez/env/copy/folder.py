"""A directory of this computer that files from elsewhere go into, and nowhere else.

Each step down is made without following links, whatever the other side calls its files and whatever was made here
before: what is written is below the directory, or refused.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

Names = tuple[bytes, ...]
"""The way down from the directory, one name after the other."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Folder:
    """The directory at `top`, which is there; links to it are the person's own and are followed."""

    def __init__(self, top: bytes) -> None:
        self.top = top

    @contextmanager
    def opened(self, names: Names) -> Iterator[int]:
        """A descriptor of a directory below. Raises OSError where a name is a link or no directory."""
        descriptor = os.open(self.top, _DIRECTORY)
        try:
            for name in names:
                below = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = below
            yield descriptor
        finally:
            os.close(descriptor)

    def make(self, names: Names) -> bool:
        """Have a directory; whether it was made. Raises OSError where something else is there."""
        with self.opened(names[:-1]) as above:
            try:
                os.mkdir(names[-1], 0o700, dir_fd=above)
            except FileExistsError:
                if not stat.S_ISDIR(os.stat(names[-1], dir_fd=above, follow_symlinks=False).st_mode):
                    raise OSError(errno.ENOTDIR, "something that is no directory is there") from None
                return False
            return True

    def entries(self, names: Names) -> set[bytes]:
        with self.opened(names) as here:
            return {os.fsencode(name) for name in os.listdir(here)}

    def status(self, names: Names) -> os.stat_result | None:
        """What is there itself, never what a link leads to."""
        with self.opened(names[:-1]) as above, suppress(FileNotFoundError):
            return os.stat(names[-1], dir_fd=above, follow_symlinks=False)
        return None

    def open(self, names: Names, flags: int) -> int:
        """A file to write, which is nobody's else until it is whole."""
        with self.opened(names[:-1]) as above:
            return os.open(names[-1], flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600, dir_fd=above)

    def rename(self, names: Names, name: bytes) -> None:
        with self.opened(names[:-1]) as above:
            os.rename(names[-1], name, src_dir_fd=above, dst_dir_fd=above)

    def remove(self, names: Names) -> None:
        with self.opened(names[:-1]) as above:
            os.unlink(names[-1], dir_fd=above)

    def link(self, target: bytes, names: Names) -> bool:
        """Have a link; whether it had to be made. Raises OSError where a directory is there."""
        there = self.status(names)
        with self.opened(names[:-1]) as above:
            if there is not None:
                if stat.S_ISLNK(there.st_mode) and os.readlink(names[-1], dir_fd=above) == target:
                    return False
                os.unlink(names[-1], dir_fd=above)
            os.symlink(target, names[-1], dir_fd=above)
        return True

    def finish(self, names: Names, mode: int, modified: int) -> None:
        """Give a directory its mode and time."""
        with self.opened(names) as here:
            os.fchmod(here, mode)
            os.utime(here, (modified, modified))


def leads_out(target: bytes, names: Sequence[bytes]) -> bool:
    """Whether a link at `names` of a directory leads out of that directory, as its text says."""
    parts = [part for part in target.split(b"/") if part not in (b"", b".")]
    up = next((index for index, part in enumerate(parts) if part != b".."), len(parts))
    # A name before `..` may be a link itself, and then nobody can tell where that is.
    return target.startswith(b"/") or up > len(names) - 1 or b".." in parts[up:]
