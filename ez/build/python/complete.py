"""From what a program made to what `load` needs: the files that it copies, and what an environment has besides."""

from __future__ import annotations

from dataclasses import replace

from ez.build.definition import SourceFile
from ez.build.frontends import Described
from ez.build.frontends.envd.files import CONTEXT
from ez.build.frontends.inputs import Inputs
from ez.build.graph import (
    CopyAction,
    Files,
    ImageConfig,
    LocalSource,
    MkDirAction,
    MkFileAction,
    Scratch,
    State,
    base_image,
    walk,
)
from ez.build.image import environment, layers
from ez.build.image.layers import HOME, USER_ID
from ez.build.python.arguments import path_of
from ez.build.python.branches import rebased
from ez.errors import DefinitionError, MissingInputError
from ez.models import Runtime


def described(
    state: State, config: ImageConfig, runtime: Runtime, inputs: Inputs, name: str, access: bool
) -> Described:
    """With `access` the image can be entered, as the environment `name`. Raises DefinitionError."""
    if not name or "/" in name or name in (".", "..") or not name.isprintable():
        raise DefinitionError(f"not a name for an environment: `{name!r}`", "give another name")
    if runtime.shell not in environment.SHELLS:
        raise DefinitionError(f"not a shell that ez knows: `{runtime.shell!r}`", "use `bash`, `zsh` or `fish`")
    _add_files(state, inputs)
    sources = _sources(state, inputs)
    if not access:
        plain = replace(runtime, user="", home="", environ=config.env, path=config.path, entrypoint=config.entrypoint)
        return Described(state, config, plain, sources)
    workdir = f"{HOME}/{name}"
    environ = {**environment.LOCALE, **environment.variables(workdir, runtime.shell), **dict(config.env)}
    path = (*config.path, environment.USER_PATH)
    started = config.entrypoint or config.cmd
    return Described(
        layers.programs(
            _with_access(state, runtime.shell),
            environment.services(runtime.init, runtime.daemons),
            _given_away(state),
            workdir,
        ),
        environment.image_config(replace(config, env=tuple(sorted(environ.items())), path=path), workdir),
        environment.runtime(runtime, workdir, environ, path),
        sources,
        ("entrypoint and cmd are for plain images; in this environment nothing starts them",) if started else (),
    )


def _add_files(state: State, inputs: Inputs) -> None:
    """Count what the steps copy among the definition's inputs. Tells all missing files at once."""
    missing: list[MissingInputError] = []
    for source in walk(state):
        if not isinstance(source, LocalSource):
            continue
        if source.name != CONTEXT:
            raise DefinitionError(f"not a directory that ez knows: `{source.name}`", "copy from the repo")
        for wanted in source.include or (".",):
            try:
                inputs.add(path_of(wanted), source.note.position)
            except MissingInputError as error:
                missing.append(error)
    if missing:
        missing[0].paths = tuple(dict.fromkeys(path for error in missing for path in error.paths))
        raise missing[0]


def _sources(state: State, inputs: Inputs) -> tuple[SourceFile, ...]:
    """The text of the files that asked for steps, as far as they are the repo's own."""
    notes = (one.note for one in walk(state) if not isinstance(one, Scratch))
    files = dict.fromkeys(note.position.file for note in notes if note.position is not None)
    found = []
    for file in files:
        try:
            found.append(SourceFile(file, inputs.read(file)))
        except DefinitionError:
            continue
    return tuple(found)


def _with_access(state: State, shell: str) -> State:
    """With sshd and the user right on the base image, below all that was asked for."""
    base = base_image(state)
    if base is None:
        message = "an image that grows from no other has no sshd and no shell to enter it with"
        raise DefinitionError(message, 'begin with `Image("ubuntu:22.04")`, or build it without an environment')
    return rebased(state, base, layers.access(base, shell))


def _given_away(state: State) -> tuple[str, ...]:
    """Places outside of the home that belong to the user."""
    found: list[str] = []
    for one in walk(state):
        for action in one.actions if isinstance(one, Files) else ():
            if isinstance(action, CopyAction | MkDirAction | MkFileAction) and action.uid == USER_ID:
                place = action.target if isinstance(action, CopyAction) else action.path
                found.append(place.rstrip("/") or "/")
    return tuple(place for place in found if place != "/" and not f"{place}/".startswith(f"{HOME}/"))
