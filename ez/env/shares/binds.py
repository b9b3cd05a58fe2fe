"""What a container gets of its environment's shares.

Folders and volumes are bound where they are wanted. What the computer mounts is below one directory of the
environment, which the container has as `/mnt/ez`, with links to there: a bind of a mount itself would stay dead after
the share was gone for a while, and below a directory whatever is mounted anew appears (mount_namespaces(7)).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import replace

from ez.env.shares.model import FOLDER, LOCAL, VOLUME, Share
from ez.env.shares.programs import program

ROOT = "/var/lib/ez/shares"
"""On the computer: `ROOT/ENVIRONMENT/SHARE`."""

INSIDE = "/mnt/ez"


def mount_point(environment: str, share: Share) -> str:
    return f"{ROOT}/{environment}/{share.name}"


def on_this_computer(shares: Iterable[Share]) -> tuple[Share, ...]:
    """The same for an environment of this computer: its folders are simply there."""
    return tuple(replace(share, kind=FOLDER) if share.kind == LOCAL else share for share in shares)


def bind_arguments(environment: str, shares: Iterable[Share], home: str) -> list[str]:
    """Arguments of `docker create`; `home` is what `~` is on the computer."""
    arguments = []
    for share in shares:
        if share.kind in (FOLDER, VOLUME):
            arguments += ["--mount", _mount(share, home)]
    if any(share.is_mounted for share in shares):
        whole = _fields("type=bind", f"source={ROOT}/{environment}", f"target={INSIDE}", "bind-propagation=rslave")
        arguments += ["--mount", whole]
    return arguments


def links(shares: Iterable[Share]) -> list[str]:
    """Pairs of a path inside and what it leads to."""
    return [word for share in shares if share.is_mounted for word in (share.target, f"{INSIDE}/{share.name}")]


def paths_program(shares: Iterable[Share], owner: tuple[int, int]) -> str:
    """What has the paths of shares in a container, as root; empty where there are none."""
    listed = tuple(shares)
    words = [*links(listed), "--", *volumes(listed)]
    if words == ["--"]:
        return ""
    return f"set -- {shlex.join([':'.join(map(str, owner)), *words])}\n{program('links')}"


def volumes(shares: Iterable[Share]) -> list[str]:
    """Where volumes are that the environment's user may write."""
    return [share.target for share in shares if share.kind == VOLUME and not share.read_only]


def made_folders(shares: Iterable[Share], home: str) -> tuple[str, ...]:
    """Folders in the login user's home, made where they are missing."""
    return tuple(folder(share, home) for share in shares if share.kind == FOLDER and share.place.startswith("~/"))


def folder(share: Share, home: str) -> str:
    return home + share.place[1:] if share.place.startswith("~/") else share.place


def _mount(share: Share, home: str) -> str:
    kind, source = ("volume", share.place) if share.kind == VOLUME else ("bind", folder(share, home))
    return _fields(
        f"type={kind}", f"source={source}", f"target={share.target}", *(["readonly"] if share.read_only else [])
    )


def _fields(*fields: str) -> str:
    """A `--mount` value, whose fields are CSV."""
    return ",".join(
        '"' + field.replace('"', '""') + '"' if any(mark in field for mark in ',"') else field for field in fields
    )
