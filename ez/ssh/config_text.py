"""What ez publishes for OpenSSH, as text: `ssh_config` blocks and `known_hosts` lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ez.errors import ConfigError, UsageError
from ez.ssh.hostkeys import key_blob
from ez.ssh.quoting import command_line, shorten

LOCAL = "local"
"""What this computer is called in an environment's alias."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+@$-]{0,127}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UNSAFE_PATH = re.compile(r"[\x00-\x1f\x7f\"\\*?\[]|\$\{")

_HEADER = "# Written by ez; changes are lost. `ez config reset` removes this file and the line that includes it.\n"
_COMMON = (
    ("StrictHostKeyChecking", "yes"),
    # Only the pinned keys count, whatever a `Host *` of the person's or the system's says.
    ("GlobalKnownHostsFile", "/dev/null"),
    ("VerifyHostKeyDNS", "no"),
    ("NoHostAuthenticationForLocalhost", "no"),
    ("UpdateHostKeys", "no"),
    ("AddKeysToAgent", "no"),
    ("ControlMaster", "auto"),
    ("ControlPersist", "600"),
    ("ServerAliveInterval", "15"),
    ("ServerAliveCountMax", "3"),
)


@dataclass(frozen=True)
class ComputerEntry:
    """A computer: how the person's configuration reaches it, and its pinned host keys."""

    name: str
    host: str
    port: int
    user: str
    host_keys: tuple[str, ...]
    identities: tuple[str, ...] = ()
    identities_only: bool = False
    proxy_jump: str = ""
    proxy_command: str = ""
    agent: str = ""


@dataclass(frozen=True)
class EnvironmentEntry:
    """An environment on `computer`. `attach` is the argv, run there, that speaks SSH on stdin and stdout."""

    name: str
    computer: str
    user: str
    attach: tuple[str, ...]
    host_keys: tuple[str, ...]
    forward_agent: bool = True


@dataclass(frozen=True)
class Places:
    """Files that the blocks name. `inner` is the configuration for a nested ssh, None for its default."""

    known_hosts: Path
    key: Path
    control: Path
    inner: Path | None


def computer_alias(name: str) -> str:
    """What OpenSSH calls a computer. Raises UsageError for a name that is none."""
    return f"ez-{checked_name(name)}"


def environment_alias(name: str, computer: str | None = None) -> str:
    """`NAME.ez`, or `NAME.COMPUTER.ez`, which is unique. Raises UsageError for a name that is none."""
    return f"{checked_name(name)}.ez" if computer is None else f"{checked_name(name)}.{checked_name(computer)}.ez"


def checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise UsageError(f"not a name: `{shorten(name, 80)}`", "use lower-case letters, digits and `-`")
    return name


def checked_path(path: Path) -> str:
    """A path that OpenSSH's configuration can hold. Raises ConfigError for the rare one that it cannot."""
    if _UNSAFE_PATH.search(str(path)):
        raise ConfigError(f"path cannot be written in an OpenSSH configuration: `{shorten(repr(str(path)))}`")
    return str(path)


def render_config(computers: Iterable[ComputerEntry], environments: Sequence[EnvironmentEntry], places: Places) -> str:
    """The whole file. Of environments with one name, the last has the short alias."""
    newest = {environment.name: environment for environment in environments}
    blocks = [_computer_block(computer, places) for computer in computers]
    blocks += [_environment_block(entry, newest[entry.name] is entry, places) for entry in environments]
    return "\n".join([_HEADER, *blocks])


def render_known_hosts(computers: Iterable[ComputerEntry], environments: Iterable[EnvironmentEntry]) -> str:
    entries: list[ComputerEntry | EnvironmentEntry] = [*computers, *environments]
    lines = [f"{_key_name(entry)} {_checked_key(key)}\n" for entry in entries for key in entry.host_keys]
    return _HEADER + "".join(lines)


def _computer_block(entry: ComputerEntry, places: Places) -> str:
    return _block(
        [computer_alias(entry.name)],
        [
            ("HostName", _plain(entry.host)),
            ("Port", str(entry.port)),
            ("User", _user(entry.user)),
            *(("IdentityFile", _quoted(Path(identity))) for identity in entry.identities),
            *([("IdentitiesOnly", "yes")] if entry.identities_only else []),
            *([("IdentityAgent", _quoted(Path(entry.agent)))] if entry.agent else []),
            _proxy(entry),
        ],
        entry,
        places,
    )


def _environment_block(entry: EnvironmentEntry, has_short_alias: bool, places: Places) -> str:
    long = environment_alias(entry.name, entry.computer)
    return _block(
        [*([environment_alias(entry.name)] if has_short_alias else []), long],
        [
            ("HostName", long),
            ("User", _user(entry.user)),
            ("IdentityFile", _quoted(places.key)),
            ("IdentitiesOnly", "yes"),
            ("ForwardAgent", "yes" if entry.forward_agent else "no"),
            ("ProxyCommand", _attach(entry, places.inner).replace("%", "%%")),
        ],
        entry,
        places,
    )


def _block(
    aliases: list[str],
    options: list[tuple[str, str]],
    entry: ComputerEntry | EnvironmentEntry,
    places: Places,
) -> str:
    files = [
        ("HostKeyAlias", _key_name(entry)),
        ("UserKnownHostsFile", _quoted(places.known_hosts)),
        ("ControlPath", _quoted(places.control / "CONTROL").replace("CONTROL", "%C")),
    ]
    lines = [f"    {key} {value}\n" for key, value in (*options, *files, *_COMMON)]
    return f"Host {' '.join(aliases)}\n{''.join(lines)}"


def _proxy(entry: ComputerEntry) -> tuple[str, str]:
    """Said also where there is none, since a `Host *` of the person's comes after."""
    if entry.proxy_command:
        return ("ProxyCommand", _plain(entry.proxy_command))
    return ("ProxyJump", _plain(entry.proxy_jump or "none"))


def _attach(entry: EnvironmentEntry, inner: Path | None) -> str:
    remote = command_line(entry.attach)
    _plain(remote)
    if entry.computer == LOCAL:
        return remote
    config = ["-F", checked_path(inner)] if inner is not None else []
    # -a: the agent goes into the environment over the inner connection, and the computer has no use for it.
    return command_line(["ssh", "-a", "-T", *config, computer_alias(entry.computer), remote])


def _key_name(entry: ComputerEntry | EnvironmentEntry) -> str:
    if isinstance(entry, ComputerEntry):
        return f"ez-computer-{checked_name(entry.name)}"
    return f"ez-environment-{environment_alias(entry.name, entry.computer)}"


def _quoted(path: Path) -> str:
    return '"' + checked_path(path).replace("%", "%%") + '"'


def _plain(value: str) -> str:
    if not value or _CONTROL.search(value):
        raise ConfigError(f"value cannot be written in an OpenSSH configuration: `{shorten(repr(value))}`")
    return value


def _user(value: str) -> str:
    if not _USER.fullmatch(value):
        raise UsageError(f"not a user name: `{shorten(value, 80)}`")
    return value


def _checked_key(key: str) -> str:
    key_blob(key)
    return " ".join(key.split()[:2])
