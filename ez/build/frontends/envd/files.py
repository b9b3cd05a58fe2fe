"""`io.copy` and other files that a build file puts into the image."""

from __future__ import annotations

import posixpath

from ez.build.frontends.envd.record import At, Copy, GitConfig, Record
from ez.build.frontends.inputs import LEFT_OUT, Inputs
from ez.build.frontends.where import where
from ez.build.graph import (
    CopyAction,
    FileAction,
    Files,
    ImageSource,
    LocalSource,
    MkFileAction,
    Note,
    Position,
    State,
)
from ez.build.ignore import literal
from ez.build.image.layers import HOME, USER_ID
from ez.errors import DefinitionError, MissingInputError

CONTEXT = "context"
"""What the session calls the repo's directory."""


def copies(state: State, record: Record, inputs: Inputs) -> State:
    """Copies in call order, each a layer of its own: a change of one copies none of those before it again."""
    owner = USER_ID if record.dev else 0
    repo = _repo(record, inputs)
    for asked in record.copies:
        copy = asked.value
        origin = _image(asked) if copy.image else repo
        source = posixpath.join("/", copy.source if copy.image else inputs.locate(_in_repo(copy), asked.position))
        action = CopyAction(
            origin,
            posixpath.normpath(source),
            destination(copy) + ("/" if copy.target.endswith("/") and destination(copy) != "/" else ""),
            contents=False,
            uid=owner,
            gid=owner,
        )
        state = Files(state, (action,), Note(f"copy {copy.source} to {copy.target}", asked.position))
    return state


def settings(record: Record) -> tuple[FileAction, ...]:
    """What writes the person's Git settings."""
    return () if record.git is None else (_git_settings(record.git),)


def destination(copy: Copy) -> str:
    """Where a copy goes, absolute; a relative target counts from `/`, as in envd."""
    return posixpath.normpath(posixpath.join("/", copy.target))


def given_away(record: Record) -> tuple[str, ...]:
    """Places outside the home that belong to the user in a development image."""
    if not record.dev:
        return ()
    targets = (destination(asked.value) for asked in record.copies)
    return tuple(target for target in targets if target != "/" and not f"{target}/".startswith(f"{HOME}/"))


def local(inputs: Inputs, paths: tuple[str, ...], position: Position | None = None) -> LocalSource:
    """Files and directories of the repo; `.` is all of it. Raises MissingInputError."""
    wanted = sorted({inputs.add(path, position) for path in paths})
    include = () if "." in wanted else tuple(literal(path) for path in wanted)
    return LocalSource(CONTEXT, include, (f"**/{LEFT_OUT}",), Note("files of the repo", position))


def _repo(record: Record, inputs: Inputs) -> LocalSource:
    """The repo's files for all copies, in one transfer. Tells all missing files at once."""
    asked = [asked for asked in record.copies if not asked.value.image]
    missing: list[MissingInputError] = []
    for copy in asked:
        try:
            inputs.add(_in_repo(copy.value), copy.position)
        except MissingInputError as error:
            missing.append(error)
    if missing:
        missing[0].paths = tuple(dict.fromkeys(path for error in missing for path in error.paths))
        raise missing[0]
    return local(inputs, tuple(_in_repo(copy.value) for copy in asked), asked[0].position if asked else None)


def _in_repo(copy: Copy) -> str:
    """An absolute source counts from the repo's top, as in envd."""
    return copy.source.lstrip("/") or "."


def _image(asked: At[Copy]) -> ImageSource:
    return ImageSource(asked.value.image, note=Note(f"image {asked.value.image}", asked.position))


def _git_settings(asked: At[GitConfig]) -> FileAction:
    git, lines = asked.value, []
    for section, name, value in (
        ("user", "name", git.name),
        ("user", "email", git.email),
        ("core", "editor", git.editor),
    ):
        if "\n" in value or "\r" in value:
            message = f"git_config: a line end in `{name}`"
            raise DefinitionError(message, "give one line", **where(asked.position))
        if value:
            quoted = value.replace("\\", "\\\\").replace('"', '\\"')
            lines.append(f'[{section}]\n\t{name} = "{quoted}"\n')
    return MkFileAction(f"{HOME}/.gitconfig", "".join(lines).encode(), 0o644, USER_ID, USER_ID)
