"""Messages between ez and the process that evaluates Starlark: a line with the sizes of the parts, then the parts.

Nothing here imports more than the interpreter has at its start; see `ez.build.frontends.envd.child`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_HEAD = 1 << 16

INCLUDED = "<included>"
"""The module that has what was included."""

MEMORY = "memory"
"""Why a run broke."""

PRELUDE = "<ez>"
"""What the names of the language are defined in."""

RUNNER = "<run>"
"""The module that calls the build function."""


def packed(parts: Iterable[object]) -> bytes:
    """Texts; a hostile file may say something else."""
    data = [str(part).encode("utf-8", "replace") for part in parts]
    return b" ".join(b"%d" % len(one) for one in data) + b"\n" + b"".join(data)


def sizes(head: bytes | bytearray) -> list[int]:
    """The sizes that a line tells. Raises ValueError for any other line."""
    if len(head) > LONGEST_HEAD or not head.endswith(b"\n"):
        raise ValueError("no head of a message")
    return list(map(int, head.split()))


def parted(data: bytes | bytearray, wanted: list[int]) -> list[str]:
    parts, start = [], 0
    for size in wanted:
        parts.append(data[start : start + size].decode("utf-8", "replace"))
        start += size
    return parts
