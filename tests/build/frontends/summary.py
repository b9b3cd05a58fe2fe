"""A definition, or why there is none, as lines that a person can read and a case file can hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from ez.build.definition import Definition
from ez.build.graph import (
    BindMount,
    CacheMount,
    CopyAction,
    Diff,
    FileAction,
    Files,
    ImageSource,
    LocalSource,
    Merge,
    MkDirAction,
    MkFileAction,
    Mount,
    RmAction,
    Run,
    State,
    walk,
)
from ez.build.image.caches import ROOT
from ez.build.image.layers import PROGRAMS
from ez.errors import DefinitionError
from ez.models import Runtime

ORDINARY = ("DEBIAN_FRONTEND", "LANG", "LC_ALL", "UV_LINK_MODE")


def summary(definition: Definition) -> str:
    lines = [line for state in walk(definition.state) for line in _state(state)]
    for item in fields(definition.config):
        if value := getattr(definition.config, item.name):
            lines.append(f"config {item.name} {value!r}")
    for item in fields(Runtime):
        if (value := getattr(definition.runtime, item.name)) != item.default:
            lines.append(f"runtime {item.name} {value!r}")
    lines += [f"input {path}" for path in definition.inputs]
    lines += [f"warning {text}" for text in definition.warnings]
    return "\n".join(lines) + "\n"


def failure(error: DefinitionError) -> str:
    where = ":".join(str(part) for part in (error.file, error.line, error.column) if part is not None)
    return f"error {where}: {error.message}\nhint {error.hint}\n"


def _state(state: State) -> Iterator[str]:
    position = getattr(state, "note", None) and state.note.position  # type: ignore[union-attr]
    place = f" @ {position.file}:{position.line}:{position.column}" if position else ""
    match state:
        case ImageSource():
            yield f"image {state.reference}{place}"
        case LocalSource():
            yield f"local {state.name} {list(state.include)} without {list(state.exclude)}{place}"
        case Run():
            yield f"step {_command(state)}{place}"
            yield from _details(state)
        case Files():
            yield f"files{place}"
            yield from (f"    {line}" for action in state.actions for line in _action(action))
        case Diff():
            mount = f", or at {state.mount}" if state.mount else ""
            yield f"branch of {_name(state.lower)}, up to {_name(state.upper)}: {' '.join(state.paths)}{mount}"
        case Merge():
            yield f"merge onto {_name(state.inputs[0])}"


def _name(state: State) -> str:
    return _command(state) if isinstance(state, Run) else type(state).__name__


def _command(run: Run) -> str:
    if run.argv[0] == "/bin/sh":
        return f"{run.argv[3]} {list(run.argv[4:])}"
    return repr(list(run.argv))


def _details(run: Run) -> Iterator[str]:
    env = {name: value for name, value in run.env if name not in ORDINARY and ROOT not in value}
    for name, value in (("env", env), ("path", run.path), ("user", run.user), ("cwd", run.cwd)):
        if value and value != "/":
            yield f"    {name} {value!r}"
    yield from (f"    {_mount(mount)}" for mount in run.mounts)


def _mount(mount: Mount) -> str:
    match mount:
        case BindMount():
            return f"bind {mount.target} {'read-only' if mount.readonly else 'writable'}"
        case CacheMount():
            owner = f" owner {mount.uid}" if mount.uid else ""
            return f"cache {mount.target} {mount.id} {mount.sharing.name.lower()}{owner}"
        case _:
            return repr(mount)


def _action(action: FileAction) -> Iterator[str]:
    match action:
        case CopyAction():
            kind = "contents" if action.contents else "itself"
            yield f"copy {action.source} to {action.target} ({kind}) owner {action.uid}"
        case MkDirAction():
            yield f"mkdir {action.path} owner {action.uid}"
        case RmAction():
            yield f"rm {action.path}"
        case MkFileAction():
            yield f"write {action.path} {action.mode:o} owner {action.uid}"
            if action.path.rpartition("/")[2] not in PROGRAMS:
                yield from (f"    | {line}" for line in action.data.decode().splitlines())
