"""Files of the computer that a build file wants to see inside: where they are there, and whether that was agreed to."""

from __future__ import annotations

import json
from collections.abc import Iterable

from ez.env.probe import LABEL_MOUNTS, Container
from ez.models import HostMount

Mounts = tuple[HostMount, ...]


def on_computer(mounts: Iterable[HostMount], home: str, workdir: str, tree: str) -> Mounts:
    """With the `home` of the computer's login user for `~`, and its `tree` for the `workdir` of the environment, as
    which build files know the repo. Of two with one target the last counts."""
    found = []
    for target, mount in sorted({mount.target: mount for mount in mounts}.items()):
        if mount.source == workdir:
            found.append(HostMount(tree, target, managed=True))
        else:
            source = home + mount.source[1:] if mount.source.startswith("~") else mount.source
            found.append(HostMount(source, target, mount.managed))
    return tuple(found)


def below_home(mounts: Iterable[HostMount], home: str) -> tuple[str, ...]:
    """Sources that are made where they are missing: those in the login user's own home."""
    return tuple(mount.source for mount in mounts if mount.source.startswith(f"{home}/"))


def not_agreed(mounts: Iterable[HostMount], container: Container | None) -> Mounts:
    """What the person has to be asked about: a repo could otherwise help itself to any file of the computer.

    Not ez's own directories, nor what the environment's present container has mounted already.
    """
    agreed = container.labels.get(LABEL_MOUNTS, "") if container else ""
    known = agreed_to(agreed)
    return tuple(mount for mount in mounts if not mount.managed and [mount.source, mount.target] not in known)


def label(mounts: Iterable[HostMount]) -> str:
    """What a container says of its mounts."""
    return json.dumps([[mount.source, mount.target] for mount in mounts])


def agreed_to(text: str) -> list[list[str]]:
    try:
        found = json.loads(text or "[]")
    except ValueError:
        return []
    return found if isinstance(found, list) else []
