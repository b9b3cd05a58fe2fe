"""apt, Python and pip steps."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from urllib.parse import urlsplit

from ez.build.frontends.envd import files
from ez.build.frontends.envd.record import At, PipIndex, Record
from ez.build.frontends.inputs import Inputs
from ez.build.frontends.requirements import needed_files
from ez.build.frontends.where import where
from ez.build.graph import BindMount, Files, MkDirAction, MkFileAction, Note, RmAction, State
from ez.build.image import layers
from ez.build.image.layers import Surroundings
from ez.errors import DefinitionError

MOUNT = "/run/ez-context"
"""Where a pip step finds the few files that it needs of the repo."""


def apt_source(state: State, record: Record) -> State:
    """The whole content of sources.list, instead of the distribution's own sources in either format."""
    if record.apt_source is None:
        return state
    content = record.apt_source.value
    content += "" if content.endswith("\n") else "\n"
    actions = (
        MkDirAction("/etc/apt"),
        RmAction("/etc/apt/sources.list.d/debian.sources"),
        RmAction("/etc/apt/sources.list.d/ubuntu.sources"),
        MkFileAction("/etc/apt/sources.list", content.encode()),
    )
    return Files(state, actions, Note("write /etc/apt/sources.list", record.apt_source.position))


def install(
    state: State, record: Record, inputs: Inputs, early: Surroundings, late: Surroundings, workdir: str
) -> State:
    """apt packages in one step, Python, pip's settings, then pip: each list, the requirements, the wheels."""
    if record.apt_packages:
        names = tuple(dict.fromkeys(name for asked in record.apt_packages for name in asked.value))
        note = Note(_label("apt-get install", names), record.apt_packages[0].position)
        state = layers.apt_packages(state, names, early, note)
    if record.python is not None:
        version = record.python.value
        state = layers.python(state, version, early, Note(f"install Python {version}", record.python.position))
    if record.pip_index is not None:
        action = MkFileAction("/etc/pip.conf", _pip_settings(record.pip_index.value).encode())
        state = Files(state, (action,), Note("write /etc/pip.conf", record.pip_index.position))
    version = record.python.value if record.python else "image"
    for asked in record.pip_packages:
        note = Note(_label("pip install", asked.value), asked.position)
        state = layers.pip_install(state, _words(asked), version, late, note=note)
    state = _requirements(state, record, inputs, late, workdir, version)
    return _wheels(state, record, inputs, late, version)


def _label(what: str, names: Iterable[str]) -> str:
    return f"{what} {' '.join(names)}"[:100]


def _words(asked: At[tuple[str, ...]]) -> tuple[str, ...]:
    """Entries may hold several words and options: joined, then split by a shell's rules, run by no shell."""
    joined = " ".join(asked.value)
    try:
        return tuple(shlex.split(joined))
    except ValueError as error:
        message = f"install.python_packages: an open quote: `{joined}`"
        raise DefinitionError(message, "close the quote", **where(asked.position)) from error


def _requirements(
    state: State, record: Record, inputs: Inputs, around: Surroundings, workdir: str, version: str
) -> State:
    """Only the files that pip reads are mounted, so that no other change of the repo runs the step again.

    A package inside the repo (`-e .`) needs the repo at the place where it stays.
    """
    if record.pip_requirements is None:
        return state
    path, position = record.pip_requirements.value, record.pip_requirements.position
    needed = needed_files(inputs, path, position)
    source = files.local(inputs, needed, position)
    whole = "." in needed
    place = workdir if whole else MOUNT
    if whole and record.dev:
        state = layers.work_directory(state, workdir)
    return layers.pip_install(
        state,
        ("-r", inputs.locate(path)),
        version,
        around,
        cwd=place,
        mounts=(BindMount(place, source, readonly=not whole),),
        note=Note(f"pip install -r {path}", position),
    )


def _wheels(state: State, record: Record, inputs: Inputs, around: Surroundings, version: str) -> State:
    for asked in record.pip_wheels:
        paths = tuple(inputs.locate(path, asked.position) for path in asked.value)
        source = files.local(inputs, paths, asked.position)
        state = layers.pip_install(
            state,
            tuple(f"./{path}" for path in paths),
            version,
            around,
            cwd=MOUNT,
            mounts=(BindMount(MOUNT, source),),
            note=Note(_label("pip install", asked.value), asked.position),
        )
    return state


def _pip_settings(index: PipIndex) -> str:
    lines = ["[global]", f"index-url = {index.url}"]
    if index.extra_url:
        lines.append(f"extra-index-url = {index.extra_url}")
    hosts = [urlsplit(url).hostname for url in (index.url, index.extra_url) if url] if index.trusted else []
    known = list(dict.fromkeys(host for host in hosts if host))
    if known:
        lines.append("trusted-host = " + "\n    ".join(known))
    return "\n".join([*lines, "", "[install]", "src = /tmp", ""])
