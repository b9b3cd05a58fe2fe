"""A Python project of a repo: what its `pyproject.toml` and its lock say, as far as installing it needs.

Only data is read; what a build backend would compute is left to the build.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from ez.build.frontends.inputs import LOCK, Inputs
from ez.build.frontends.where import where
from ez.build.graph import Position
from ez.build.ignore import IGNORE_FILES
from ez.errors import DefinitionError, MissingInputError

MANIFEST = "pyproject.toml"
_LEGACY = ("setup.py", "setup.cfg")
_LOOKING = frozenset(
    {
        "flit_core.buildapi",
        "hatchling.build",
        "pdm.backend",
        "poetry.core.masonry.api",
        "setuptools.build_meta",
        "uv_build",
    }
)
_LOOKED_AT = (
    *(MANIFEST, "setup.cfg", "MANIFEST.in", "README*", "LICEN[CS]E*", "COPYING*", "NOTICE*", "AUTHORS*", "VERSION*"),
    *("*.py", "src/*.py", "**/__init__.py", "**/__about__.py", "**/__version__.py", "**/_version.py", "**/version.py"),
    "**/py.typed",
)
_PUBLIC = ("pypi", "org")
_WORDS = re.compile(r"(?P<place>[^\[\]]+?)(?:\[(?P<extras>[\w.,\s-]+)\])?", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)


class Locked(Enum):
    """Who wrote the file that says which versions a project is to have, and its name."""

    UV = "uv.lock"
    POETRY = "poetry.lock"
    PIPFILE = "Pipfile.lock"
    NONE = ""


@dataclass(frozen=True)
class Project:
    """`place` is its directory in the repo, `package` whether it is one itself. What it needs is in the files `needed`,
    which its own tool reads, or in `lines`, requirements of all and of its developers; in neither where only its build
    knows. `groups` are Poetry's, `indexes` further package indexes that its files name. `sparse` are patterns of all
    that installing it as editable looks at, empty where nobody can tell.
    """

    place: str
    locked: Locked
    package: bool
    extras: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    lines: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    sparse: tuple[str, ...] = ()


def read_project(inputs: Inputs, words: str, position: Position | None) -> Project:
    """The project at a directory, `.` or `server`, with extras as pip has them: `.[test]`.

    Raises DefinitionError for a directory without a project and for files that make no sense, MissingInputError.
    """
    place, extras = _place(inputs, words, position)
    found = _found(inputs, place, position)
    locked = next((one for one in Locked if one.value in found), Locked.NONE)
    manifest = _toml(inputs, found[MANIFEST], position) if MANIFEST in found else {}
    tool = _table(manifest, "tool")
    project = Project(
        place,
        locked,
        _is_package(manifest, tool, locked, found),
        extras,
        groups=_poetry_groups(manifest, _table(tool, "poetry")),
        indexes=tuple(_indexes(tool)),
        sparse=_sparse(manifest, tool, found, place),
    )
    match locked:
        case Locked.PIPFILE:
            lines, indexes = _pipfile(_json(inputs, found[locked.value], position), found[locked.value])
            return replace(project, lines=lines, indexes=indexes)
        case Locked.NONE:
            if not project.package:
                hint = "add a table `[project]` to it"
                raise DefinitionError(f"`{found[MANIFEST]}` describes no project", hint, file=found[MANIFEST])
            lines = (_dependencies(manifest, extras), _developers(manifest))
            return replace(project, lines=lines) if _is_static(manifest) else project
        case _:
            needed = () if _has_paths(tool) else (found[MANIFEST], found[locked.value])
            return replace(project, needed=needed)


def _place(inputs: Inputs, words: str, position: Position | None) -> tuple[str, tuple[str, ...]]:
    matched = _WORDS.fullmatch(words.strip())
    if matched is None:
        hint = 'write it as `project="."` or `project=".[test]"`'
        raise DefinitionError(f"install.python_packages: not a project: `{words}`", hint, **where(position))
    extras = (extra.strip() for extra in (matched["extras"] or "").split(","))
    return inputs.locate(matched["place"], position), tuple(extra for extra in extras if extra)


def _found(inputs: Inputs, place: str, position: Position | None) -> dict[str, str]:
    """The files that a project can have by name, with their paths. All are asked for at once."""
    names = (MANIFEST, *(one.value for one in Locked if one.value), *_LEGACY)
    paths = {name: posixpath.normpath(posixpath.join(place, name)) for name in names}
    inputs.count((*paths.values(), *IGNORE_FILES, LOCK))
    found = {name: path for name, path in paths.items() if inputs.find(path) is not None}
    if not found:
        hint = "add a pyproject.toml"
        if inputs.find(posixpath.normpath(posixpath.join(place, "requirements.txt"))) is not None:
            hint = 'it has a requirements.txt: `install.python_packages(requirements="requirements.txt")`'
        message = f"install.python_packages: no Python project in `{place}`: neither pyproject.toml nor setup.py"
        raise MissingInputError(message, hint, paths=tuple(paths.values()), **where(position))
    return found


def _is_static(manifest: Mapping[str, Any]) -> bool:
    """Are the dependencies in the manifest itself?"""
    dynamic = {one for one in _texts(_table(manifest, "project").get("dynamic"))}
    return bool(_table(manifest, "project")) and not {"dependencies", "optional-dependencies"} & dynamic


def _dependencies(manifest: Mapping[str, Any], extras: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the project and its `extras`, which may name one another."""
    project = _table(manifest, "project")
    found = dict.fromkeys(_texts(project.get("dependencies")))
    optional = {_normal(name): _texts(entries) for name, entries in _table(project, "optional-dependencies").items()}
    waiting, seen = [_normal(extra) for extra in extras], set()
    while waiting:
        extra = waiting.pop(0)
        for requirement in optional.get(extra, ()) if extra not in seen else ():
            own = re.fullmatch(r"\s*([\w.-]+)\s*\[([\w.,\s-]+)\]\s*", requirement, re.ASCII)
            if own and _normal(own[1]) == _normal(str(project.get("name"))):
                waiting += [_normal(one.strip()) for one in own[2].split(",")]
            else:
                found[requirement] = None
        seen.add(extra)
    return tuple(_tight(one) for one in found)


def _developers(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """The group `dev`, and the groups that it includes (https://peps.python.org/pep-0735)."""
    found: dict[str, None] = {}
    groups = {_normal(name): entries for name, entries in _table(manifest, "dependency-groups").items()}
    waiting, seen = ["dev"], set()
    while waiting:
        name = waiting.pop(0)
        entries = groups.get(name) if name not in seen else ()
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict):
                waiting.append(_normal(str(entry.get("include-group"))))
            else:
                found[str(entry)] = None
        seen.add(name)
    return tuple(_tight(one) for one in found)


def _tight(requirement: str) -> str:
    """Without spaces that say nothing, as everybody reads it. Raises DefinitionError for what is none."""
    if requirement.lstrip().startswith("-") or not requirement.isprintable():
        raise DefinitionError(f"not a requirement: `{requirement!r}`", f"correct `{MANIFEST}`", file=MANIFEST)
    what, semicolon, marker = requirement.partition(";")
    what = " @ ".join(part.strip() for part in what.split("@", 1)) if "@" in what else "".join(what.split())
    return f"{what}; {' '.join(marker.split())}" if semicolon else what


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _sparse(
    manifest: Mapping[str, Any], tool: Mapping[str, Any], found: Mapping[str, str], place: str
) -> tuple[str, ...]:
    """For the backends that only look which modules there are; nothing that is computed or read elsewhere."""
    system, project = _table(manifest, "build-system"), _table(manifest, "project")
    build = _table(_table(tool, "hatch"), "build")
    told = [project.get("readme"), project.get("license"), *_table(_table(tool, "setuptools"), "dynamic").values()]
    if (
        str(system.get("build-backend", "setuptools.build_meta")) not in _LOOKING
        or "setup.py" in found
        or "hooks" in build
        or "force-include" in str(build)
        or any(isinstance(one, dict) and "file" in one for one in told)
        or (isinstance(told[0], str) and "/" in told[0])
    ):
        return ()
    return tuple(posixpath.normpath(posixpath.join(place, pattern)) for pattern in _LOOKED_AT)


def _is_package(manifest: Mapping[str, Any], tool: Mapping[str, Any], locked: Locked, found: Mapping[str, str]) -> bool:
    """As its own tool would see it: without a build system uv installs no project, pip any."""
    if _table(tool, "poetry").get("package-mode") is False or _table(tool, "uv").get("package") is False:
        return False
    if locked is Locked.UV:
        return "build-system" in manifest or _table(tool, "uv").get("package") is True
    return bool(_table(manifest, "project") or "build-system" in manifest or any(name in found for name in _LEGACY))


def _has_paths(tool: Mapping[str, Any]) -> bool:
    """Does anything come from the repo itself: members of a workspace, packages by their path?"""
    uv, poetry = _table(tool, "uv"), _table(tool, "poetry")
    groups = [_table(poetry, "dependencies"), _table(poetry, "dev-dependencies")]
    groups += [_table(group, "dependencies") for group in _table(poetry, "group").values() if isinstance(group, dict)]
    sources = [*_table(uv, "sources").values(), *(one for group in groups for one in group.values())]
    several = [one for source in sources for one in (source if isinstance(source, list) else [source])]
    return "workspace" in uv or any(
        isinstance(one, dict) and ("path" in one or one.get("workspace") is True) for one in several
    )


def _poetry_groups(manifest: Mapping[str, Any], poetry: Mapping[str, Any]) -> tuple[str, ...]:
    """The groups that `poetry install` takes."""
    groups = {name: group for name, group in _table(poetry, "group").items() if _NAME.fullmatch(name)}
    wanted = [name for name, group in groups.items() if not (isinstance(group, dict) and group.get("optional"))]
    wanted += ["dev"] if "dev-dependencies" in poetry else []
    wanted += [name for name in _table(manifest, "dependency-groups") if _NAME.fullmatch(name) and name not in groups]
    return tuple(dict.fromkeys(wanted))


def _indexes(tool: Mapping[str, Any]) -> Iterator[str]:
    """Further indexes by their addresses, without those of PyPI."""
    entries = [_table(tool, "uv").get("index"), _table(tool, "poetry").get("source")]
    for entry in (one for many in entries if isinstance(many, list) for one in many):
        url = entry.get("url") if isinstance(entry, dict) else None
        if isinstance(url, str) and _is_index(url):
            yield url


def _is_index(url: str) -> bool:
    host = (urlsplit(url).hostname or "") if re.fullmatch(r"https?://[^\s\"'\\\[\]]+", url) else ""
    return bool(host) and tuple(host.split(".")[-2:]) != _PUBLIC


def _pipfile(lock: Mapping[str, Any], path: str) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], tuple[str, ...]]:
    """The requirements of `default` and `develop` in a Pipfile.lock, and its further indexes."""
    sources = _table(lock, "_meta").get("sources", [])
    named = [one for one in sources if isinstance(one, dict)] if isinstance(sources, list) else []
    urls = [one.get("url") for one in named if one.get("name") != "pypi"]
    indexes = tuple(url for url in urls if isinstance(url, str) and _is_index(url))
    groups = (_lines(_table(lock, "default"), path), _lines(_table(lock, "develop"), path))
    return groups, indexes


def _lines(packages: Mapping[str, Any], path: str) -> tuple[str, ...]:
    return tuple(_line(name, entry, path) for name, entry in sorted(packages.items()))


def _line(name: str, entry: Any, path: str) -> str:
    """One package of a Pipfile.lock as a line of a requirements file."""
    if not isinstance(entry, dict) or not _NAME.fullmatch(name):
        raise _broken(path, name)
    extras = f"[{','.join(_texts(entry.get('extras')))}]" if entry.get("extras") else ""
    marker = f" ; {entry['markers']}" if isinstance(entry.get("markers"), str) else ""
    hashes = "".join(f" --hash={one}" for one in _texts(entry.get("hashes")))
    text = f"{name}{extras}{entry.get('version') or ''}{marker}{hashes}"
    if isinstance(entry.get("git"), str):
        below = f"#subdirectory={entry['subdirectory']}" if entry.get("subdirectory") else ""
        text = f"{name}{extras} @ git+{entry['git']}@{entry.get('ref') or 'HEAD'}{below}{marker}"
    elif isinstance(entry.get("path"), str):
        text = f"{'-e ' if entry.get('editable') else ''}{entry['path']}{extras}"
    elif isinstance(entry.get("file"), str):
        text = f"{name}{extras} @ {entry['file']}{marker}{hashes}"
    if not text.isprintable():
        raise _broken(path, name)
    return text


def _broken(path: str, name: str) -> DefinitionError:
    message = f"`{path}` cannot be used: the entry `{name!r}`"
    return DefinitionError(message, "make it anew with `pipenv lock`", file=path)


def _toml(inputs: Inputs, path: str, position: Position | None) -> Mapping[str, Any]:
    import tomllib

    try:
        return tomllib.loads(inputs.read(path, position).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        at = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        said = str(error).partition(" (at ")[0]
        line, column = (int(at[1]), int(at[2])) if at else (None, None)
        raise DefinitionError(f"not TOML: {said}", f"correct `{path}`", file=path, line=line, column=column) from error


def _json(inputs: Inputs, path: str, position: Position | None) -> Mapping[str, Any]:
    try:
        found = json.loads(inputs.read(path, position))
    except (ValueError, RecursionError) as error:
        raise DefinitionError(f"not JSON: `{path}`: {error}", "make it anew with `pipenv lock`", file=path) from error
    return found if isinstance(found, dict) else {}


def _table(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = values.get(name)
    return found if isinstance(found, dict) else {}


def _texts(values: Any) -> Iterable[str]:
    return [one for one in values if isinstance(one, str)] if isinstance(values, list) else []
