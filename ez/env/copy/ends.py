"""What a person writes for the two ends of a copy: `PATH` here, `ENV:PATH` in an environment, `:PATH` in this one's."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from ez.errors import UsageError
from ez.names import is_name, shown

_EXAMPLE = "ez env cp results.csv my-env:data/"


@dataclass(frozen=True)
class End:
    """`environment` is None for this computer and empty for the environment of the current directory."""

    environment: str | None
    path: str

    @property
    def wants_directory(self) -> bool:
        return self.path == "" or self.path.endswith("/") or posixpath.basename(self.path) in (".", "..")

    @property
    def means_contents(self) -> bool:
        """Whether what is in the directory is meant, and not the directory itself."""
        return self.path == "." or self.path.endswith("/.")


def parse_end(text: str) -> End:
    """Raises UsageError for what is neither. A file with a colon in its name is written `./a:b`."""
    if "\0" in text or not text:
        raise UsageError("an empty path", _EXAMPLE)
    name, colon, path = text.partition(":")
    if not colon or "/" in name:
        return End(None, text)
    if name and not is_name(name):
        raise UsageError(f"not the name of an environment: `{shown(name)}`", f"write a file here as ./{shown(text)}")
    return End(name, path)


@dataclass(frozen=True)
class Route:
    """All of one copy: `sources` on one side, `target` on the other; `sends` is towards the environment."""

    sends: bool
    environment: str
    sources: tuple[End, ...]
    target: End


def parse_route(texts: list[str]) -> Route:
    """The last text is where to. Raises UsageError where not exactly one side is an environment."""
    if len(texts) < 2:
        raise UsageError("from where, and where to?", _EXAMPLE)
    *sources, target = [parse_end(text) for text in texts]
    names = {source.environment for source in sources}
    if len(names) > 1:
        raise UsageError("the sources are in several places", "copy from each of them by itself")
    (name,) = names
    if (name is None) == (target.environment is None):
        where = "on this computer" if name is None else "in environments"
        raise UsageError(f"both ends are {where}", f"one end is ENV:PATH, the other one is here: {_EXAMPLE}")
    return Route(name is None, (target.environment if name is None else name) or "", tuple(sources), target)


def path_there(path: str, workdir: str) -> str:
    """A path of the environment: absolute, or relative to the home, where SFTP begins."""
    if path == "~" or path.startswith("~/"):
        return path[2:].lstrip("/") or "."
    return posixpath.join(workdir, path)
