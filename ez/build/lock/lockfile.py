"""`ez.lock`: what a build file's names stood for when `ez lock` looked, as text that reads well in a diff."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ez.build.frontends.inputs import LOCK
from ez.errors import DefinitionError

NAME = LOCK
FORMAT = 1

_HEAD = """\
# Made by `ez lock`. Commit it: with it, everyone builds from the same images, sources and packages.
# After a change of the build file run `ez lock`; for newer versions `ez lock --upgrade`. Do not edit.
"""
_DIGEST = r"sha256:[0-9a-f]{64}"
_PACKAGE = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]*(==[^\s;]+| @ https?://[^\s@]+)( --hash={_DIGEST})+")

Entry = TypeVar("Entry")


@dataclass(frozen=True)
class LockedImage:
    """An image by its full reference, and the digest of its manifest list or manifest; empty for one in no registry."""

    reference: str
    digest: str


@dataclass(frozen=True)
class LockedGit:
    """A Git repository: what was asked for, and the commit (40 hex digits) that it was."""

    url: str
    ref: str
    commit: str


@dataclass(frozen=True)
class LockedHttp:
    """A download and its `sha256:...`, empty where the build had no image to sum it with."""

    url: str
    checksum: str


@dataclass(frozen=True)
class LockedPython:
    """What one `pip install` came to, for a platform (`linux/amd64`) and a version of Python (`3.11`).

    `asked` are its requirements and constraints, sorted. `packages` are lines of a requirements file,
    `NAME==VERSION --hash=sha256:...`; `unlocked` is what has no hash: packages of the repo itself and of Git.
    """

    asked: tuple[str, ...]
    platform: str
    version: str
    packages: tuple[str, ...]
    unlocked: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lock:
    """Everything that is locked, each kind sorted."""

    images: tuple[LockedImage, ...] = ()
    git: tuple[LockedGit, ...] = ()
    http: tuple[LockedHttp, ...] = ()
    python: tuple[LockedPython, ...] = ()


def lock_text(lock: Lock) -> str:
    """The file; the same lock gives the same text."""
    tables = [
        *(_table("image", reference=one.reference, digest=one.digest) for one in lock.images),
        *(_table("git", url=one.url, ref=one.ref, commit=one.commit) for one in lock.git),
        *(_table("http", url=one.url, checksum=one.checksum) for one in lock.http),
        *(
            _table(
                "python",
                asked=one.asked,
                platform=one.platform,
                version=one.version,
                packages=one.packages,
                unlocked=one.unlocked,
            )
            for one in lock.python
        ),
    ]
    return "\n".join([_HEAD + f"version = {FORMAT}\n", *tables])


def parse_lock(text: str) -> Lock:
    """The reverse of `lock_text`. Raises DefinitionError with the file's name for anything else."""
    import tomllib

    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, and numbers and nesting beyond all bounds
        raise _wrong(f"not TOML ({error})") from error
    if (version := data.pop("version", None)) != FORMAT:
        newer = isinstance(version, int) and version > FORMAT
        raise _wrong(f"of version `{version}`", "update ez" if newer else "make it anew with `ez lock --upgrade`")
    if unknown := sorted(set(data) - {"image", "git", "http", "python"}):
        raise _wrong(f"an unknown table `{unknown[0]}`")
    return Lock(
        _entries(
            data, "image", lambda one: LockedImage(_text(one, "reference"), _text(one, "digest", rf"({_DIGEST})?"))
        ),
        _entries(
            data,
            "git",
            lambda one: LockedGit(_text(one, "url"), _text(one, "ref"), _text(one, "commit", r"[0-9a-f]{40}")),
        ),
        _entries(data, "http", lambda one: LockedHttp(_text(one, "url"), _text(one, "checksum", rf"({_DIGEST})?"))),
        _entries(data, "python", _python),
    )


def _python(one: Mapping[str, Any]) -> LockedPython:
    packages = _texts(one, "packages")
    for package in packages:
        if not _PACKAGE.fullmatch(package):
            raise ValueError(f"`{package}` is no package with its hash")
    return LockedPython(
        _texts(one, "asked"),
        _text(one, "platform", r"[a-z0-9]+/[A-Za-z0-9_]+(/[a-z0-9]+)?"),
        _text(one, "version", r"[0-9]+\.[0-9]+"),
        packages,
        _texts(one, "unlocked"),
    )


def _entries(data: Mapping[str, Any], kind: str, make: Callable[[Mapping[str, Any]], Entry]) -> tuple[Entry, ...]:
    found = []
    tables = data.get(kind, [])
    if not isinstance(tables, list):
        raise _wrong(f"`{kind}` is no list of tables")
    for one in tables:
        try:
            found.append(make(one))
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise _wrong(f"a broken table `{kind}` ({error})") from error
    return tuple(found)


def _text(one: Mapping[str, Any], name: str, pattern: str = ".*") -> str:
    value = one[name]
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise ValueError(f"its `{name}` is `{value}`")
    return value


def _texts(one: Mapping[str, Any], name: str) -> tuple[str, ...]:
    values = one.get(name, [])
    if not isinstance(values, list) or not all(isinstance(value, str) and value.isprintable() for value in values):
        raise ValueError(f"its `{name}` is no list of lines")
    return tuple(values)


def _table(kind: str, **values: str | tuple[str, ...]) -> str:
    lines = [f"[[{kind}]]"]
    for name, value in values.items():
        if isinstance(value, str):
            lines.append(f"{name} = {_quoted(value)}")
        elif len(value) > 1 or name == "packages":
            lines += [f"{name} = [", *(f"    {_quoted(one)}," for one in value), "]"]
        elif value:
            lines.append(f"{name} = [{_quoted(value[0])}]")
    return "\n".join([*lines, ""])


def _quoted(text: str) -> str:
    """A basic string of TOML; JSON's escapes are among TOML's."""
    return json.dumps(text, ensure_ascii=False)


def _wrong(what: str, hint: str = "make it anew with `ez lock --upgrade`") -> DefinitionError:
    return DefinitionError(f"`{NAME}` cannot be used: {what}", hint, file=NAME)
