"""The document that a new machine of a cloud is given: who may log in, its host key, and what it prepares by itself
while ez does other things.

There is a private key in it. It lives in memory, on its way to the cloud, and on the machine, which keeps it for root.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ez.errors import UsageError
from ez.names import shown

LIMIT = 65_535
"""Bytes before base64 that Azure takes (learn.microsoft.com/azure/virtual-machines/custom-data). AWS takes fewer, and
packed ones."""

_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}", re.ASCII)
_KEY = re.compile(r"(?:ssh-[a-z0-9]+|ecdsa-[a-z0-9-]+|sk-[a-z0-9@.-]+) [A-Za-z0-9+/=]+(?: [ -~]*)?", re.ASCII)


@dataclass(frozen=True)
class HostKey:
    """An ed25519 key pair: `public` is a line as in known_hosts, `private` OpenSSH's PEM text."""

    public: str
    private: str = field(repr=False)


@dataclass(frozen=True)
class File:
    """A file that is written before any command runs. `mode` is octal, as chmod takes it."""

    path: str
    content: str = field(repr=False)
    mode: str = "0644"


def host_key() -> HostKey:
    """A new host key, so that the first connection to the machine can be verified already."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    return HostKey(key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode(), private.decode())


def document(
    user: str,
    public_key: str,
    key: HostKey,
    *,
    files: Sequence[File] = (),
    commands: Sequence[Sequence[str]] = (),
) -> str:
    """A `#cloud-config` document (its JSON is YAML). `commands` are argv lists, run once as root, in order.

    Raises UsageError for a user or key that cannot be used, and for a document of more than LIMIT bytes.
    """
    text = "#cloud-config\n" + json.dumps(
        {**_access(user, public_key.strip(), key), **_preparation(files, commands)}, ensure_ascii=False
    )
    size = len(text.encode())
    if size > LIMIT:
        raise UsageError(f"too much to prepare at the first start: {size} bytes", f"keep it below {LIMIT} bytes")
    return text


def _access(user: str, public_key: str, key: HostKey) -> Mapping[str, Any]:
    """The image's own host keys go: every machine of the image has those."""
    if not _USER.fullmatch(user):
        raise UsageError(f"not a user name for a new machine: `{shown(user)}`", "use a-z, 0-9, - and _, at most 32")
    if not _KEY.fullmatch(public_key):
        raise UsageError(f"not a public SSH key: `{shown(public_key)}`", "give the one line of a `.pub` file")
    person = {
        "name": user,
        "shell": "/bin/bash",
        "lock_passwd": True,
        "sudo": "ALL=(ALL) NOPASSWD:ALL",
        "ssh_authorized_keys": [public_key],
    }
    return {
        "users": [person],
        "disable_root": True,
        "ssh_pwauth": False,
        "ssh_deletekeys": True,
        "ssh_keys": {"ed25519_private": key.private, "ed25519_public": key.public},
    }


def _preparation(files: Sequence[File], commands: Sequence[Sequence[str]]) -> Mapping[str, Any]:
    written = [{"path": file.path, "content": file.content, "permissions": file.mode} for file in files]
    wanted = {"write_files": written, "runcmd": [[*command] for command in commands]}
    return {name: value for name, value in wanted.items() if value}
