"""Ask OpenSSH itself where a destination is: `ssh -G` honours Include, Match, ProxyJump and the system's files."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ez.errors import ConfigError, HostError, UsageError
from ez.models import SshEndpoint
from ez.ssh.quoting import command_line, quote, shorten

_HOST = re.compile(r"[A-Za-z0-9_\[:][A-Za-z0-9_.:%\[\]-]{0,254}")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+@$\\-]{0,127}")
_SECONDS = 30
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True)
class Resolved:
    """What OpenSSH would use for a destination. Paths are absolute; `identities` may name files that are not there.

    `proxy` is the argv of a program whose stdin and stdout reach the host, empty for a plain connection;
    `proxy_jump` and `proxy_command` are what the configuration says. `agent` is `none`, a path, or empty for the
    agent of the environment. `key_name` is the name that known_hosts files have for the host.
    """

    alias: str
    host: str
    port: int
    user: str
    identities: tuple[Path, ...]
    identities_only: bool
    proxy_jump: str
    proxy_command: str
    proxy: tuple[str, ...]
    agent: str
    key_name: str
    known_hosts: tuple[Path, ...]

    @property
    def target(self) -> str:
        """For messages: `user@host`, and the port where it is not 22."""
        return f"{self.user}@{self.host}" + (f":{self.port}" if self.port != 22 else "")

    @property
    def arguments(self) -> str:
        """For hints: what a person types after `ssh`."""
        return (f"-p {self.port} " if self.port != 22 else "") + f"{self.user}@{self.alias}"


def resolve(
    endpoint: SshEndpoint, *, environment: Mapping[str, str], home: Path, config_file: Path | None = None
) -> Resolved:
    """The values of `ssh -G` for `endpoint`, whose own user, port and identity win over the configuration's.

    Raises UsageError for a host or user name that could be anything but a name, ConfigError when OpenSSH cannot
    read the person's configuration, HostError when there is no `ssh` on this computer.
    """
    _refuse_odd_names(endpoint)
    values = _parse(_ask(endpoint, environment, config_file))
    tokens = _tokens(endpoint, values, home)
    port = int(values["port"][0])
    proxy_jump = _one(values, "proxyjump")
    proxy_command = _one(values, "proxycommand")
    host = values["hostname"][0]
    return Resolved(
        alias=endpoint.host,
        host=host,
        port=port,
        user=values["user"][0],
        identities=_paths(values.get("identityfile", []), tokens, environment, home),
        identities_only=_one(values, "identitiesonly") == "yes" or endpoint.identity is not None,
        proxy_jump=proxy_jump,
        proxy_command=proxy_command,
        proxy=_proxy(proxy_jump, proxy_command, tokens, config_file),
        agent=_agent(_one(values, "identityagent"), tokens, environment, home),
        key_name=_one(values, "hostkeyalias") or (host if port == 22 else f"[{host}]:{port}"),
        known_hosts=_known_hosts(values, tokens, environment, home),
    )


def _refuse_odd_names(endpoint: SshEndpoint) -> None:
    if not _HOST.fullmatch(endpoint.host):
        raise UsageError(f"not a host name: `{shorten(endpoint.host, 80)}`")
    if endpoint.user is not None and not _USER.fullmatch(endpoint.user):
        raise UsageError(f"not a user name: `{shorten(endpoint.user, 80)}`")
    if not 0 < endpoint.port < 65536:
        raise UsageError(f"not a port: `{endpoint.port}`")


def _ask(endpoint: SshEndpoint, environment: Mapping[str, str], config_file: Path | None) -> str:
    argv = ["ssh", "-G"]
    if config_file is not None:
        argv += ["-F", str(config_file)]
    if endpoint.user is not None:
        argv += ["-l", endpoint.user]
    if endpoint.port != 22:
        argv += ["-p", str(endpoint.port)]
    if endpoint.identity is not None:
        argv += ["-o", "IdentitiesOnly=yes"]
    if endpoint.jump:
        argv += ["-o", f"ProxyJump={endpoint.jump}"]
    try:
        done = subprocess.run(
            [*argv, "--", endpoint.host],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise HostError("no OpenSSH client on this computer: `ssh`", "sudo apt install openssh-client") from error
    except subprocess.TimeoutExpired as error:
        raise ConfigError(f"OpenSSH configuration took longer than {_SECONDS} s to read: `{endpoint.host}`") from error
    if done.returncode != 0:
        said = shorten(done.stderr.decode("utf-8", "replace"))
        raise ConfigError(f"OpenSSH configuration cannot be used for `{endpoint.host}`: {said}")
    text = done.stdout.decode("utf-8", "surrogateescape")
    if endpoint.identity is None:
        return text
    kept = [line for line in text.splitlines() if not line.startswith("identityfile ")]
    return "\n".join([*kept, f"identityfile {endpoint.identity.replace('%', '%%')}"])


def _parse(text: str) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        values.setdefault(key, []).append(value.strip())
    return values


def _one(values: Mapping[str, list[str]], key: str) -> str:
    value = values.get(key, [""])[0]
    return "" if value == "none" and key != "identityagent" else value


def _tokens(endpoint: SshEndpoint, values: Mapping[str, list[str]], home: Path) -> dict[str, str]:
    return {
        "%": "%",
        "d": str(home),
        "h": values["hostname"][0],
        "n": endpoint.host,
        "p": values["port"][0],
        "r": values["user"][0],
        "k": _one(values, "hostkeyalias") or endpoint.host,
        "i": str(os.getuid()),
    }


def _expand(text: str, tokens: Mapping[str, str]) -> str:
    return re.sub(r"%(.)", lambda found: tokens.get(found.group(1), found.group()), text)


def _paths(
    values: list[str], tokens: Mapping[str, str], environment: Mapping[str, str], home: Path
) -> tuple[Path, ...]:
    return tuple(_path(value, tokens, environment, home) for value in values if value != "none")


def _path(value: str, tokens: Mapping[str, str], environment: Mapping[str, str], home: Path) -> Path:
    text = _VARIABLE.sub(lambda found: environment.get(found.group(1), ""), _expand(value.strip('"'), tokens))
    return home / text[2:] if text.startswith("~/") else Path(text).absolute()


def _agent(value: str, tokens: Mapping[str, str], environment: Mapping[str, str], home: Path) -> str:
    if value in ("", "none"):
        return value
    if value == "SSH_AUTH_SOCK":
        return ""
    if value.startswith("$"):
        return environment.get(value.strip("${}"), "none")
    return str(_path(value, tokens, environment, home))


def _known_hosts(
    values: Mapping[str, list[str]], tokens: Mapping[str, str], environment: Mapping[str, str], home: Path
) -> tuple[Path, ...]:
    named = [_one(values, key) for key in ("userknownhostsfile", "globalknownhostsfile")]
    # `ssh -G` prints a list of paths without quotes.
    return _paths(
        [path for paths in named for path in re.split(r" (?=[/~%$])", paths) if path], tokens, environment, home
    )


def _proxy(jump: str, command: str, tokens: Mapping[str, str], config_file: Path | None) -> tuple[str, ...]:
    """A jump is OpenSSH's own `-W`, so that the jump host's keys, agent and configuration are all honoured."""
    if jump:
        return tuple(_jump(jump.split(","), f"[{tokens['h']}]:{tokens['p']}", config_file))
    if command:
        # The person's own line for their own shell; only the names that come from elsewhere are quoted.
        safe = {key: value if key == "%" else quote(value) for key, value in tokens.items()}
        return ("sh", "-c", "exec " + _expand(command, safe))
    return ()


def _jump(hosts: list[str], forward: str, config_file: Path | None) -> list[str]:
    """Not `-J`, whose own ssh would be given none of these options."""
    *earlier, last = hosts
    argv = ["ssh", *(["-F", str(config_file)] if config_file is not None else [])]
    argv += ["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ServerAliveInterval=5"]
    if earlier:
        nested = [word.replace("%", "%%") for word in _jump(earlier, "FORWARD", config_file)]
        argv += ["-o", "ProxyCommand=" + command_line(nested).replace("FORWARD", quote("[%h]:%p"))]
    return [*argv, "-W", forward, "--", last if last.startswith("ssh://") else f"ssh://{last}"]
