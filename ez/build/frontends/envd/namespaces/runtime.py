"""`runtime.*`"""

from __future__ import annotations

import posixpath
import re
import shlex
from ipaddress import ip_address

from ez.build.frontends.envd.language import Builtin, Call, Parameter
from ez.build.frontends.envd.namespaces.data import is_name
from ez.build.frontends.envd.record import At, DataSource, Record
from ez.build.image.layers import HOME
from ez.models import HostMount, Port

HIGHEST_PORT = 65535
MANAGED = "~/.cache/envd/data"
"""Where the directories of `data.envd` are on a computer, as in envd."""


def _environ(record: Record, call: Call) -> None:
    for name in call.table("env"):
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise call.wrong(f"runtime.environ: not a name of a variable: `{name}`", "use letters, digits and `_`")
    record.environ.update(call.table("env"))
    record.extra_path.extend(_directories(call))


def _directories(call: Call) -> list[str]:
    """Those of `extra_path`: an entry may hold several, as PATH does, and begin with `~` for the user's home."""
    found = []
    for entry in ":".join(call.strings("extra_path")).split(":"):
        path = HOME + entry[1:] if entry == "~" or entry.startswith("~/") else entry
        if path and not path.startswith("/"):
            raise call.wrong(f"runtime.environ: not an absolute path: `{entry}`", "begin it with `/` or `~/`")
        found.append(path)
    return [path for path in found if path]


def _expose(record: Record, call: Call) -> None:
    inside, outside = ports_of(call)
    address = call.string("listen_addr")
    try:
        ip_address(address)
    except ValueError as error:
        raise call.wrong("listening_addr must be a valid IP address", "use `127.0.0.1`") from error
    record.ports.append(Port(inside, outside, call.string("service"), address))


def ports_of(call: Call) -> tuple[int, int]:
    """The port inside and the one on the computer, 0 for any. Raises DefinitionError for a number that is no port."""
    inside, outside = call.int("envd_port"), call.int("host_port")
    if not 1 <= inside <= HIGHEST_PORT:
        raise call.wrong("envd_port must be a positive integer less than 65535", "use a port from 1 to 65535")
    if not 0 <= outside <= HIGHEST_PORT:
        raise call.wrong("host_port must be a positive integer less than 65535", "use 0 for any free port")
    return inside, outside


def _daemon(record: Record, call: Call) -> None:
    for words in call.lists("commands"):
        argv = _argv(words, call)
        if argv:
            record.daemons.append(At(argv, call.position))


def _argv(words: tuple[str, ...], call: Call) -> tuple[str, ...]:
    """As in envd: the words are joined and split again by a shell's rules, but no shell runs them.

    A script for `sh -c` is taken as it stands unless it brings its own quotes; envd would cut it at its first space.
    """
    if len(words) == 3 and words[1] in ("-c", "-lc") and words[2][:1] not in ("'", '"'):
        return words
    try:
        return tuple(shlex.split(" ".join(words)))
    except ValueError as error:
        shown = " ".join(words)
        raise call.wrong(f"runtime.daemon: an open quote: `{shown}`", "close the quote") from error


def _init(record: Record, call: Call) -> None:
    if call.strings("commands"):
        record.init.append(At(call.strings("commands"), call.position))


def _command(record: Record, call: Call) -> None:
    record.commands.update(call.table("commands"))


def _mount(record: Record, call: Call) -> None:
    """`~` is the home of the login user on the left and the user's home on the right."""
    source, target = call.source("host_path"), mount_target(call.string("envd_path"))
    if not target:
        message = f"runtime.mount: not a place in the environment: `{call.string('envd_path')}`"
        raise call.wrong(message, "give an absolute path, or `~/...`")
    if isinstance(source, DataSource):
        if not is_name(source.name):
            raise call.wrong("invalid data source", 'use `data.envd("name")`')
        # All of them together: whoever writes there decides what their names lead to.
        mount = HostMount(f"{MANAGED}/{source.name}".rstrip("/"), target, managed=bool(source.name))
    else:
        mount = HostMount(mount_source(source, call), target)
    record.mounts.append(At(mount, call.position))


def mount_source(path: str, call: Call) -> str:
    """A path of the computer, absolute or from the login user's home."""
    if path != "~" and not path.startswith(("~/", "/")):
        raise call.wrong(f"runtime.mount: not an absolute path: `{path}`", "begin it with `/` or `~/`")
    if not path.isprintable() or ".." in path.split("/"):
        raise call.wrong(f"runtime.mount: not a path of the computer: `{path!r}`", "leave out `..`")
    return posixpath.normpath(path)


def mount_target(path: str) -> str:
    """Where `path` is in the environment, absolute; empty for what is no such place."""
    if path == "~" or path.startswith("~/"):
        path = HOME + path[1:]
    plain = posixpath.normpath(path)
    return plain if plain.startswith("/") and plain.strip("/") and path.isprintable() else ""


BUILTINS = (
    Builtin("runtime.environ", _environ, (Parameter("env", "table", {}), Parameter("extra_path", "strings", ()))),
    Builtin(
        "runtime.expose",
        _expose,
        (
            Parameter("envd_port", "int"),
            Parameter("host_port", "int", 0),
            Parameter("service", default=""),
            Parameter("listen_addr", default="127.0.0.1"),
        ),
    ),
    Builtin("runtime.daemon", _daemon, (Parameter("commands", "lists"),)),
    Builtin("runtime.init", _init, (Parameter("commands", "strings"),)),
    Builtin("runtime.command", _command, (Parameter("commands", "table"),)),
    Builtin("runtime.mount", _mount, (Parameter("host_path", "source"), Parameter("envd_path"))),
)
