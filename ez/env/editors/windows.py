"""From WSL: the OpenSSH configuration of Windows, which editors of Windows read, gets the environment too.

Each environment has files of its own in `.ssh/ez` of the person's Windows profile, and one `Include` line brings all of
them in. The way in is WSL's own: `wsl.exe` runs a script here, whose path is all that Windows has to quote. OpenSSH of
Windows has no ControlMaster, and takes key files in the profile with the rights that they inherit there.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ez.env.editors.find import Desktop
from ez.errors import HostError
from ez.ssh.files import private_directory, write_atomic
from ez.ssh.include import add_include

INCLUDED = "ez/*.conf"
"""Below `.ssh`, where OpenSSH of Windows looks for relative names too."""

_PLAIN = re.compile(r"[A-Za-z0-9_./+@-]+")
_SECONDS = 20


@dataclass(frozen=True)
class Side:
    """What WSL's OpenSSH says of an alias: the user, the key file, the pinned keys and the command that leads there."""

    alias: str
    user: str
    key: Path
    key_alias: str
    known_hosts: Path
    command: str
    forward_agent: str


def publish_for_windows(
    desktop: Desktop, alias: str, options: Sequence[str], scripts: Path, aliases: Iterable[str]
) -> None:
    """Have Windows' `ssh ALIAS` lead here. `options` are what `ssh` is given here to know it, `scripts` a directory of
    ez's, `aliases` all that are published: what Windows has of others goes. Raises HostError, ConfigError."""
    side = _ask_ssh(desktop.environment, alias, options)
    folder = _profile(desktop.environment) / ".ssh" / "ez"
    folder.mkdir(parents=True, exist_ok=True)
    private_directory(scripts)
    script = scripts / alias
    write_atomic(script, f"#!/bin/sh\nexec {side.command}\n".encode(), 0o700)
    write_atomic(folder / f"{alias}.key", side.key.read_bytes(), 0o600)
    write_atomic(folder / f"{alias}.hosts", _pinned(side), 0o600)
    write_atomic(folder / f"{alias}.conf", block(side, desktop.wsl, script).encode(), 0o600)
    add_include(folder.parent / "config", INCLUDED)
    kept = {alias, *aliases}
    for file in folder.iterdir():
        if file.suffix in (".conf", ".key", ".hosts") and file.stem not in kept:
            file.unlink()


def block(side: Side, distribution: str, script: Path) -> str:
    """The `Host` block for Windows. `distribution` is `-` for the default one."""
    words = ["wsl.exe", *(() if distribution == "-" else ("-d", distribution)), "--exec", str(script)]
    odd = next((word for word in (*words, side.user, side.key_alias) if not _PLAIN.fullmatch(word)), None)
    if odd is not None:
        what = f"this cannot be written in the OpenSSH configuration of Windows: `{odd[:80]!r}`"
        raise HostError(what, "open the editor by its link in Windows")
    lines = {
        "HostName": side.alias,
        "User": side.user,
        "IdentityFile": f'"~/.ssh/ez/{side.alias}.key"',
        "IdentitiesOnly": "yes",
        "HostKeyAlias": side.key_alias,
        "UserKnownHostsFile": f'"~/.ssh/ez/{side.alias}.hosts"',
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "ForwardAgent": side.forward_agent,
        "ServerAliveInterval": "15",
        "ProxyCommand": " ".join(words),
    }
    text = "".join(f"    {key} {value}\n" for key, value in lines.items())
    return f"# Written by ez in WSL; changes are lost.\nHost {side.alias}\n{text}"


def _ask_ssh(environment: Mapping[str, str], alias: str, options: Sequence[str]) -> Side:
    text = _output(["ssh", *options, "-G", "--", alias], environment)
    values = {key: value for key, _, value in (line.partition(" ") for line in reversed(text.splitlines()))}
    try:
        return Side(
            alias,
            values["user"],
            Path(values["identityfile"].strip('"')).expanduser(),
            values["hostkeyalias"],
            Path(values["userknownhostsfile"].strip('"')).expanduser(),
            values["proxycommand"].replace("%%", "%"),
            "yes" if values.get("forwardagent") == "yes" else "no",
        )
    except KeyError as error:
        raise HostError(f"OpenSSH does not know the environment: `{alias}`", "ez env go publishes it") from error


def _pinned(side: Side) -> bytes:
    """Of the keys that are pinned here, those of this environment alone."""
    lines = side.known_hosts.read_bytes().splitlines(keepends=True)
    return b"".join(line for line in lines if line.split(b" ", 1)[0] == side.key_alias.encode())


def _profile(environment: Mapping[str, str]) -> Path:
    """The person's directory of Windows, as WSL sees it."""
    told = _output(["cmd.exe", "/d", "/c", "echo %USERPROFILE%"], environment).strip()
    if not re.match(r"[A-Za-z]:\\", told):
        raise HostError("Windows does not tell the directory of your profile", "ez env open --no-open shows the link")
    return Path(_output(["wslpath", "-u", told], environment).strip())


def _output(command: Sequence[str], environment: Mapping[str, str]) -> str:
    try:
        done = subprocess.run(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise HostError(f"`{command[0]}` could not be asked ({type(error).__name__})", "ez doctor") from error
    return done.stdout.decode("utf-8", "replace")
