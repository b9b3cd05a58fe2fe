"""Private key files that sign as an SSH agent does, for builds to which a file is lent instead of an agent.

Agent protocol: draft-ietf-sshm-ssh-agent; signature flags 2 and 4 ask for RSA with SHA-256 and SHA-512.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ez.errors import UsageError

LIST_KEYS = 11
SIGN = 13
REFUSED = struct.pack(">IB", 1, 5)
"""The agent's answer to what it does not do."""

_KEYS = 12
_SIGNATURE = 14
_RSA = ((4, "rsa-sha2-512"), (2, "rsa-sha2-256"))


class Keys:
    """Loaded keys, by their public halves as they travel."""

    def __init__(self, keys: dict[bytes, Any]) -> None:
        self._keys = keys

    def answer(self, request: bytes) -> bytes:
        """The answer to one request, both with their length in front."""
        kind, rest = request[4], request[5:]
        if kind == LIST_KEYS:
            listed = b"".join(_string(blob) + _string(b"") for blob in self._keys)
            return _message(_KEYS, struct.pack(">I", len(self._keys)) + listed)
        try:
            blob, rest = _taken(rest)
            data, rest = _taken(rest)
            (flags,) = struct.unpack(">I", rest)
        except struct.error:
            return REFUSED
        key = self._keys.get(blob)
        if kind != SIGN or key is None:
            return REFUSED
        algorithm = next((name for bit, name in _RSA if flags & bit), None) if key.get_name() == "ssh-rsa" else ""
        if algorithm is None:
            return REFUSED
        return _message(_SIGNATURE, _string(key.sign_ssh_data(data, algorithm or None).asbytes()))


def load_keys(paths: Iterable[Path]) -> Keys:
    """Raises UsageError for a file that is no private key, or one with a passphrase."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from paramiko import PKey
    from paramiko.ssh_exception import SSHException

    keys = {}
    for path in paths:
        try:
            key = PKey.from_path(path)
        except OSError as error:
            raise UsageError(f"cannot read the key file `{path}`: {error.strerror}", f"chmod u+r '{path}'") from error
        except TypeError as error:
            raise UsageError(
                f"the key file has a passphrase: `{path}`", f"ssh-add '{path}' and lend the agent"
            ) from error
        except (ValueError, UnsupportedAlgorithm, SSHException) as error:
            raise UsageError(f"not a private key: `{path}`", "name a socket or a private key file") from error
        keys[key.asbytes()] = key
    return Keys(keys)


def _message(kind: int, content: bytes) -> bytes:
    return struct.pack(">IB", len(content) + 1, kind) + content


def _string(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


def _taken(content: bytes) -> tuple[bytes, bytes]:
    """The first string of `content`, and the rest."""
    (length,) = struct.unpack(">I", content[:4])
    if len(content) < 4 + length:
        raise struct.error("too short")
    return content[4 : 4 + length], content[4 + length :]
