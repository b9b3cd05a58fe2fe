"""Settings, resolved once: flags > environment > project file > user file > default.

The user file is `config.toml` in ez's configuration directory, the project file is `ez.toml` at the top of the
repo. Both have the same keys, listed in `KEYS`; an unknown key is an error that names the file. A project file
may not set the keys in `PERSONAL`, because a hostile repo could otherwise choose where downloads and images come
from and where they go to, or take the SSH agent that a person keeps from it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ez.errors import ConfigError
from ez.models import Network


@dataclass(frozen=True)
class Key:
    """A setting: its type, what it is for, and the environment variables that set it, first one wins."""

    kind: type
    help: str
    variables: tuple[str, ...] = ()
    default: str | bool | int = ""


TOOLS = {
    "uv": "github.com/astral-sh/uv/releases/download",
    "uv_python": "github.com/astral-sh/python-build-standalone/releases/download",
    "micromamba": "github.com/mamba-org/micromamba-releases/releases/download",
    "conda": "conda.anaconda.org, with a directory for each channel",
    "pixi": "github.com/prefix-dev/pixi/releases/download",
    "go": "dl.google.com/go",
    "nodejs": "nodejs.org/dist",
    "rust": "static.rust-lang.org",
    "julia": "julialang-s3.julialang.org",
    "julia_packages": "pkg.julialang.org",
    "cran": "CRAN, for packages of R",
    "rstudio": "download2.rstudio.org/server; with a `.sha256` file beside the package for arm64",
    "open_vsx": "open-vsx.org, for extensions of editors",
    "codex": "github.com/openai/codex/releases/download; with `.sha256` files beside the archives",
}
"""What `mirrors.NAME` stands in for: the names of `ez.build.image.tools.table`."""

KEYS: dict[str, Key] = {
    "defaults.computer": Key(str, "computer used without -c", ("EZ_COMPUTE",), "local"),
    "defaults.ide": Key(str, "editor to open: auto, none, code, code-insiders, cursor, codium", ("EZ_IDE",), "auto"),
    "defaults.agent": Key(bool, "forward your SSH agent into environments", ("EZ_AGENT",), True),
    "cache.registry": Key(
        str,
        "REGISTRY/NAME where your team keeps build caches and finished images; whoever writes there is trusted",
        ("EZ_CACHE_REGISTRY",),
    ),
    "cache.export": Key(str, "give builds to cache.registry: auto, off", ("EZ_CACHE_EXPORT",), "auto"),
    "cache.budget": Key(str, "size that `ez build cache` keeps a build cache to, as `50GB`", ("EZ_CACHE_BUDGET",)),
    "build.buildkitd": Key(
        str,
        "the buildkitd of other computers, for builds there: `COMPUTER=ADDRESS`, several with spaces between them",
        ("EZ_BUILDKITD",),
    ),
    "idle.after": Key(
        str,
        "minutes without work after which a machine of yours rests: 5 or more, or off; empty leaves it as it is",
        ("EZ_IDLE_AFTER",),
    ),
    "idle.action": Key(
        str, "how it rests: suspend (its environments stop) or poweroff (it does)", ("EZ_IDLE_ACTION",), "suspend"
    ),
    "ssh.config": Key(str, "the OpenSSH configuration that gets ez's Include line", ("EZ_SSH_CONFIG",)),
    "network.http_proxy": Key(str, "proxy for http", ("EZ_HTTP_PROXY", "http_proxy", "HTTP_PROXY")),
    "network.https_proxy": Key(str, "proxy for https", ("EZ_HTTPS_PROXY", "https_proxy", "HTTPS_PROXY")),
    "network.no_proxy": Key(str, "hosts reached without a proxy", ("EZ_NO_PROXY", "no_proxy", "NO_PROXY")),
    "network.pip_index": Key(str, "package index for pip", ("EZ_PIP_INDEX",)),
    "network.pip_extra_index": Key(str, "second package index for pip", ("EZ_PIP_EXTRA_INDEX",)),
    "network.ca_bundle": Key(
        str,
        "PEM file of all authorities to trust; `none` for the image's own",
        ("EZ_CA_BUNDLE", "SSL_CERT_FILE"),
    ),
    "mirrors.apt_debian": Key(str, "mirror of the Debian archive", ("EZ_APT_DEBIAN",)),
    "mirrors.apt_ubuntu": Key(str, "mirror of the Ubuntu archive", ("EZ_APT_UBUNTU",)),
    "mirrors.registry": Key(str, "mirror of Docker Hub for engines that ez installs", ("EZ_REGISTRY_MIRROR",)),
    "mirrors.nvidia": Key(
        str, "mirror of developer.download.nvidia.com/compute/cuda/repos, for drivers", ("EZ_MIRROR_NVIDIA",)
    ),
    "mirrors.nvidia_toolkit": Key(
        str, "mirror of nvidia.github.io/libnvidia-container, for cards in containers", ("EZ_MIRROR_NVIDIA_TOOLKIT",)
    ),
    **{
        f"mirrors.{name}": Key(str, f"mirror of {place}", (f"EZ_MIRROR_{name.upper()}",))
        for name, place in TOOLS.items()
    },
}
_PERSONAL_TABLES = ("build", "cache", "idle", "mirrors", "network", "ssh")
PERSONAL = frozenset(key for key in KEYS if key.split(".")[0] in _PERSONAL_TABLES) | {"defaults.agent"}
PROJECT_FILE = "ez.toml"


@dataclass(frozen=True)
class Directories:
    """Where ez keeps its own files on this computer."""

    home: Path
    config: Path
    state: Path
    cache: Path

    @property
    def user_file(self) -> Path:
        return self.config / "config.toml"

    @property
    def database(self) -> Path:
        return self.state / "state.db"

    @property
    def logs(self) -> Path:
        return self.state / "log"

    @property
    def locks(self) -> Path:
        return self.state / "locks"


@dataclass(frozen=True)
class Settings:
    """Every setting with its final value, and where each came from (`sources`, key -> words for a person)."""

    directories: Directories
    values: Mapping[str, str | bool | int]
    sources: Mapping[str, str]
    environment: Mapping[str, str] = field(repr=False)

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
    values: dict[str, str | bool | int] = {name: key.default for name, key in KEYS.items()}
    sources = dict.fromkeys(KEYS, "default")
    layers: list[tuple[str, Mapping[str, str | bool | int]]] = [
        ("default", _system_certificates()),
        (str(directories.user_file), read_file(directories.user_file)),
    ]
    if project is not None:
        layers.append((PROJECT_FILE, read_file(project / PROJECT_FILE, refused=PERSONAL)))
    layers += [("", _from_environment(environment)), ("command line", flags or {})]
    for origin, layer in layers:
        for name, value in layer.items():
            values[name] = value
            sources[name] = origin or f"variable {_variable(KEYS[name], environment)}"
    return Settings(directories, values, sources, environment)


def find_directories(environment: Mapping[str, str]) -> Directories:
    """ez's directories by the XDG rules, on every system. Raises ConfigError for a user without a home."""
    home = Path(environment.get("HOME") or os.path.expanduser("~"))
    if not home.is_absolute():
        raise ConfigError(f"not a home directory: `{home}`", "export HOME=/path/of/your/home")

    def place(variable: str, default: str) -> Path:
        value = environment.get(variable, "")
        return (Path(value) if value.startswith("/") else home / default) / "ez"

    return Directories(
        home,
        place("XDG_CONFIG_HOME", ".config"),
        place("XDG_STATE_HOME", ".local/state"),
        place("XDG_CACHE_HOME", ".cache"),
    )


def read_file(path: Path, refused: frozenset[str] = frozenset()) -> dict[str, str | bool | int]:
    """The settings of one TOML file, `table.key` -> value; empty if it does not exist."""
    try:
        if not path.exists():
            return {}
        if not path.is_file():
            raise OSError("it is no file")
        import tomllib

        tables: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"settings file cannot be read: `{path}`: {error}", f"correct or remove {path}") from error
    found: dict[str, str | bool | int] = {}
    for table, content in tables.items():
        entries = content.items() if isinstance(content, dict) else [("", content)]
        for key, value in entries:
            name = f"{table}.{key}" if key else table
            found[name] = check_value(name, value, str(path))
            if name in refused:
                raise ConfigError(
                    f"`{name}` may not be set in a repo's `{path.name}`",
                    f"move it to your own file: ez config set {name}",
                )
    return found


def check_value(name: str, value: object, origin: str) -> str | bool | int:
    """`value` for the setting `name`, or ConfigError naming `origin`. Text from a person is converted."""
    key = KEYS.get(name)
    if key is None:
        import difflib

        close = difflib.get_close_matches(name, KEYS, 1)
        raise ConfigError(
            f"unknown setting in {origin}: `{name}`",
            f"did you mean `{close[0]}`?" if close else "ez config ls shows all settings",
        )
    if key.kind is bool and isinstance(value, str) and value.lower() in _WORDS:
        return _WORDS[value.lower()]
    if type(value) is not key.kind:
        raise ConfigError(f"`{name}` in {origin} must be a {_KIND_NAMES[key.kind]}: `{value}`", key.help)
    assert isinstance(value, (str, bool, int))
    return value


_WORDS = {"true": True, "yes": True, "1": True, "on": True, "false": False, "no": False, "0": False, "off": False}
_KIND_NAMES = {str: "string", bool: "true or false", int: "whole number"}


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


def write_value(path: Path, name: str, value: str | bool | int | None) -> None:
    """Set `name` in the settings file at `path`, or remove it for None; comments and other keys stay.

    The file appears whole and readable for its owner alone; a link is followed. Raises ConfigError.
    """
    import tomlkit

    table, _, key = name.partition(".")
    document = tomlkit.parse(path.read_text("utf-8")) if path.exists() else tomlkit.document()
    section = document.setdefault(table, tomlkit.table())
    if value is None:
        section.pop(key, None)
    else:
        section[key] = value
    try:
        _replace(path.resolve(), tomlkit.dumps(document))
    except OSError as error:
        raise ConfigError(f"settings file cannot be written: `{path}`: {error}", f"ls -ld {path.parent}") from error


def _replace(path: Path, text: str) -> None:
    import tempfile

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, draft = tempfile.mkstemp(prefix=".ez-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise
