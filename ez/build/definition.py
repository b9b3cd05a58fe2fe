"""What a frontend gives to the solver: one graph, its image configuration and how to run the result."""

from __future__ import annotations

from dataclasses import dataclass, field

from ez.build.graph import ImageConfig, State
from ez.build.includes import Included
from ez.models import Runtime


@dataclass(frozen=True)
class SourceFile:
    """A build file's text, for BuildKit's source maps and for error excerpts. `name` is relative to the repo."""

    name: str
    data: bytes


@dataclass(frozen=True)
class Definition:
    """A whole environment. `digest` (`sha256:` and 64 hex digits) is its identity: the same description and the
    same copied files give the same digest in every run and on every computer.

    `context` is the directory served to the session as `context`; `inputs` are the paths in it, relative, that
    the definition read or copies, whose contents are part of the digest. `contents` are the files among them that the
    build sees: path, kind (`file`, `program`, `link`, `other`) and SHA-256 or link target. `includes` are the repos
    whose build files took part.
    """

    state: State
    config: ImageConfig
    runtime: Runtime
    digest: str
    context: str
    inputs: tuple[str, ...] = ()
    sources: tuple[SourceFile, ...] = ()
    warnings: tuple[str, ...] = ()
    contents: tuple[tuple[str, str, str], ...] = field(default=(), repr=False)
    includes: tuple[Included, ...] = field(default=(), repr=False)
