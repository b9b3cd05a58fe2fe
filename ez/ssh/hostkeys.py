"""Host keys: their fingerprints, the ones a person already knows, and the ones that Git servers publish."""

from __future__ import annotations

import base64
import hashlib
import subprocess
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path

from ez.errors import HostError, HostKeyError
from ez.ssh.quoting import shorten

_CERTAIN_FIRST = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")


def fingerprint(key: str) -> str:
    """`SHA256:...` of an OpenSSH public key line (`ssh-ed25519 AAAA...`), as `ssh-keygen -l` shows it."""
    digest = hashlib.sha256(key_blob(key)).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def key_blob(key: str) -> bytes:
    """The bytes of a public key line. Raises HostKeyError where it is none."""
    fields = key.split()
    try:
        blob = base64.b64decode(fields[1], validate=True)
    except (IndexError, ValueError) as error:
        raise HostKeyError(f"not a public key: `{shorten(key, 80)}`") from error
    name = fields[0].encode()
    if blob[4 : 4 + len(name)] != name:
        raise HostKeyError(f"not a public key: `{shorten(key, 80)}`")
    return blob


def known_host_keys(
    host: str, port: int, known_hosts: Iterable[Path], *, environment: Mapping[str, str]
) -> tuple[str, ...]:
    """Keys that the person's known_hosts files hold for a host, hashed entries too, ed25519 first.

    Revoked keys are left out, and so are authorities, which are no host's own key.
    """
    name = host if port == 22 or host.startswith("[") else f"[{host}]:{port}"
    found: list[str] = []
    revoked: set[str] = set()
    for file in known_hosts:
        for line in _entries(name, file, environment):
            fields = line.split()
            marked = fields[0].startswith("@")
            key = " ".join(fields[2:4] if marked else fields[1:3])
            if fields[0] == "@revoked":
                revoked.add(key)
            elif not marked:
                found.append(key)
    usable = [key for key in dict.fromkeys(found) if key not in revoked and key.split()[0] in _CERTAIN_FIRST]
    return tuple(sorted(usable, key=lambda key: _CERTAIN_FIRST.index(key.split()[0])))


def published_host_keys(host: str) -> tuple[str, ...]:
    """Keys that a well-known Git server publishes, empty for any other."""
    lines = files("ez.ssh").joinpath("published_host_keys").read_text().splitlines()
    entries = [line.split() for line in lines if line and not line.startswith("#")]
    return tuple(f"{kind} {blob}" for name, kind, blob in entries if name == host.lower())


def known_hosts_lines_for(
    host: str, port: int, known_hosts: Iterable[Path], *, environment: Mapping[str, str]
) -> tuple[str, ...]:
    """known_hosts lines for a Git server: the keys that the person knows and those that it is known to publish."""
    known = known_host_keys(host, port, known_hosts, environment=environment)
    published = published_host_keys(host) if port == 22 else ()
    name = host if port == 22 else f"[{host}]:{port}"
    return tuple(f"{name} {key}" for key in dict.fromkeys(known + published))


def _entries(name: str, file: Path, environment: Mapping[str, str]) -> list[str]:
    if not file.is_file():
        return []
    try:
        done = subprocess.run(
            ["ssh-keygen", "-F", name, "-f", str(file)],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise HostError(
            "no OpenSSH client on this computer: `ssh-keygen`", "sudo apt install openssh-client"
        ) from error
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#") and len(line.split()) >= 3]
