"""Which ports are to be forwarded whenever there is a connection: a file of this computer, beside the keeper's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from ez.errors import ConfigError, UsageError
from ez.models import Port
from ez.names import shown
from ez.ssh.files import private_directory, write_atomic

_FILE = "ports.json"
_HOST = re.compile(r"(\*\.)?[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63}){0,9}", re.ASCII)


@dataclass(frozen=True)
class Wanted:
    """`asked` maps ports inside to ports here, 0 for any like it; `exposed` are those of the build file; `published`
    are reached on this computer already, since the engine is here. `follows` is whether ports that programs open are
    wanted too, but for those `stopped` by hand. `hosts` are names that requests may be for beside the usual ones."""

    asked: Mapping[int, int] = field(default_factory=dict)
    exposed: tuple[int, ...] = ()
    published: Mapping[int, int] = field(default_factory=dict)
    follows: bool = True
    stopped: tuple[int, ...] = ()
    hosts: tuple[str, ...] = ()


def read_wanted(records: Path) -> Wanted:
    """What was wanted last; nothing where the file is not there or is no such file."""
    try:
        found = json.loads((records / _FILE).read_text("utf-8"))
        return Wanted(
            {int(port): int(here) for port, here in found["asked"].items()},
            tuple(int(port) for port in found["exposed"]),
            {int(port): int(here) for port, here in found["published"].items()},
            bool(found["follows"]),
            tuple(int(port) for port in found.get("stopped", ())),
            tuple(str(host) for host in found.get("hosts", ())),
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return Wanted()


def write_wanted(records: Path, wanted: Wanted) -> None:
    private_directory(records)
    write_atomic(records / _FILE, json.dumps(asdict(wanted)).encode(), 0o600)


def of_environment(
    before: Wanted,
    ports: Iterable[Port],
    *,
    is_here: bool,
    asked: Mapping[int, int],
    follows: bool = True,
    hosts: tuple[str, ...] = (),
) -> Wanted:
    """What an environment that was just started wants: its `ports`, and what the person asks for beside."""
    listed = tuple(ports)
    published = {port.container: port.host for port in listed if is_here and port.host}
    exposed = tuple(port.container for port in listed if port.container not in published)
    stopped = tuple(port for port in before.stopped if port not in asked)
    return replace(
        before,
        asked={**before.asked, **asked},
        exposed=exposed,
        published=published,
        follows=follows,
        stopped=stopped,
        hosts=hosts,
    )


def parse_hosts(text: str) -> tuple[str, ...]:
    """`app.test *.app.test`, the setting `link.hosts`. Raises ConfigError."""
    hosts = tuple(text.lower().split())
    for host in hosts:
        if not _HOST.fullmatch(host):
            raise ConfigError(
                f"not a name in `link.hosts`: `{shown(host)}`", 'ez config set link.hosts "app.test *.app.test"'
            )
    return hosts


def parse_port(text: str) -> tuple[int, int]:
    """`PORT` or `PORT:HERE`. Raises UsageError."""
    port, colon, here = text.partition(":")
    numbers = [port, here] if colon else [port]
    if not all(part.isascii() and part.isdigit() and 0 < int(part[:6]) < 65536 for part in numbers):
        raise UsageError(f"not a port: `{shown(text)}`", "write it as PORT or PORT:HERE, each from 1 to 65535")
    return int(port), int(here) if colon else 0
