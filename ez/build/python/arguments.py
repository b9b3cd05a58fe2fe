"""Arguments of calls, checked where the person wrote them. All raise DefinitionError."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence

from ez.build.python.place import wrong

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OWNER = re.compile(r"([0-9]{1,9})(?::([0-9]{1,9}))?")
_MODES = 0o7777

Words = str | list[str] | tuple[str, ...]
Owner = int | str | None
"""A uid, or `uid:gid`; None keeps the owner."""


def words(call: str, given: Iterable[Words]) -> tuple[str, ...]:
    """Names, given one by one or as lists. None may look like an option."""
    listed = [one for many in given for one in (many if isinstance(many, list | tuple) else [many])]
    found = tuple(text(call, one) for one in listed)
    for word in found:
        if not word or word.startswith("-"):
            raise wrong(f"{call}: not a name: `{word}`", "give names only")
    return found


def text(call: str, value: object) -> str:
    if not isinstance(value, str):
        raise wrong(f"{call}: not a text: `{str(value)[:60]}` of type {type(value).__name__}", "put it in quotes")
    if "\0" in value:
        raise wrong(f"{call}: a NUL character in `{value[:60]!r}`", "remove it")
    return value


def argv(call: str, given: Sequence[str]) -> tuple[str, ...]:
    found = tuple(text(call, one) for one in given)
    if not found or not found[0]:
        raise wrong(f"{call}: no program is named", f'write it as `{call}("make", "test")`')
    return found


def place(call: str, path: str) -> str:
    """An absolute path of the image, a slash at its end kept."""
    if not text(call, path).startswith("/"):
        raise wrong(f"{call}: not an absolute path: `{path}`", f"write `/{path}` or wherever in the image it is")
    plain = posixpath.normpath(path).replace("//", "/")
    return plain + "/" if path.endswith("/") and plain != "/" else plain


def in_directory(call: str, path: str) -> str:
    """A path below the directory in which the program runs, relative."""
    plain = posixpath.normpath(text(call, path) or ".")
    if plain.startswith(("/", "../")) or plain == "..":
        raise wrong(f"{call}: outside of the directory: `{path}`", "give a path below the directory, relative to it")
    return plain


def variables(call: str, *given: Mapping[str, str]) -> dict[str, str]:
    found = {name: value for some in given for name, value in texts(call, some).items()}
    for name in found:
        if not _VARIABLE.fullmatch(name):
            raise wrong(f"{call}: not a variable's name: `{name}`", "use letters, digits and `_`")
        if name == "PATH":
            raise wrong(f"{call}: `PATH` is not set this way", 'use `.path("/directory")`')
    return found


def texts(call: str, given: Mapping[str, str]) -> dict[str, str]:
    """Values by name."""
    if not isinstance(given, Mapping):
        raise wrong(f"{call}: not values by name: `{str(given)[:60]}`", f'write it as `{call}({{"name": "value"}})`')
    return {text(call, name): text(call, value) for name, value in given.items()}


def number(call: str, given: int, largest: int, least: int = 0) -> int:
    if type(given) is not int or not least <= given <= largest:
        raise wrong(f"{call}: not a number from {least} to {largest}: `{str(given)[:60]}`", "give such a number")
    return given


def mode(call: str, given: int) -> int:
    """What chmod(1) takes."""
    if type(given) is not int or not 0 <= given <= _MODES:
        raise wrong(f"{call}: not a file's mode: `{str(given)[:60]}`", "write it in octal, as `0o644`")
    return given


def owner(call: str, given: Owner) -> tuple[int | None, int | None]:
    """uid and gid; one number is both."""
    if given is None:
        return None, None
    matched = _OWNER.fullmatch(str(given))
    if matched is None:
        raise wrong(f"{call}: not an owner: `{given}`", "give numbers: `1000` or `1000:1000`")
    return int(matched[1]), int(matched[2] or matched[1])


def path_of(wanted: str) -> str:
    """The path of a pattern that matches it alone; `.` for a pattern that may match more."""
    unescaped = re.sub(r"\\.", "", wanted)
    return "." if re.search(r"[*?\[\]\\!]", unescaped) else re.sub(r"\\(.)", r"\1", wanted)
