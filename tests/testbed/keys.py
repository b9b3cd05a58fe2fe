"""SSH keys of the testbed, made by ssh-keygen and kept in its state folder."""

from pathlib import Path

from .shell import run


def ensure_key(path: Path, comment: str) -> Path:
    """Make an ed25519 key pair at `path` (and `path`.pub) unless it is there."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path))
    return path


def public_half(key: Path) -> str:
    """`ssh-ed25519 AAAA... comment` of the key pair at `key`."""
    return key.with_name(key.name + ".pub").read_text().strip()


def known_hosts_lines(hosts: list[str], public_key: str) -> str:
    """What a known_hosts file says of `hosts` (`[host]:port` where the port is not 22)."""
    kind, blob = public_key.split()[:2]
    return "".join(f"{host} {kind} {blob}\n" for host in hosts)
