"""`io.copy` and other files that a build file puts into the image."""

from __future__ import annotations

import posixpath

from ez.build.frontends.envd.record import At, Copy, GitConfig, Record
from ez.build.frontends.inputs import LEFT_OUT, Inputs
from ez.build.frontends.passwords import without_user
from ez.build.frontends.where import where
from ez.build.graph import (
    CopyAction,
    FileAction,
    Files,
    HttpSource,
    ImageSource,
    LocalSource,
    MkDirAction,
    MkFileAction,
    Note,
    Position,
    State,
)
from ez.build.ignore import literal
from ez.build.image.layers import HOME, USER_ID
from ez.build.llb.reference import normalise
from ez.errors import DefinitionError, MissingInputError

CONTEXT = "context"
"""What the session calls the repo's directory."""

DOWNLOADS = f"{HOME}/extra_source"

MOUNT = "/dev/shm/ez-context"
"""Where a step finds the few files that it needs of the repo: in memory, so that no mount point stays behind."""


def downloads(state: State, record: Record) -> State:
    """Files by `io.http`, in call order, where envd puts them. A later one of the same name wins."""
    uid, gid = owner(record)
    for asked in record.downloads:
        wanted = asked.value
        note = Note(f"download {without_user(wanted.url)}"[:200], asked.position)
        source = HttpSource(wanted.url, wanted.filename, wanted.checksum, uid=uid, gid=gid, note=note)
        target = f"{DOWNLOADS}/{wanted.filename}"
        actions = (
            MkDirAction(DOWNLOADS, uid=uid, gid=gid),
            CopyAction(source, f"/{wanted.filename}", target, uid=uid, gid=gid),
        )
        state = Files(state, actions, Note(f"copy {wanted.filename} to {DOWNLOADS}", asked.position))
    return state


def owner(record: Record) -> tuple[int, int]:
    """Whose files are in the image: the user's in a development image, whose ids change at start; else as asked for."""
    return (USER_ID, USER_ID) if record.dev else record.owner or (0, 0)


def copies(state: State, record: Record, inputs: Inputs) -> State:
    """Copies in call order, each a layer of its own: a change of one copies none of those before it again."""
    uid, gid = owner(record)
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
            uid=uid,
            gid=gid,
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


def mount_parents(record: Record, workdir: str) -> tuple[FileAction, ...]:
    """Directories in the home above what is mounted at start: an engine would make them as root's."""
    targets = (asked.value.target for asked in record.mounts)
    parents = dict.fromkeys(posixpath.dirname(target) for target in targets)
    wanted = [path for path in parents if path.startswith(f"{HOME}/") and not f"{path}/".startswith(f"{workdir}/")]
    return tuple(MkDirAction(path, uid=USER_ID, gid=USER_ID) for path in wanted)


def local(inputs: Inputs, paths: tuple[str, ...], position: Position | None = None) -> LocalSource:
    """Files and directories of the repo; `.` is all of it. Raises MissingInputError."""
    wanted = sorted({inputs.add(path, position) for path in paths})
    include = () if "." in wanted else tuple(literal(path) for path in wanted)
    return LocalSource(CONTEXT, include, (f"**/{LEFT_OUT}",), Note("files of the repo", position))


def matching(inputs: Inputs, patterns: tuple[str, ...], position: Position | None = None) -> LocalSource:
    """Those files of the repo whose paths match. Raises MissingInputError."""
    inputs.add_matching(patterns, position)
    return LocalSource(CONTEXT, patterns, (f"**/{LEFT_OUT}",), Note("files of the repo", position))


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
    image = ImageSource(asked.value.image, note=Note(f"image {asked.value.image}", asked.position))
    normalise(image)
    return image


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
