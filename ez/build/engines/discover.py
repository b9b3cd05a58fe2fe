"""Which engine this computer's builds use, found as the Docker CLI finds its own.

The rules, the first that says something wins:

1. `BUILDKIT_HOST`, a standalone buildkitd, as buildctl reads it; with TLS by the files in `BUILDKIT_TLS_DIR`.
2. `DOCKER_HOST`, with TLS where `DOCKER_TLS_VERIFY` is set, by the files in `DOCKER_CERT_PATH`.
3. The context that `DOCKER_CONTEXT`, or else `currentContext` of Docker's config.json, names.
4. The sockets of `_sockets` that are there; the first of them where none is.

Only the second half of rule 4 goes beyond the Docker CLI, which never looks at a socket that no context names; at its
end are those at which a buildkitd listens by itself.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ez.build.engines.address import Address, Tls
from ez.errors import EngineError

BUILDKITD = "buildkitd"
BUILDKIT_PORT = 1234
"""The one that BuildKit's own documents give a buildkitd that listens on TCP."""

_SYSTEM = Path("/var/run")
_PODMAN = "Podman"
_DEFAULT_CONTEXT = "default"


@dataclass(frozen=True)
class FoundEngine:
    """Where the engine is, what it is called, and the `rule` that found it, in words a person knows.

    `lasts` tells that every other program of this person finds it too, whatever variables it runs with.
    """

    address: Address
    name: str
    rule: str
    lasts: bool = False


def find_engine(environment: Mapping[str, str], home: Path, *, system: Path = _SYSTEM) -> FoundEngine:
    """The engine for builds that these variables, and the files of this home directory, choose.

    `system` is where the system's own services have their sockets. Nothing is asked of the engine. Raises EngineError
    for settings that choose none that ez can use.
    """
    if chosen := environment.get("BUILDKIT_HOST", ""):
        tls = _tls_files(Path(folder)) if (folder := environment.get("BUILDKIT_TLS_DIR", "")) else None
        return _chosen(_parse(chosen, tls, "`BUILDKIT_HOST`", BUILDKIT_PORT), BUILDKITD, "variable BUILDKIT_HOST")
    return _from_second_rule(environment, home, system)


def find_docker(environment: Mapping[str, str], home: Path, *, system: Path = _SYSTEM) -> FoundEngine:
    """As `find_engine`, for what needs a Docker Engine: the rules from the second on, without a buildkitd's sockets."""
    return _from_second_rule(environment, home, system, without=BUILDKITD)


def _from_second_rule(environment: Mapping[str, str], home: Path, system: Path, without: str = "") -> FoundEngine:
    config = Path(environment.get("DOCKER_CONFIG") or home / ".docker")
    if chosen := environment.get("DOCKER_HOST", ""):
        return _from_host(chosen, environment, config)
    if context := environment.get("DOCKER_CONTEXT", ""):
        origin, lasts = "DOCKER_CONTEXT", False
    else:
        context, origin, lasts = _current_context(config), str(config / "config.json"), True
    if context and context != _DEFAULT_CONTEXT:
        address = _from_context(config, context, origin)
        return _chosen(address, _name(address), f"Docker context {context}, chosen by {origin}", lasts)
    return _from_sockets(environment, home, system, without)


def docker_environment(environment: Mapping[str, str], home: Path, *, system: Path = _SYSTEM) -> dict[str, str]:
    """`environment` in which the Docker CLI finds the engine that `find_docker` finds. Raises as that does."""
    engine = find_docker(environment, home, system=system)
    if engine.lasts or engine.address.path is None:
        return dict(environment)
    return dict(environment) | {"DOCKER_HOST": f"unix://{engine.address}"}


def _from_host(chosen: str, environment: Mapping[str, str], config: Path) -> FoundEngine:
    tls = None
    if environment.get("DOCKER_TLS_VERIFY", ""):
        tls = _tls_files(Path(environment.get("DOCKER_CERT_PATH") or config))
    address = _parse(chosen if "://" in chosen else f"tcp://{chosen}", tls, "`DOCKER_HOST`")
    return _chosen(address, _name(address), "variable DOCKER_HOST")


def _chosen(address: Address, name: str, rule: str, lasts: bool = False) -> FoundEngine:
    """By a setting, which has to be told of where nothing answers."""
    return FoundEngine(replace(address, engine=name, chosen_by=rule), name, rule, lasts)


def _current_context(config: Path) -> str:
    """Empty without a configuration; one that is no JSON object chooses nothing, as for the Docker CLI."""
    try:
        content = json.loads((config / "config.json").read_bytes())
    except (OSError, ValueError):
        return ""
    name = content.get("currentContext", "") if isinstance(content, dict) else ""
    return name if isinstance(name, str) else ""


def _from_context(config: Path, name: str, origin: str) -> Address:
    """Docker keeps a context under the SHA-256 of its name: meta.json, and TLS files of each endpoint beside it."""
    key = hashlib.sha256(name.encode()).hexdigest()
    file = config / "contexts" / "meta" / key / "meta.json"
    try:
        endpoint: Any = json.loads(file.read_bytes())["Endpoints"]["docker"]
        host, unchecked = endpoint["Host"], endpoint.get("SkipTLSVerify")
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise EngineError(
            f"the Docker context that {origin} chooses cannot be read: `{name}`",
            "choose another with `docker context use default`",
        ) from error
    if unchecked:
        raise EngineError(
            f"the Docker context does not check the engine's certificate: `{name}`",
            f"give it the engine's authority: docker context update {name} --docker host={host},ca=FILE",
        )
    folder = config / "contexts" / "tls" / key / "docker"
    return _parse(str(host), _tls_files(folder) if folder.is_dir() else None, f"the Docker context `{name}`")


def _from_sockets(environment: Mapping[str, str], home: Path, system: Path, without: str) -> FoundEngine:
    default = system / "docker.sock"
    for name, path in _sockets(environment, home, system):
        if name == without or not path.is_socket() or (name == BUILDKITD and not os.access(path, os.W_OK)):
            continue
        if name == _PODMAN:
            raise EngineError(
                f"only Podman's socket is here, which speaks Docker's API but has no BuildKit: `{path}`",
                "install Docker Engine with `sudo apt-get install docker.io`",
            )
        return FoundEngine(Address.unix(path), name, f"the socket {path}", lasts=path == default)
    return FoundEngine(Address.unix(default), "Docker Engine", "the default: no engine's socket is here", lasts=True)


def _sockets(environment: Mapping[str, str], home: Path, system: Path) -> Iterator[tuple[str, Path]]:
    """Where engines listen that no context names: the system's, the person's own, and those in virtual machines."""
    runtime = environment.get("XDG_RUNTIME_DIR", "")
    own = [Path(runtime)] if runtime.startswith("/") else []
    colima = Path(environment.get("COLIMA_HOME") or home / ".colima")
    yield "Docker Engine", system / "docker.sock"
    yield from (("rootless Docker Engine", folder / "docker.sock") for folder in own)
    yield "Docker Desktop", home / ".docker" / "desktop" / "docker.sock"
    yield "Docker Desktop", home / ".docker" / "run" / "docker.sock"
    yield "Colima", colima / "default" / "docker.sock"
    yield "Colima", home / ".config" / "colima" / "default" / "docker.sock"
    yield from ((BUILDKITD, folder / "buildkit" / "buildkitd.sock") for folder in (system, *own))
    yield from ((_PODMAN, folder / "podman" / "podman.sock") for folder in (*own, system))


def _name(address: Address) -> str:
    """By the path, as their own installers choose it."""
    parts = address.path.parts if address.path is not None else ()
    if "podman" in parts:
        return _PODMAN
    if ".colima" in parts or "colima" in parts:
        return "Colima"
    if ".docker" in parts:
        return "Docker Desktop"
    if "user" in parts and "run" in parts:
        return "rootless Docker Engine"
    return "Docker Engine"


def _parse(text: str, tls: Tls | None, origin: str, port: int = 0) -> Address:
    if text.startswith("ssh://"):
        computer = text.removeprefix("ssh://").partition("/")[0]
        raise EngineError(
            f"{origin} names an engine behind SSH: `{text}`", f"use it as a computer: ez env go -c {computer}"
        )
    try:
        return Address.parse(text, tls, port)
    except EngineError as error:
        raise EngineError(f"{origin} cannot be used: {error.message}", error.hint) from error


def _tls_files(folder: Path) -> Tls:
    """ca.pem, cert.pem and key.pem of a folder, as Docker and buildctl name them; each of them may be missing."""
    authority, certificate, key = (folder / name for name in ("ca.pem", "cert.pem", "key.pem"))
    return Tls(
        authority=authority if authority.exists() else None,
        certificate=certificate if certificate.exists() else None,
        key=key if key.exists() else None,
    )
