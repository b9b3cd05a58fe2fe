"""What Git inside is told of the person's signatures: the key, which stays at home, and how to have it used."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

GPG = "/usr/local/lib/ez/gpg"
_SSH_KEY = re.compile(r"(?:ssh|ecdsa|sk)-[a-z0-9@.-]+ [A-Za-z0-9+/=]+")


def signing_lines(setting: Callable[[str], str], directory: Path) -> list[str]:
    """Lines of a Git configuration, none where the person signs nothing. `setting` gives a value of theirs; paths
    begin at `directory`.

    Commits are signed unasked where they are at home, if the key is one of the SSH agent, which is there in any case.
    """
    key, is_ssh = setting("user.signingkey"), setting("gpg.format") == "ssh"
    shown = _ssh_key(key, directory) if is_ssh else key
    if not shown or any(not character.isprintable() for character in shown):
        return []
    quoted = shown.replace("\\", "\\\\").replace('"', '\\"')
    lines = ["[user]", f'\tsigningkey = "{quoted}"', "[gpg]", f"\tprogram = {GPG}"]
    if is_ssh:
        lines.append("\tformat = ssh")
        for what in ("commit", "tag"):
            if setting(f"{what}.gpgsign").lower() in ("true", "yes", "on", "1"):
                lines += [f"[{what}]", "\tgpgsign = true"]
    return lines


def _ssh_key(text: str, directory: Path) -> str:
    """The public key, as Git takes it in place of a file; empty where there is none."""
    literal = text.removeprefix("key::")
    if not _SSH_KEY.match(literal):
        literal = _public_half(directory / Path(text).expanduser()) if text else ""
    found = _SSH_KEY.match(literal)
    if found is None:
        return ""
    # Git 2.34 knows no `key::` yet, and that keys begin with `ssh-`.
    return found[0] if found[0].startswith("ssh-") else f"key::{found[0]}"


def _public_half(path: Path) -> str:
    for file in (path, path.with_name(f"{path.name}.pub")):
        try:
            with file.open(encoding="ascii", errors="replace") as lines:
                line = lines.readline(20_000)
        except OSError:
            continue
        if _SSH_KEY.match(line):
            return line
    return ""
