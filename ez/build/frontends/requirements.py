"""What a `pip install` needs and who may do it: the files of a repo that pip reads, and what its words ask for."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ez.build.frontends.inputs import Inputs
from ez.build.frontends.passwords import refuse_passwords
from ez.build.graph import Position
from ez.build.image.python import Installer

_OPTION = re.compile(
    r"(?:(?P<nested>-r|-c|--requirement|--constraint)|(?P<path>-e|--editable|-f|--find-links))(?:\s*=\s*|\s+|(?<=-.))(?P<value>\S+)"
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
    """

    files: tuple[str, ...]
    installer: Installer


def requirements(inputs: Inputs, path: str, position: Position | None) -> Requirements:
    """What the requirements file `path` needs. Raises MissingInputError for a file that is not there, and
    DefinitionError for one that tells a password."""
    found: dict[str, None] = {}
    installers: list[Installer] = []
    waiting = [inputs.locate(path, position)]
    while waiting:
        current = waiting.pop()
        if current in found:
            continue
        found[current] = None
        for line in _lines(inputs.read(current, position).decode("utf-8", "replace")):
            refuse_passwords(current, (line,), position)
            nested, package = named(line)
            if nested and "://" not in nested:
                waiting.append(inputs.locate(posixpath.join(posixpath.dirname(current), nested), position))
            else:
                installers.append(_installer(line))
            if package and not posixpath.isabs(package):
                found[inputs.locate(package, position)] = None
    return Requirements(tuple(sorted(found)), _least(installers))


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


def named(line: str) -> tuple[str, str]:
    """The requirements file and the local path that a line names, each empty for none."""
    option = _OPTION.match(line)
    if option is not None:
        value = option["value"].strip("'\"")
        return (value, "") if option["nested"] else ("", _local(value))
    if line.startswith("-"):
        return "", ""
    return "", _local(line.split(" @ ", 1)[-1].split(";")[0].split(" --")[0].strip())


def _local(value: str) -> str:
    """The path of a requirement that is a file or directory of the repo, empty for any other."""
    value = value.removeprefix("file://").removeprefix("file:")
    if "://" in value or value.startswith("git+"):
        return ""
    path = re.sub(r"\[[^\[\]]*\]$", "", value)
    is_path = path.startswith(".") or "/" in path or _ARCHIVE.search(path)
    return path if is_path else ""
