"""Network settings for build steps, in such a way that no layer, no image and no log keeps them.

Proxies go through BuildKit's own field. Everything else is a file that a step finds in its `/dev/shm` (memory that
is gone with the step, so not even an empty mount point stays behind) and a variable that points to it: an authority
bundle, pip's and apt's configuration, the mirrors of tools. A definition that brings its own pip or apt configuration
keeps it.
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ez.build.graph import CopyAction, Files, MkFileAction, SecretMount, State, walk
from ez.build.llb.steps import Surroundings
from ez.models import CA_VARIABLES, Network

_DIRECTORY = "/dev/shm/ez"
_CA = f"{_DIRECTORY}/ca.pem"
_PIP = f"{_DIRECTORY}/pip.conf"
_APT = f"{_DIRECTORY}/apt.conf"
_APT_SOURCES = f"{_DIRECTORY}/sources.list"
_MIRRORS = f"{_DIRECTORY}/mirrors"
"""What `ez/build/image/scripts/fetch.sh` reads."""

TOOL = "tool."
"""How the mirrors of tools are named in a network."""
_COVER = "# a mirror stands in for these sources during the build\n"
"""Not empty: engines leave out the mount of an empty secret."""

OS_RELEASE = "/etc/os-release"
OWN_SOURCES = ("/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list.d/ubuntu.sources")
"""Where newer base images keep their distribution's own sources, which a mirror stands in for."""


@dataclass(frozen=True)
class Around:
    """What steps get, and the contents of its secrets by id."""

    surroundings: Surroundings
    secrets: Mapping[str, bytes]


@dataclass(frozen=True)
class BaseFiles:
    """What an apt mirror has to know of a base image: its os-release text and which of `OWN_SOURCES` it has."""

    os_release: str = ""
    own_sources: tuple[str, ...] = ()


def wants_base_files(network: Network) -> bool:
    return any(name.startswith("apt.") for name, _ in network.mirrors)


def tells_passwords(network: Network) -> bool:
    """Whether definitions have a password in them: BuildKit's field for proxies is part of each step."""
    return "@" in network.http_proxy + network.https_proxy


def around_steps(network: Network, state: State, reference: str, base: BaseFiles) -> Around:
    """What surrounds the steps of `state` that grow from the image `reference`."""
    written = {path for current in walk(state) if isinstance(current, Files) for path in _written(current)}
    files: dict[str, str] = {}
    env: list[tuple[str, str]] = []
    if network.ca_bundle:
        files[_CA] = network.ca_bundle
        env += [(name, _CA) for name in CA_VARIABLES]
    if (pip := pip_config(network)) and not any(posixpath.basename(path) == "pip.conf" for path in written):
        files[_PIP] = pip
        env.append(("PIP_CONFIG_FILE", _PIP))
    files |= _apt_files(network, base, own=any(path.startswith("/etc/apt/sources.list") for path in written))
    if mirrors := _tool_mirrors(network):
        files[_MIRRORS] = mirrors
    if _APT in files:
        env.append(("APT_CONFIG", _APT))
    mounted = {
        SecretMount(target=path, id=f"ez.network:{reference}:{path}", mode=0o444): text.encode()
        for path, text in files.items()
    }
    surroundings = Surroundings(
        env=tuple(env),
        secrets=tuple(mounted),
        http_proxy=network.http_proxy,
        https_proxy=network.https_proxy,
        no_proxy=network.no_proxy,
    )
    return Around(surroundings, {mount.id: content for mount, content in mounted.items()})


def pip_config(network: Network) -> str:
    """A pip configuration file for the index settings, empty without any."""
    lines = []
    if network.pip_index:
        lines.append(f"index-url = {network.pip_index}")
    if network.pip_extra_index:
        lines.append(f"extra-index-url = {network.pip_extra_index}")
    plain = [urlsplit(url) for url in (network.pip_index, network.pip_extra_index) if url.startswith("http://")]
    if plain:
        lines.append("trusted-host = " + " ".join(url.netloc.rpartition("@")[2] for url in plain))
    return "\n".join(["[global]", *lines, ""]) if lines else ""


def apt_sources(network: Network, os_release: str) -> str:
    """A sources.list of the mirror for a base image's release; empty for a distribution that has no mirror."""
    fields = dict(_fields(os_release))
    distribution, codename = fields.get("ID", ""), fields.get("VERSION_CODENAME", "")
    mirrors = dict(network.mirrors)
    main = mirrors.get(f"apt.{distribution}", "").rstrip("/")
    if not main or not codename:
        return ""
    if distribution == "debian":
        security = mirrors.get("apt.debian-security", "").rstrip("/") or f"{main}-security"
        components = "main"
    else:
        security, components = main, "main restricted universe multiverse"
    suites = ((main, codename), (main, f"{codename}-updates"), (security, f"{codename}-security"))
    return "".join(f"deb {url} {suite} {components}\n" for url, suite in suites)


def _tool_mirrors(network: Network) -> str:
    """`NAME ADDRESS` in each line."""
    found = [(name.removeprefix(TOOL), url.strip()) for name, url in network.mirrors if name.startswith(TOOL)]
    return "".join(f"{name} {url}\n" for name, url in found if not any(map(str.isspace, url)))


def _written(files: Files) -> list[str]:
    return [
        action.path if isinstance(action, MkFileAction) else action.target
        for action in files.actions
        if isinstance(action, MkFileAction | CopyAction)
    ]


def _apt_files(network: Network, base: BaseFiles, *, own: bool) -> dict[str, str]:
    """apt's files by path; the distribution's own sources are covered where the image has them."""
    lines, files = [], {}
    if sources := "" if own else apt_sources(network, base.os_release):
        lines.append(f'Dir::Etc::SourceList "{_APT_SOURCES}";')
        files[_APT_SOURCES] = sources
        files |= dict.fromkeys(base.own_sources, _COVER)
    if network.ca_bundle:
        lines.append(f'Acquire::https::CAInfo "{_CA}";')
    if lines:
        files[_APT] = "\n".join([*lines, ""])
    return files


def _fields(os_release: str) -> list[tuple[str, str]]:
    """`NAME="value"` lines (os-release(5))."""
    found = []
    for line in os_release.splitlines():
        name, equals, value = line.partition("=")
        if equals and not name.startswith("#"):
            try:
                found.append((name.strip(), "".join(shlex.split(value))))
            except ValueError:
                continue
    return found
