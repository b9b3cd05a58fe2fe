"""File modes as Go's os.FileMode has them, which is what travels, and as stat(2) has them."""

from __future__ import annotations

import stat

_TYPES = {
    stat.S_IFREG: 0,
    stat.S_IFDIR: 1 << 31,
    stat.S_IFLNK: 1 << 27,
    stat.S_IFIFO: 1 << 25,
    stat.S_IFSOCK: 1 << 24,
    stat.S_IFBLK: 1 << 26,
    stat.S_IFCHR: 1 << 26 | 1 << 21,
}
_BITS = ((stat.S_ISUID, 1 << 23), (stat.S_ISGID, 1 << 22), (stat.S_ISVTX, 1 << 20))
_TYPE_MASK = sum({1 << 31, 1 << 27, 1 << 26, 1 << 25, 1 << 24, 1 << 21, 1 << 19})


def go_mode(mode: int) -> int:
    """`st_mode` as Go's; raises KeyError for a type that Go's modes do not have."""
    return mode & 0o777 | _TYPES[stat.S_IFMT(mode)] | sum(go_bit for bit, go_bit in _BITS if mode & bit)


def git_mode(mode: int) -> int:
    """`st_mode` as a clone of it has it anywhere: 0755 for directories and programs, 0644 for other files."""
    if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
        return mode
    return stat.S_IFMT(mode) | (0o755 if stat.S_ISDIR(mode) or mode & 0o111 else 0o644)


def unix_mode(mode: int) -> int:
    """Go's mode as `st_mode`; raises ValueError for a type that files here do not have."""
    for kind, bits in _TYPES.items():
        if mode & _TYPE_MASK == bits:
            return kind | mode & 0o777 | sum(bit for bit, go_bit in _BITS if mode & go_bit)
    raise ValueError(f"no such kind of file: {mode:#o}")
