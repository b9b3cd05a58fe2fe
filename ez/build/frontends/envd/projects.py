"""`install.python_packages(project=...)`: first what a project needs, then the project itself.

What it needs is read of its manifest and lock alone, so that no change of its code installs that again.
"""

from __future__ import annotations

import posixpath

from ez.build.frontends.envd import files
from ez.build.frontends.envd.record import At
from ez.build.frontends.inputs import Inputs
from ez.build.frontends.projects import Locked, Project, read_project
from ez.build.frontends.requirements import installer_of
from ez.build.graph import BindMount, Files, MkFileAction, Note, Position, Scratch
from ez.build.image.python import Installer, LockedProject, PipCall

_LINES = "/dev/shm/ez-pipfile"
_HASHED = " --hash="


def calls(asked: At[str], inputs: Inputs, workdir: str, dev: bool) -> tuple[PipCall, ...]:
    """In a development image the project is installed as editable, at the place where the repo is mounted. Its groups
    for development come with it."""
    project = read_project(inputs, asked.value, asked.position)
    needs = _needs(project, inputs, asked.position, workdir, dev)
    if not project.package:
        return needs
    alone = project.lines is None and not needs
    return (*needs, _itself(project, inputs, asked.position, workdir, dev, alone=alone))


def _needs(project: Project, inputs: Inputs, position: Position, workdir: str, dev: bool) -> tuple[PipCall, ...]:
    note = Note(f"install what {_shown(project)} needs", position)
    if project.lines is not None:
        return _listed(project, inputs, note, workdir, dev)
    if project.locked is Locked.NONE:
        return ()
    whole = not project.needed
    place = workdir if whole and dev else files.MOUNT
    mount = BindMount(place, files.local(inputs, project.needed or (".",), position), readonly=not whole)
    installer = Installer.PIP if whole else Installer.UV_WITH_INDEX if project.indexes else Installer.UV
    locked = LockedProject(project.locked.value, ",".join(project.extras), ",".join(project.groups) if dev else "", dev)
    return (PipCall(_indexes(project), installer, _cwd(place, project), (mount,), note, locked),)


def _listed(project: Project, inputs: Inputs, note: Note, workdir: str, dev: bool) -> tuple[PipCall, ...]:
    """Its requirements; those of a lock as files. What has no hash is a file of its own: pip wants one for all of a
    call or for none."""
    assert project.lines is not None
    lines = tuple(dict.fromkeys((*project.lines[0], *(project.lines[1] if dev else ()))))
    if not lines:
        return ()
    if project.locked is Locked.NONE:
        words = (*_indexes(project), *lines)
        return (PipCall(words, installer_of(words), note=note),)
    hashed = tuple(line for line in lines if _HASHED in line)
    rest = tuple(line if dev else line.removeprefix("-e ") for line in lines if line not in hashed)
    return tuple(_from_file(project, inputs, part, note, workdir, dev) for part in (hashed, rest) if part)


def _from_file(
    project: Project, inputs: Inputs, lines: tuple[str, ...], note: Note, workdir: str, dev: bool
) -> PipCall:
    """What a lock names is all that is needed. A package of the repo needs the repo."""
    text = "".join(f"{line}\n" for line in lines)
    mounts = [BindMount(_LINES, Files(Scratch(), (MkFileAction("/requirements.txt", text.encode()),), note))]
    plain = [installer_of((line.partition(_HASHED)[0],)) for line in lines]
    installer = (
        Installer.PIP if Installer.PIP in plain else Installer.UV_WITH_INDEX if project.indexes else Installer.UV
    )
    words = (*_indexes(project), "-r", f"{_LINES}/requirements.txt")
    if not any(line.removeprefix("-e ").startswith(".") for line in lines):
        return PipCall((*words, "--no-deps"), installer, "/", tuple(mounts), note, name="project")
    place = workdir if dev else files.MOUNT
    mounts.append(BindMount(place, files.local(inputs, (".",), note.position), readonly=False))
    return PipCall(("--no-deps", *words), installer, _cwd(place, project), tuple(mounts), note, name="project")


def _indexes(project: Project) -> tuple[str, ...]:
    return tuple(word for index in project.indexes for word in ("--extra-index-url", index))


def _cwd(place: str, project: Project) -> str:
    return posixpath.normpath(posixpath.join(place, project.place))


def _itself(project: Project, inputs: Inputs, position: Position, workdir: str, dev: bool, *, alone: bool) -> PipCall:
    """With what it needs where only its build knows that."""
    path = f"./{project.place}" if project.place != "." else "."
    extras = f"[{','.join(project.extras)}]" if alone and project.extras else ""
    words = (*(() if alone else ("--no-deps",)), *(("-e",) if dev else ()), f"{path}{extras}")
    place = workdir if dev else files.MOUNT
    if dev and project.sparse:
        source = files.matching(inputs, project.sparse, position)
    else:
        source = files.local(inputs, (".",), position)
    mount = BindMount(place, source, readonly=False)
    return PipCall(words, cwd=place, mounts=(mount,), note=Note(f"install {_shown(project)}", position))


def _shown(project: Project) -> str:
    return "the project" if project.place == "." else f"the project {project.place}"
