"""Which engine builds, and the way to it.

On this computer it is the one that the Docker CLI would use: `ez.build.engines.discover`. On another computer the first
rule that says something wins:

1. The person's setting `build.buildkitd`: a standalone buildkitd of that computer.
2. `BUILDKIT_HOST` there, as the login user has it.
3. The Docker Engine there, where the login user may use it.
4. A socket there at which buildkitd listens by itself and which the login user may use.
5. The Docker Engine that preparing the computer brings.

A buildkitd only builds. Containers, and so environments, need the Docker Engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ez.build.engines.address import Address
from ez.build.engines.discover import BUILDKIT_PORT, BUILDKITD, FoundEngine, find_engine
from ez.config import Settings
from ez.errors import ConfigError, EngineError
from ez.ssh.host import Host

if TYPE_CHECKING:
    from ez.compute.facts import Facts

_SETTING = "build.buildkitd"
_SIGN_OF_LIFE_SECONDS = 15


def engine_here(settings: Settings) -> FoundEngine:
    """The engine that the Docker CLI of this computer would use. Raises EngineError."""
    return find_engine(settings.environment, settings.directories.home)


def engine_there(found: Facts, settings: Settings) -> FoundEngine:
    """The engine of another computer as it is now. Raises EngineError where there is none that ez can use."""
    standalone = buildkitd_there(found, settings)
    if standalone is not None:
        return standalone
    if not found.engine.socket:
        raise EngineError(f"no Docker Engine on `{found.computer}`", f"ez compute prepare {found.computer}")
    return FoundEngine(Address.unix(found.engine.socket), "Docker Engine", f"the Docker Engine of `{found.computer}`")


def buildkitd_there(found: Facts, settings: Settings) -> FoundEngine | None:
    """The standalone buildkitd of another computer, None where its Docker Engine builds. The address is as it is there.

    Raises ConfigError and EngineError for one that is chosen and cannot be used.
    """
    chosen, origin = _setting(settings, found.computer), f"setting {_SETTING}"
    if not chosen:
        chosen, origin = found.buildkit.host, "variable BUILDKIT_HOST there"
    if not chosen and found.engine.state != "user":
        chosen, origin = found.buildkit.socket, f"the socket {found.buildkit.socket.removeprefix('unix://')} there"
    if not chosen:
        return None
    try:
        return FoundEngine(Address.parse(chosen, port=BUILDKIT_PORT), BUILDKITD, origin)
    except EngineError as error:
        raise EngineError(
            f"no engine for `{found.computer}` ({origin}): {error.message}",
            f"ez config set {_SETTING} {found.computer}=unix:///run/buildkit/buildkitd.sock",
        ) from error


def _setting(settings: Settings, computer: str) -> str:
    """What the person says of a computer, empty where nothing."""
    entries = dict(entry.partition("=")[::2] for entry in settings.text(_SETTING).split())
    if "local" in entries or not all(entries.values()):
        raise ConfigError(
            f"`{_SETTING}` names a buildkitd for each of some other computers: `{settings.text(_SETTING)}`",
            f"ez config set {_SETTING} COMPUTER=unix:///run/buildkit/buildkitd.sock",
        )
    return entries.get(computer, "")


@contextmanager
def engine_of(host: Host, engine: Address) -> Iterator[Address]:
    """The engine that has the address `engine` on that computer, as it is reached from here.

    Where it is lost because the computer is, that is what is raised.
    """
    if host.is_local:
        yield engine
        return
    target = (engine.host, engine.port) if engine.path is None else str(engine.path)
    try:
        with host.unix_socket(target) as path:
            yield Address.unix(path, f"{host.name}:{engine}")
    except EngineError:
        host.run(["true"], timeout=_SIGN_OF_LIFE_SECONDS)
        raise


@contextmanager
def engine_on(host: Host, settings: Settings) -> Iterator[Address]:
    """The engine of a computer as it is now; nothing is prepared. Raises EngineError where there is none."""
    if host.is_local:
        yield engine_here(settings).address
        return
    from ez.compute.facts import facts

    with engine_of(host, engine_there(facts(host), settings).address) as engine:
        yield engine
