"""The bytes of one LLB operation, and their digest.

BuildKit 0.17 and later decode every operation, encode it again with Go's protobuf and go by the digest of that.
Go writes a oneof after all other fields, Python by field number; so the oneof is appended by hand here, and the
digests in the engine's progress and errors are the ones computed here on every engine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ez.build.buildkit.messages import llb

EMPTY = -1
"""The index that says "the empty file system" or "no output"; 0 would mean the first input."""

_FIELDS = {"exec": 2, "source": 3, "file": 4, "merge": 6, "diff": 7}


@dataclass(frozen=True)
class Output:
    """An output of an operation: the operation's digest and the number of the output."""

    digest: str
    index: int = 0


@dataclass(frozen=True)
class Operation:
    """An operation's bytes and the capabilities it relies on."""

    content: bytes
    capabilities: tuple[str, ...]


class Inputs:
    """The inputs of one operation, each output once, in order of first use."""

    def __init__(self) -> None:
        self._numbers: dict[Output, int] = {}

    def number(self, output: Output | None) -> int:
        """The index to refer to `output` with; `EMPTY` for None, the empty file system."""
        if output is None:
            return EMPTY
        return self._numbers.setdefault(output, len(self._numbers))

    def __len__(self) -> int:
        return len(self._numbers)

    def messages(self) -> list[Any]:
        return [llb.Input(digest=output.digest, index=output.index) for output in self._numbers]


def encode(kind: str, body: Any, inputs: Iterable[Any] = (), platform: Any = None) -> bytes:
    """An operation's bytes. `kind` names the oneof's field; `inputs` and `platform` are messages."""
    head = llb.Op(inputs=inputs, platform=platform, constraints=llb.WorkerConstraints())
    content: bytes = body.SerializeToString(deterministic=True)
    tag = bytes([_FIELDS[kind] << 3 | 2])
    before: bytes = head.SerializeToString(deterministic=True)
    return before + tag + _varint(len(content)) + content


def encode_terminal(output: Output) -> bytes:
    """The bytes of the last operation of a definition, which names what to return."""
    return bytes(llb.Op(inputs=[llb.Input(digest=output.digest, index=output.index)]).SerializeToString())


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
