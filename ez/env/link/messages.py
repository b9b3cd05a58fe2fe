"""What agents and their clients say to one another.

The messages are those of draft-ietf-sshm-ssh-agent: a length of four bytes, a byte for the kind, the rest.
"""

from __future__ import annotations

import base64
import hashlib
import socket
from contextlib import suppress
from pathlib import Path

from ez.env.link.frames import frame, read_frame

FAILURE, ASK_IDENTITIES, IDENTITIES, SIGN, EXTENSION = 5, 11, 12, 13, 27
LONGEST = 256 * 1024

_EXTENSIONS = (b"session-bind@openssh.com", b"query")
_QUICK_SECONDS = 3.0

_NOBODYS_KEY = "kFurEiUhIISmIIHbuRn/ykmo1uhbulPZPsaLSOGD4gI="
_NOBODYS_SIGNATURE = "hEn0tQdWvywq/hFA5TgFXFt9Kgw9EHC04ypRH5PnvVq4AE1jab45k7cb9woNKrkBSIXikT1Nh+zLUZPKdP95Bw=="
"""Of the words `kept by ez`. Nobody has the private half."""


def forwarded() -> bytes:
    """The request that tells an agent that others, on a host which no key is restricted to, are at this connection
    (PROTOCOL.agent of OpenSSH, 1: `session-bind@openssh.com`). Without it an agent would take them for the person's own
    programs here, and a key that `ssh-add -h` keeps to connections from here would sign for them."""
    kind = frame(b"ssh-ed25519")
    key = frame(kind + frame(base64.b64decode(_NOBODYS_KEY)))
    signature = frame(kind + frame(base64.b64decode(_NOBODYS_SIGNATURE)))
    return bytes([EXTENSION]) + frame(_EXTENSIONS[0]) + key + frame(b"kept by ez") + signature + b"\1"


def count_of(reply: bytes | None) -> int | None:
    """How many keys a list has; None for what is no list."""
    return int.from_bytes(reply[1:5], "big") if reply and len(reply) >= 5 and reply[0] == IDENTITIES else None


def keys_of(path: Path) -> int | None:
    """How many keys an agent has; None where none answers within three seconds."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_QUICK_SECONDS)
        connection.connect(str(path))
        connection.sendall(frame(bytes([ASK_IDENTITIES])))
        return count_of(read_frame(connection, LONGEST))
    return None


def passes(request: bytes) -> bool:
    """Whether it is one that changes nothing in an agent."""
    kind = request[0] if request else 0
    return _text(request, 1) in _EXTENSIONS if kind == EXTENSION else kind in (ASK_IDENTITIES, SIGN)


def key_name(request: bytes) -> str:
    """The fingerprint of the key that a signature is asked of, as `ssh-add -l` has it."""
    digest = base64.b64encode(hashlib.sha256(_text(request, 1)).digest()).decode().rstrip("=")
    return f"SHA256:{digest}"


def _text(request: bytes, at: int) -> bytes:
    length = int.from_bytes(request[at : at + 4], "big")
    return request[at + 4 : at + 4 + length]
