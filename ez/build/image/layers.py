"""The steps that frontends build images of. Each takes a state and gives the state with one layer more.

Ids and places are the same for every environment and every person, so that layers and caches are shared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ez.build.graph import (
    NO_NOTE,
    FileAction,
    Files,
    MkDirAction,
    MkFileAction,
    Mount,
    Note,
    Position,
    Run,
    State,
)
from ez.build.image.caches import APT, Cache
from ez.build.image.shell import command, text

USER = "envd"
HOME = "/home/envd"
USER_ID = 1000
"""The user's uid and gid in every image; the container's init changes them to its owner's."""

LIBRARY = "/usr/local/lib/ez"
INIT = f"{LIBRARY}/init"
ATTACH = f"{LIBRARY}/attach"
_SHELL_PROGRAMS = ("init", "environment", "supervise", "service", "attach", "gpg", "secrets", "ask-registry")
PROGRAMS = {
    **{name: name for name in _SHELL_PROGRAMS},
    "relay": "relay.pl",
    "ask": "ask.pl",
}
"""What a container has in LIBRARY, and the program that it is."""


@dataclass(frozen=True)
class Surroundings:
    """The environment of a step: variables, and PATH entries before the base image's."""

    env: tuple[tuple[str, str], ...] = ()
    path: tuple[str, ...] = ()


PLAIN = Surroundings()


def access(base: State, shell: str = "bash", position: Position | None = None) -> Run:
    """sshd, git, sudo and the user, with `shell` (a package of the same name) as the login shell."""
    note = Note("ez: prepare for SSH and the user envd", position)
    return step(base, command("apt", "manager", "shells", "access", arguments=(shell,)), (APT,), note=note)


def apt_packages(
    base: State, packages: Iterable[str], around: Surroundings = PLAIN, note: Note = NO_NOTE, *, python: str = ""
) -> Run:
    """Packages of the distribution; where a compiler is among them, also the headers of its Python `python`."""
    argv = command("apt", "manager", "python", "packages", arguments=(python, *packages))
    return step(base, argv, (APT,), around, note=note)


def step(
    base: State,
    argv: tuple[str, ...],
    caches: tuple[Cache, ...],
    around: Surroundings = PLAIN,
    *,
    cwd: str = "/",
    mounts: tuple[Mount, ...] = (),
    note: Note = NO_NOTE,
) -> Run:
    """A step of ours, with the caches of the tools that it runs."""
    env = (*around.env, *(variable for cache in caches for variable in cache.env))
    mounts = (*(cache.mount for cache in caches), *mounts)
    return Run(base, argv, env=env, path=around.path, cwd=cwd, mounts=mounts, note=note)


def work_directory(base: State, path: str, settings: tuple[FileAction, ...] = ()) -> Files:
    """The directory over which the repo is mounted, the user's own, and the user's `settings`."""
    return Files(base, (_work_directory(path), *settings), note=Note(label=f"make {path}"))


def programs(
    base: State,
    services: Mapping[str, str],
    owned: Iterable[str],
    workdir: str,
    settings: tuple[FileAction, ...] = (),
) -> Files:
    """What runs in the container. `services` are programs by name (`init_0`, `daemon_0`), with their `#!` line.

    `owned` are places outside the home that the build gave to the user.
    """
    actions: list[FileAction] = [_work_directory(workdir), *settings]
    actions += [MkDirAction(LIBRARY), MkDirAction(f"{LIBRARY}/services")]
    actions += [MkFileAction(f"{LIBRARY}/{name}", text(program).encode(), 0o755) for name, program in PROGRAMS.items()]
    actions += [
        MkFileAction(f"{LIBRARY}/services/{name}", program.encode(), 0o755)
        for name, program in sorted(services.items())
    ]
    listed = sorted(set(owned))
    if listed:
        actions.append(MkFileAction(f"{LIBRARY}/owned", "".join(f"{path}\n" for path in listed).encode()))
    return Files(base, tuple(actions), note=Note(label="ez: programs and services of the container"))


def _work_directory(path: str) -> MkDirAction:
    return MkDirAction(path, uid=USER_ID, gid=USER_ID)
