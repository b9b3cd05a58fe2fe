"""Which files of a repo pip reads for a requirements file."""

from __future__ import annotations

import posixpath
import re

from ez.build.frontends.inputs import Inputs
from ez.build.graph import Position

_OPTION = re.compile(
    r"(?:(?P<nested>-r|-c|--requirement|--constraint)|(?P<path>-e|--editable|-f|--find-links))(?:\s*=\s*|\s+|(?<=-.))(?P<value>\S+)"
)
_ARCHIVE = re.compile(r"\.(whl|zip|tar\.(gz|bz2|xz)|tgz)$")


def needed_files(inputs: Inputs, path: str, position: Position | None) -> tuple[str, ...]:
    """`path`, the requirements and constraints it names, and the local packages among their lines.

    `.` is among them where a package is the repo itself. Raises MissingInputError for a file that is not there.
    """
    found: dict[str, None] = {}
    waiting = [inputs.locate(path, position)]
    while waiting:
        current = waiting.pop()
        if current in found:
            continue
        found[current] = None
        for line in _lines(inputs.read(current, position).decode("utf-8", "replace")):
            nested, package = _named(line)
            if nested and "://" not in nested:
                waiting.append(inputs.locate(posixpath.join(posixpath.dirname(current), nested), position))
            if package and not posixpath.isabs(package):
                found[inputs.locate(package, position)] = None
    return tuple(sorted(found))


def _lines(text: str) -> list[str]:
    """Lines without comments, continued ones joined."""
    joined = re.sub(r"\\\r?\n", " ", text)
    return [re.sub(r"(^|\s)#.*$", "", line).strip() for line in joined.splitlines()]


def _named(line: str) -> tuple[str, str]:
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
