"""The settings of one run: every layer put on the one below it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ez.config.directories import Directories, find_directories
from ez.config.files import Values, check_value, read_file
from ez.config.keys import KEYS, PERSONAL, PROJECT_FILE, SECRETS, TOOLS, Key
from ez.config.shares import TABLE
from ez.config.workspaces import (
    NAME,
    PLACE,
    RepoWorkspace,
    checked_name,
    is_kept,
    leaves_cloud,
    own_file,
    read_own,
    repo_workspace,
    without_place,
)
from ez.errors import ConfigError, UsageError
from ez.models import Network, Workspace
from ez.names import shown


@dataclass(frozen=True)
class Settings:
    """Every setting with its final value, and where each came from (`sources`, key -> words for a person).

    `project` is the repo that was looked at; `repo_workspace` is what it says of a workspace, used or not."""

    directories: Directories
    values: Mapping[str, str | bool | int]
    sources: Mapping[str, str]
    environment: Mapping[str, str] = field(repr=False)
    project: Path | None = None
    repo_workspace: RepoWorkspace | None = None

    def text(self, key: str) -> str:
        return str(self.values[key])

    def flag(self, key: str) -> bool:
        return bool(self.values[key])

    @property
    def ssh_config(self) -> Path:
        """The person's OpenSSH configuration file."""
        chosen = self.text("ssh.config")
        return Path(os.path.expanduser(chosen)) if chosen else self.directories.home / ".ssh" / "config"

    @property
    def agent_socket(self) -> Path | None:
        """The socket of the person's SSH agent, None when none is announced."""
        path = self.environment.get("SSH_AUTH_SOCK", "")
        return Path(path) if path else None

    @property
    def docker_config(self) -> Path:
        """The Docker CLI's own settings, which know how to log in to registries."""
        return Path(self.environment.get("DOCKER_CONFIG") or self.directories.home / ".docker") / "config.json"

    @property
    def offered(self) -> RepoWorkspace | None:
        """The repo's workspace while it waits for the person to accept it."""
        found = self.repo_workspace
        return found if found is not None and found.asked and not found.accepted else None

    @property
    def names_computer_unasked(self) -> bool:
        """Whether a repo that nobody accepted says which computer commands use."""
        used = self.repo_workspace is not None and self.repo_workspace.accepted
        return self.sources["defaults.computer"] == PROJECT_FILE and not used

    def workspace(self, provider: str = "") -> Workspace:
        """The defaults for machines of clouds; of `provider` where that is another one, with what holds for any."""
        chosen = self.text("workspace.provider") or ("azure" if self.text("azure.endpoint") else "")
        wanted = self._cloud(provider or chosen, asked=bool(provider))
        own = wanted == chosen
        return Workspace(
            name=self.text("workspace.name"),
            provider=wanted,
            account=self.text("workspace.account") if own else "",
            tenant=self.text("workspace.tenant") if own else "",
            regions=tuple(self.text("workspace.regions").split()) if own else (),
            network=self.text("workspace.network") if own else "",
            registry=self.text("cache.registry"),
            endpoint=self.text(f"{wanted}.endpoint") if wanted else "",
            owner=self._owner(),
            idle_minutes=self._idle(),
            private=self.flag("workspace.private"),
            jump=self.text("workspace.jump"),
            stop_daily=self._stop_daily(),
        )

    def _cloud(self, name: str, *, asked: bool) -> str:
        """The provider of that name, where machines are made; empty is none yet."""
        if not name or f"{name}.endpoint" in KEYS:
            return name
        if asked:
            raise UsageError(f"no such cloud: `{shown(name)}`", "use -p azure or -p aws")
        what = f"`workspace.provider` is no cloud that ez knows: `{shown(name)}`"
        raise ConfigError(f"{what} ({self.sources['workspace.provider']})", "use azure or aws")

    @property
    def shares(self) -> tuple[tuple[str, str], ...]:
        """The shares of the workspace by their names, as `SOURCE:TARGET`, without those that are left out."""
        told = sorted((key.removeprefix(TABLE), str(self.values[key])) for key in self.values if key.startswith(TABLE))
        return tuple((name, text) for name, text in told if text)

    @property
    def secrets(self) -> dict[str, tuple[str, bool]]:
        """The table `[secrets]`: name -> its form, and whether only a repo says so. An empty form leaves it out."""
        told = {key.removeprefix(SECRETS): key for key in self.values if key.startswith(SECRETS)}
        return {
            name: (str(self.values[key]), self.sources[key] == PROJECT_FILE)
            for name, key in sorted(told.items())
            if self.values[key]
        }

    def _owner(self) -> str:
        login = self.environment.get("USER") or self.environment.get("LOGNAME")
        return self.text("workspace.owner") or login or "me"

    def _idle(self) -> int:
        text = self.text("workspace.idle")
        if text in ("never", "off", "0"):
            return 0
        if text.isascii() and text.isdigit() and 5 <= int(text[:6]) <= 10_080:
            return int(text)
        what = f"`workspace.idle` is a number of minutes from 5 to 10080, or never: `{text}`"
        raise ConfigError(what, "ez config set workspace.idle 30")

    def _stop_daily(self) -> str:
        text = self.text("workspace.stop_daily")
        if text and not re.fullmatch(r"never|([01]\d|2[0-3])[0-5]\d", text, re.ASCII):
            what = f"`workspace.stop_daily` is a time of the day in UTC as HHMM, or never: `{text}`"
            raise ConfigError(what, "ez config set workspace.stop_daily 1900")
        return text

    def network(self) -> Network:
        """Read the certificate file and gather what every download goes through."""
        names = {"apt_debian": "apt.debian", "apt_ubuntu": "apt.ubuntu", "registry": "registry"}
        names |= {name: name for name in ("nvidia", "nvidia_toolkit")}
        names |= {name: f"tool.{name}" for name in TOOLS}
        mirrors = {name: self.text(f"mirrors.{key}") for key, name in names.items()}
        return Network(
            http_proxy=self.text("network.http_proxy"),
            https_proxy=self.text("network.https_proxy"),
            no_proxy=self.text("network.no_proxy"),
            pip_index=self.text("network.pip_index"),
            pip_extra_index=self.text("network.pip_extra_index"),
            mirrors=tuple((name, url) for name, url in sorted(mirrors.items()) if url),
            ca_bundle=self._ca_bundle(),
        )

    def _ca_bundle(self) -> str:
        name = self.text("network.ca_bundle")
        if name == "none" or not name:
            return ""
        try:
            text = Path(os.path.expanduser(name)).read_text("utf-8", "replace")
        except OSError as error:
            raise ConfigError(
                f"the certificate file cannot be read: `{name}` ({error.strerror})",
                f"correct `network.ca_bundle` ({self.sources['network.ca_bundle']})",
            ) from error
        if "-----BEGIN CERTIFICATE-----" not in text:
            raise ConfigError(f"no PEM certificate in `{name}`", "set `network.ca_bundle` to a PEM file")
        return text


def resolve(
    *,
    environment: Mapping[str, str] | None = None,
    project: Path | None = None,
    flags: Mapping[str, str | bool | int] | None = None,
) -> Settings:
    """Settings from all sources. `project` is the directory of the repo, if there is one on this computer.

    Raises ConfigError for a file that cannot be read or holds an unknown key or a value of the wrong type.
    """
    environment = dict(os.environ) if environment is None else environment
    directories = find_directories(environment)
    user = read_file(directories.user_file)
    repo = read_file(project / PROJECT_FILE, refused=PERSONAL) if project is not None else {}
    variables, given = _from_environment(environment), dict(flags or {})
    asked = str(given.get(NAME) or variables.get(NAME) or "")
    offered = repo_workspace(project, repo, directories, asked) if project is not None else None
    used = offered if offered is not None and offered.counts else None
    name = checked_name(str(asked or (used.name if used else user.get(NAME, KEYS[NAME].default))), "workspace.name")
    own = read_own(directories, name)
    layers = [
        ("default", _system_certificates()),
        (str(directories.user_file), without_place(user) if own or used else user),
        (PROJECT_FILE, {key: value for key, value in repo.items() if used or not is_kept(key)}),
        (str(own_file(directories, name)), own),
        ("", variables),
        ("command line", given),
    ]
    values, sources = _laid_on_one_another(layers, environment)
    if not values["cache.registry"] and values["workspace.registry"]:
        values["cache.registry"] = values["workspace.registry"]
        sources["cache.registry"] = f"workspace {name} ({sources['workspace.registry']})"
    return Settings(directories, values, sources, environment, project, offered)


def project_at(directory: Path) -> Path:
    """Where the `ez.toml` for a directory is looked for: the nearest above it that has one, no further up than the top
    of its Git work tree; itself where there is none."""
    for place in (directory, *directory.parents):
        if (place / PROJECT_FILE).exists():
            return place
        if (place / ".git").exists():
            break
    return directory


def _laid_on_one_another(
    layers: Iterable[tuple[str, Mapping[str, str | bool | int]]], environment: Mapping[str, str]
) -> tuple[Values, dict[str, str]]:
    """The values, and where each comes from. A layer's name is empty for the variables of the environment."""
    values: Values = {name: key.default for name, key in KEYS.items()}
    sources = dict.fromkeys(KEYS, "default")
    for origin, layer in layers:
        if leaves_cloud(layer, values):
            for name in PLACE:
                values[name], sources[name] = KEYS[name].default, "default"
        for name, value in layer.items():
            values[name] = value
            sources[name] = origin or f"variable {_variable(KEYS[name], environment)}"
    return values, sources


def _variable(key: Key, environment: Mapping[str, str]) -> str:
    return next((name for name in key.variables if environment.get(name)), "")


def _from_environment(environment: Mapping[str, str]) -> dict[str, str | bool | int]:
    found: dict[str, str | bool | int] = {}
    for name, key in KEYS.items():
        variable = _variable(key, environment)
        if variable:
            found[name] = check_value(name, environment[variable], f"variable {variable}")
    return found


_LOCAL_AUTHORITIES = Path("/usr/local/share/ca-certificates")
_SYSTEM_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")


def _system_certificates() -> dict[str, str | bool | int]:
    """The system's bundle where an administrator added an authority to it the Debian way."""
    if _LOCAL_AUTHORITIES.is_dir() and any(_LOCAL_AUTHORITIES.rglob("*.crt")) and _SYSTEM_BUNDLE.is_file():
        return {"network.ca_bundle": str(_SYSTEM_BUNDLE)}
    return {}
