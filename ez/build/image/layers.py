"""The steps that frontends build images of. Each takes a state and gives the state with one layer more.

Ids and places are the same for every environment and every person, so that layers and caches are shared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ez.build.graph import (
    NO_NOTE,
    CacheMount,
    FileAction,
    Files,
    MkDirAction,
    MkFileAction,
    Mount,
    Note,
    Run,
    Sharing,
    State,
)
from ez.build.image.shell import command, text

USER = "envd"
HOME = "/home/envd"
USER_ID = 1000
"""The user's uid and gid in every image; the container's init changes them to its owner's."""

LIBRARY = "/usr/local/lib/ez"
INIT = f"{LIBRARY}/init"
ATTACH = f"{LIBRARY}/attach"
VENV_PATH = "/opt/venv/bin"

PROGRAMS = ("init", "environment", "supervise", "service", "attach")

APT_CACHES = (
    CacheMount("/var/cache/apt", "ez-apt-cache", Sharing.LOCKED),
    CacheMount("/var/lib/apt/lists", "ez-apt-lists", Sharing.LOCKED),
)


@dataclass(frozen=True)
class Surroundings:
    """The environment of a step: variables, and PATH entries before the base image's."""

    env: tuple[tuple[str, str], ...] = ()
    path: tuple[str, ...] = ()


PLAIN = Surroundings()


def access(base: State, shell: str = "bash") -> Run:
    """sshd, git, sudo and the user, with `shell` (a package of the same name) as the login shell."""
    note = Note(label="ez: prepare for SSH and the user envd")
    return Run(base, command("apt", "access", arguments=(shell,)), mounts=APT_CACHES, note=note)


def apt_packages(base: State, packages: Iterable[str], around: Surroundings = PLAIN, note: Note = NO_NOTE) -> Run:
    argv = command("apt", "packages", arguments=tuple(packages))
    return Run(base, argv, env=around.env, path=around.path, mounts=APT_CACHES, note=note)


def python(base: State, version: str, around: Surroundings = PLAIN, note: Note = NO_NOTE) -> Run:
    """Python `version` (`3.11` or `3.11.4`) as the virtual environment /opt/venv."""
    argv = command("apt", "python", arguments=(version,))
    return Run(base, argv, env=around.env, path=around.path, mounts=APT_CACHES, note=note)


def pip_install(
    base: State,
    arguments: Iterable[str],
    python_version: str,
    around: Surroundings = PLAIN,
    *,
    cwd: str = "/",
    mounts: tuple[Mount, ...] = (),
    note: Note = NO_NOTE,
) -> Run:
    """`pip install` with `arguments`; `python_version` keeps the wheels that pip builds apart."""
    cache = CacheMount("/root/.cache/pip", f"ez-pip-{python_version}")
    argv = command("pip", arguments=tuple(arguments))
    return Run(base, argv, env=around.env, path=around.path, cwd=cwd, mounts=(cache, *mounts), note=note)


def work_directory(base: State, path: str) -> Files:
    """The directory over which the repo is mounted, the user's own."""
    return Files(base, (_work_directory(path),), note=Note(label=f"make {path}"))


def programs(base: State, services: Mapping[str, str], owned: Iterable[str], workdir: str) -> Files:
    """What runs in the container. `services` are programs by name (`init_0`, `daemon_0`), with their `#!` line.

    `owned` are places outside the home that the build gave to the user.
    """
    actions: list[FileAction] = [_work_directory(workdir)]
    actions += [MkDirAction(LIBRARY), MkDirAction(f"{LIBRARY}/services")]
    actions += [MkFileAction(f"{LIBRARY}/{name}", text(name).encode(), 0o755) for name in PROGRAMS]
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
