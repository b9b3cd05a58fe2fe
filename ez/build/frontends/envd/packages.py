"""apt, Python and pip steps."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from ez.build.frontends.envd import files, projects, toolchains
from ez.build.frontends.envd.record import At, PipIndex, Record
from ez.build.frontends.inputs import Inputs
from ez.build.frontends.passwords import LENT, refuse_passwords
from ez.build.frontends.requirements import installer_of, requirements
from ez.build.frontends.where import where
from ez.build.graph import BindMount, Files, MkDirAction, MkFileAction, Note, RmAction, State
from ez.build.image import layers
from ez.build.image import python as toolchain
from ez.build.image.branches import Branch
from ez.build.image.layers import Surroundings
from ez.build.image.python import PipCall
from ez.errors import DefinitionError


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


def python(state: State, record: Record, around: Surroundings, *, venv: bool) -> State:
    """Python, its virtual environment if that is wanted at once, and pip's settings."""
    if record.python is not None and not record.whole.conda:
        version = record.python.value
        note = Note(f"install Python {version}", record.python.position)
        state = toolchain.python(state, version, around, note, venv=venv)
    if record.pip_index is not None:
        action = MkFileAction("/etc/pip.conf", _pip_settings(record.pip_index.value).encode())
        state = Files(state, (action,), Note("write /etc/pip.conf", record.pip_index.position))
    return state


def apt(state: State, record: Record, around: Surroundings) -> State:
    """The distribution's packages that were asked for, in one step."""
    asked = (*record.apt_packages, *toolchains.system_packages(record))
    names = tuple(dict.fromkeys(name for one in asked for name in one.value))
    if not names:
        return state
    note = Note(toolchains.label_of("apt-get install", names), asked[0].position)
    python = record.whole.python
    version = python.value if python and not record.whole.conda else ""
    return layers.apt_packages(state, names, around, note, python=version)


def venv(
    state: State, record: Record, calls: Sequence[PipCall], early: Surroundings, late: Surroundings
) -> tuple[Branch, Branch]:
    """The virtual environment, and what of the pip `calls` can be had before the distribution's packages are there."""
    assert record.python is not None
    note = Note("make /opt/venv", record.python.position)
    made = toolchain.virtual_environment(state, record.python.value, early, note)
    filled = toolchain.install_early(made, calls, late)
    paths = (toolchain.VENV,)
    return Branch(state, made, paths), Branch(made, filled, paths, toolchain.EARLY)


def pip_calls(record: Record, inputs: Inputs, workdir: str) -> tuple[PipCall, ...]:
    """Each list of packages, the requirements, the wheels, the projects. A call whose `cwd` is `workdir` needs the repo
    there."""
    calls = (
        *(_named(asked) for asked in record.pip_packages),
        *((_named(At(("jupyter",), record.jupyter.position)),) if record.jupyter else ()),
        *_requirements(record, inputs, workdir),
        *(_wheels(asked, inputs) for asked in record.pip_wheels),
        *(call for asked in record.pip_projects for call in projects.calls(asked, inputs, workdir, record.dev)),
    )
    return tuple(_with_secrets(call, record) for call in calls)


def _with_secrets(call: PipCall, record: Record) -> PipCall:
    secrets = record.pip_secrets.get(call.note.position, ()) if call.note.position else ()
    return replace(call, mounts=(*call.mounts, *secrets)) if secrets else call


def _named(asked: At[tuple[str, ...]]) -> PipCall:
    words = _words(asked)
    return PipCall(
        words, installer_of(words), note=Note(toolchains.label_of("pip install", asked.value), asked.position)
    )


def _words(asked: At[tuple[str, ...]]) -> tuple[str, ...]:
    """Entries may hold several words and options: joined, then split by a shell's rules, run by no shell."""
    joined = " ".join(asked.value)
    refuse_passwords("install.python_packages", (joined,), asked.position, LENT)
    try:
        return tuple(shlex.split(joined))
    except ValueError as error:
        message = f"install.python_packages: an open quote: `{joined}`"
        raise DefinitionError(message, "close the quote", **where(asked.position)) from error


def _requirements(record: Record, inputs: Inputs, workdir: str) -> Iterator[PipCall]:
    """Only the files that pip reads are mounted, so that no other change of the repo runs the step again.

    A package inside the repo (`-e .`) has to be at the place where it stays.
    """
    if record.pip_requirements is None:
        return
    path, position = record.pip_requirements.value, record.pip_requirements.position
    needed = requirements(inputs, path, position)
    source = files.local(inputs, needed.files, position)
    place = workdir if needed.directories else files.MOUNT
    yield PipCall(
        ("-r", inputs.locate(path)),
        needed.installer,
        cwd=place,
        mounts=(BindMount(place, source, readonly=not needed.directories),),
        note=Note(f"pip install -r {path}", position),
    )


def _wheels(asked: At[tuple[str, ...]], inputs: Inputs) -> PipCall:
    paths = tuple(inputs.locate(path, asked.position) for path in asked.value)
    source = files.local(inputs, paths, asked.position)
    return PipCall(
        tuple(f"./{path}" for path in paths),
        cwd=files.MOUNT,
        mounts=(BindMount(files.MOUNT, source),),
        note=Note(toolchains.label_of("pip install", asked.value), asked.position),
    )


def _pip_settings(index: PipIndex) -> str:
    lines = ["[global]", f"index-url = {index.url}"]
    if index.extra_url:
        lines.append(f"extra-index-url = {index.extra_url}")
    hosts = [urlsplit(url).hostname for url in (index.url, index.extra_url) if url] if index.trusted else []
    known = list(dict.fromkeys(host for host in hosts if host))
    if known:
        lines.append("trusted-host = " + "\n    ".join(known))
    return "\n".join([*lines, "", "[install]", "src = /tmp", ""])
