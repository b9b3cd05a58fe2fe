"""Environment files of conda: which other files of the repo they name, in what pip is to install."""

from __future__ import annotations

import posixpath
import re

from ez.build.frontends.inputs import Inputs
from ez.build.frontends.requirements import is_directory, named, requirements
from ez.build.graph import Position

_YAML = (".yml", ".yaml")
_PIP = re.compile(r"^(?P<indent>\s*)-\s+['\"]?pip['\"]?\s*:\s*(#.*)?$")
_ITEM = re.compile(r"^(?P<indent>\s*)-\s+(?P<value>.+?)\s*$")


def environment_files(inputs: Inputs, path: str, position: Position | None) -> tuple[tuple[str, ...], bool]:
    """The file `path` itself, and what its `pip:` list names: requirements, constraints, local packages; and whether
    there are directories among these.

    Raises MissingInputError for one that is not there.
    """
    located = inputs.locate(path, position)
    found = {located: None}
    directories = False
    text = inputs.read(located, position).decode("utf-8", "replace")
    for item in pip_items(text) if located.endswith(_YAML) else ():
        nested, package = named(item)
        below = posixpath.join(posixpath.dirname(located), nested or package)
        if nested and "://" not in nested:
            more = requirements(inputs, below, position)
            found |= dict.fromkeys(more.files)
            directories |= more.directories
        elif package and not posixpath.isabs(package):
            found[inputs.locate(below, position)] = None
            directories |= is_directory(package)
    return tuple(sorted(found)), directories


def pip_items(text: str) -> list[str]:
    """The entries of the `pip:` list among the dependencies of an environment file."""
    found: list[str] = []
    lines = text.splitlines()
    starts = [(number, matched) for number, line in enumerate(lines) if (matched := _PIP.match(line))]
    for number, start in starts:
        for line in lines[number + 1 :]:
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            item = _ITEM.match(line)
            if item is None or len(item["indent"]) <= len(start["indent"]):
                break
            found.append(_plain(item["value"]))
    return found


def _plain(value: str) -> str:
    """A scalar of YAML without its quotes or comment."""
    if value[:1] in ("'", '"'):
        return value[1:].split(value[0], 1)[0]
    return re.sub(r"\s+#.*$", "", value)
