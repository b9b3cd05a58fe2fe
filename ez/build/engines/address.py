"""Where an engine is: a unix socket, or TCP with TLS."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from ez.errors import EngineError

_PLAIN_PORT, _TLS_PORT = 2375, 2376
"""Docker's own where an address names none (IANA: docker, docker-s)."""


@dataclass(frozen=True)
class Tls:
    """PEM files: the `authority` that signed the engine's certificate, None for the system's; and the `certificate`
    and `key` by which the engine knows who comes, None where it does not ask."""

    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


@dataclass(frozen=True)
class Address:
    """Either `path`, a unix socket of this computer, or `host` and `port` with `tls`.

    `name` is what people are told, where `path` says nothing to them: the end of a tunnel. `engine` is what is there,
    and `chosen_by` the setting that says so, in words, empty where none does. TLS may be missing only
    towards this computer itself, since whoever reaches an engine is root there.
    """

    path: Path | None = None
    host: str = ""
    port: int = 0
    tls: Tls | None = None
    name: str = field(default="", compare=False)
    engine: str = field(default="Docker Engine", compare=False)
    chosen_by: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if self.path is None and self.tls is None and not _is_loopback(self.host):
            raise EngineError(
                f"an engine that is reached over the network needs TLS: `{self}`",
                "set `DOCKER_TLS_VERIFY=1` and `DOCKER_CERT_PATH` to the folder of ca.pem, cert.pem and key.pem"
                " (`BUILDKIT_TLS_DIR` for `BUILDKIT_HOST`)",
            )

    @classmethod
    def unix(cls, path: Path | str, name: str = "") -> Address:
        return cls(path=Path(path), name=name)

    @classmethod
    def parse(cls, text: str, tls: Tls | None = None, port: int = 0) -> Address:
        """`unix:///path` or `tcp://host:port`, `tls` for the latter, `port` where it names none (Docker's own by
        default). Raises EngineError for anything else."""
        try:
            url = urlsplit(text)
            host, port = url.hostname or "", url.port or port or (_TLS_PORT if tls else _PLAIN_PORT)
        except ValueError as error:
            raise _no_address(text) from error
        if url.scheme == "unix" and not url.netloc and url.path.startswith("/"):
            return cls.unix(url.path)
        if url.scheme != "tcp" or not host or url.username is not None:
            raise _no_address(text)
        return cls(host=host, port=port, tls=tls)

    def __str__(self) -> str:
        if self.path is not None:
            return self.name or str(self.path)
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp://{host}:{self.port}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _no_address(text: str) -> EngineError:
    return EngineError(f"not an engine's address: `{text}`", "write `unix:///path` or `tcp://host:port`")
