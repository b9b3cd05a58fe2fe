"""What a `pip install` needs and who may do it: the files of a repo that pip reads, and what its words ask for."""

from __future__ import annotations

import codecs
import os
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ez.build.frontends.inputs import Inputs
from ez.build.frontends.passwords import LENT, refuse_passwords
from ez.build.graph import Position
from ez.build.image.python import Installer

_OPTION = re.compile(
    r"(?:(?P<nested>-r|-c|--requirement|--constraint)|(?P<links>-f|--find-links)|-e|--editable)"
    r"(?:\s*=\s*|\s+|(?<=-.))(?P<value>\"[^\"]+\"|'[^']+'|\S+)"
)
_ARCHIVE = re.compile(r"\.(whl|zip|tar\.(gz|bz2|xz)|tgz)$")
_INDEX = re.compile(r"(?:-i|--index-url|--extra-index-url)(?:\s*=\s*|\s+)[^\s$]+")
_NAME = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.-]*)\s*(\[[\w.,\s-]*\])?\s*((===?|~=|!=|<=?|>=?)[\w.*+!,<>=~\s-]*)?(;[^$]*)?", re.ASCII
)
_HASHES = re.compile(r"(\s+--hash=\w+:\w+)+$")
_FLAGS = ("--no-deps", "--pre")


@dataclass(frozen=True)
class Requirements:
    """`files` is a requirements file, the requirements and constraints it names, and the local packages among their
    lines; `.` is among them where a package is the repo itself. `installer` is who can do what all of them say.
    `directories`: some packages are directories, in which pip writes and where editable ones stay.
    """

    files: tuple[str, ...]
    installer: Installer
    directories: bool = False


def requirements(inputs: Inputs, path: str, position: Position | None) -> Requirements:
    """What the requirements file `path` needs. Raises MissingInputError for a file that is not there, and
    DefinitionError for one that tells a password."""
    found: dict[str, None] = {}
    installers: list[Installer] = []
    directories = False
    waiting = [inputs.locate(path, position)]
    while waiting:
        current = waiting.pop()
        if current in found:
            continue
        found[current] = None
        for line in _lines(_text(inputs.read(current, position))):
            refuse_passwords(current, (line,), position, LENT)
            nested, package = named(line)
            if nested and "://" not in nested:
                waiting.append(inputs.locate(posixpath.join(posixpath.dirname(current), nested), position))
            else:
                installers.append(_installer(line))
            if package and not posixpath.isabs(package):
                found[inputs.locate(package, position)] = None
                directories |= is_directory(package)
            found |= dict.fromkeys(_links(inputs, current, line))
    return Requirements(tuple(sorted(found)), _least(installers), directories)


def is_directory(package: str) -> bool:
    """Is the local `package` no archive?"""
    return not _ARCHIVE.search(package)


def installer_of(words: tuple[str, ...]) -> Installer:
    """Who can do `pip install` with `words`: uv where they are names, versions and indexes, and no options but few."""
    return _least(Installer.UV if entry in _FLAGS else _installer(entry) for entry in _entries(words))


def _entries(words: tuple[str, ...]) -> Iterator[str]:
    """Options together with their values, as on a line of a requirements file."""
    waiting = iter(words)
    for word in waiting:
        yield f"{word} {next(waiting, '')}" if word in ("-i", "--index-url", "--extra-index-url") else word


def _installer(line: str) -> Installer:
    if not line:
        return Installer.UV
    if _INDEX.fullmatch(line):
        return Installer.UV_WITH_INDEX
    requirement = _NAME.fullmatch(_HASHES.sub("", line).strip())
    return Installer.UV if requirement and not _ARCHIVE.search(requirement["name"]) else Installer.PIP


def _least(installers: Iterable[Installer]) -> Installer:
    """Who can do all of it."""
    found = set(installers)
    return next((one for one in (Installer.PIP, Installer.UV_WITH_INDEX) if one in found), Installer.UV)


def _lines(text: str) -> list[str]:
    """Lines without comments, continued ones joined."""
    joined = re.sub(r"\\\r?\n", " ", text)
    return [re.sub(r"(^|\s)#.*$", "", line).strip() for line in joined.splitlines()]


def _text(content: bytes) -> str:
    """As pip decodes it: by the mark of its encoding, as other systems write it, else as UTF-8."""
    marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if marked else "utf-8-sig", "replace")


def named(line: str) -> tuple[str, str]:
    """The requirements file and the local package that a line names, each empty for none."""
    option = _OPTION.match(line)
    if option is not None:
        value = option["value"].strip("'\"")
        if option["nested"]:
            return value, ""
        return "", "" if option["links"] else _local(value)
    if line.startswith("-"):
        return "", ""
    path = _local(line.split(" @ ", 1)[-1].split(";")[0].split(" --")[0].strip())
    is_path = path.startswith(".") or "/" in path or _ARCHIVE.search(path)
    return "", path if is_path else ""


def _local(value: str) -> str:
    """The path that `value` is, without extras; empty for the address of something elsewhere."""
    value = value.removeprefix("file://").removeprefix("file:")
    return "" if "://" in value or value.startswith("git+") else re.sub(r"\[[^\[\]]*\]$", "", value)


def _links(inputs: Inputs, current: str, line: str) -> Iterator[str]:
    """The directory of archives that a line of the file `current` names: beside that file, or else in the repo. pip
    does without one that is in neither."""
    option = _OPTION.match(line)
    value = _local(option["value"].strip("'\"")) if option is not None and option["links"] else ""
    for directory in (posixpath.dirname(current), "") if value and not posixpath.isabs(value) else ():
        place = inputs.locate(posixpath.join(directory, value))
        inputs.count((place,))
        if os.path.lexists(inputs.directory / place):
            yield place
            return
