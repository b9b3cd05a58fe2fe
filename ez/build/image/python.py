"""Python and its packages: the virtual environment /opt/venv, beside the distribution's packages where that can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from ez.build.graph import NO_NOTE, Mount, Note, Run, State
from ez.build.image.caches import APT, PIP, UV, UV_PROGRAMS
from ez.build.image.layers import PLAIN, Surroundings, step
from ez.build.image.shell import command

VENV = "/opt/venv"
VENV_PATH = f"{VENV}/bin"
EARLY = "/dev/shm/ez-early"
"""Where the first late step looks for the branch of the early ones, if that has not been merged."""


class Installer(Enum):
    """Who may do a `pip install`: pip alone, or also uv, for which calls that name an index are a case of their own."""

    PIP = "pip"
    UV = "uv"
    UV_WITH_INDEX = "index"


@dataclass(frozen=True)
class LockedProject:
    """The project in a step's directory: its lock's name, extras and groups with commas between them, and whether what
    its developers need is wanted too."""

    lock: str
    extras: str = ""
    groups: str = ""
    dev: bool = False


@dataclass(frozen=True)
class PipCall:
    """One `pip install` with `arguments`, run in `cwd`. With `project` also of what the lock there says.

    `name` is what the step is called where `ez.lock` has nothing to add, since its requirements are locked already.
    """

    arguments: tuple[str, ...]
    installer: Installer = Installer.PIP
    cwd: str = "/"
    mounts: tuple[Mount, ...] = ()
    note: Note = NO_NOTE
    project: LockedProject | None = None
    name: str = ""


def python(base: State, version: str, around: Surroundings = PLAIN, note: Note = NO_NOTE, *, venv: bool = True) -> Run:
    """Python `version` (`3.11` or `3.11.4`), and /opt/venv unless that is left to a branch."""
    argv = command("apt", "manager", "uv", "python", "toolchain", arguments=(version, "venv" if venv else ""))
    return step(base, argv, (APT, UV, UV_PROGRAMS), around, note=note)


def virtual_environment(base: State, version: str, around: Surroundings = PLAIN, note: Note = NO_NOTE) -> Run:
    """/opt/venv with the Python `version` that is in `base`."""
    return step(base, command("python", "venv", arguments=(version,)), (), around, note=note)


def install(base: State, call: PipCall, around: Surroundings = PLAIN) -> Run:
    return _call(base, call, around, "once", 0)


def install_early(base: State, calls: Sequence[PipCall], around: Surroundings = PLAIN) -> State:
    """What needs no compiling of the calls, up to the first that does; changes nothing but /opt/venv.

    None of them may be one that only pip can do. `install_late` has to follow, with the same calls.
    """
    for number, call in enumerate(calls):
        base = _call(base, call, around, "early", number)
    return base


def install_late(base: State, calls: Sequence[PipCall], around: Surroundings = PLAIN) -> State:
    """What `install_early` has left, now that all is there that compiling may need."""
    for number, call in enumerate(calls):
        when = "last" if number == len(calls) - 1 else "late"
        base = _call(base, call, around, when, number)
    return base


def _call(base: State, call: PipCall, around: Surroundings, when: str, number: int) -> Run:
    words = (when, str(number), call.installer.value, *call.arguments)
    argv = command("uv", "pip", arguments=words, name=call.name)
    if project := call.project:
        head = (project.lock, project.extras, project.groups, "dev" if project.dev else "")
        argv = command("uv", "project", "pip", arguments=(*head, *words), name="project")
    return step(base, argv, (PIP, UV, UV_PROGRAMS), around, cwd=call.cwd, mounts=call.mounts, note=call.note)
