"""What was saved of environments before their machines went: bundles, and beside them a file that says what they are.

`STEM.json` comes last and goes first, so that what is listed is whole. STEM is `COMPUTER.ENVIRONMENT.TIME`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ez.errors import EzError, UsageError
from ez.names import shown

OLD_SECONDS = 90 * 86_400.0
"""From then on saves are called old; nothing removes them but the person."""


@dataclass(frozen=True)
class Bundle:
    """`file` is its name in the folder, `module` the path of a repo inside the repo, empty for that itself. `snapshot`
    is the tree of all that it was, `format` of its objects, `settings` what its configuration said of remotes."""

    file: str
    module: str
    changes: int
    commits: int
    snapshot: str
    format: str
    settings: tuple[tuple[str, str], ...] = ()

    def placed(self, file: str) -> Bundle:
        return replace(self, file=file)


@dataclass(frozen=True)
class Group:
    """All of one environment at one time (`at`, Unix seconds). `url` is the address of its repo, `path` its directory
    at home, as far as known. `bytes` are those of the files."""

    name: str
    environment: str
    computer: str
    at: float
    url: str
    path: str
    bundles: tuple[Bundle, ...]
    bytes: int = 0


def saved_folder(state: Path) -> Path:
    return state / "saved"


def groups(folder: Path) -> tuple[Group, ...]:
    """The newest first. What cannot be read is left out."""
    found = (_read(file) for file in folder.glob("*.json"))
    return tuple(sorted((group for group in found if group is not None), key=lambda group: (-group.at, group.name)))


def named(folder: Path, name: str) -> Group:
    """By its name, or the newest of the environment of that name; or the path of a bundle, as machines make them that
    stop by themselves. Raises UsageError."""
    if name.endswith(".bundle") and Path(name).is_file():
        return _alone(Path(name).resolve())
    every = groups(folder)
    for group in every:
        if name in (group.name, group.environment, f"{group.computer}.{group.environment}"):
            return group
    raise UsageError(f"nothing is saved of that name: `{shown(name)}`", "ez env saved ls")


def same_work(group: Group, computer: str, env: str, bundles: Sequence[Bundle]) -> bool:
    def works(those: Sequence[Bundle]) -> set[tuple[str, str, int]]:
        return {(each.module, each.snapshot, each.commits) for each in those}

    return (group.computer, group.environment) == (computer, env) and works(group.bundles) == works(bundles)


def old(folder: Path, now: float) -> tuple[Group, ...]:
    return tuple(group for group in groups(folder) if now - group.at > OLD_SECONDS)


def free_stem(folder: Path, stem: str) -> str:
    names = [stem, *(f"{stem}-{number}" for number in range(2, 100))]
    return next(name for name in names if not any(folder.glob(f"{name}.*")))


def write_group(folder: Path, group: Group) -> None:
    fresh = folder / f".{group.name}.json.new"
    fresh.touch(mode=0o600)
    text = json.dumps({key: value for key, value in asdict(group).items() if key not in ("name", "bytes")})
    fresh.write_text(text, "utf-8", "surrogateescape")
    fresh.replace(folder / f"{group.name}.json")


def remove(folder: Path, group: Group) -> None:
    """Raises EzError."""
    try:
        (folder / f"{group.name}.json").unlink(missing_ok=True)
        for bundle in group.bundles:
            (folder / bundle.file).unlink(missing_ok=True)
    except OSError as error:
        raise EzError(f"cannot be removed: `{group.name}`: {error.strerror}", f"ls -l {folder}") from error


def _alone(file: Path) -> Group:
    """One that nothing is written down of; its header (gitformat-bundle(5)) has the kind of its objects."""
    with file.open("rb") as lines:
        head = lines.read(200)
    form = "sha256" if b"@object-format=sha256\n" in head else "sha1"
    bundle = Bundle(str(file), "", 0, 0, "", form)
    environment, name = file.name.split(".")[0], file.name.removesuffix(".bundle")
    return Group(name, environment, "", file.stat().st_mtime, "", "", (bundle,))


def _read(file: Path) -> Group | None:
    try:
        values = json.loads(file.read_text("utf-8", "surrogateescape"))
        bundles = tuple(
            Bundle(**{**each, "settings": tuple((key, value) for key, value in each["settings"])})
            for each in values.pop("bundles")
        )
        if any("/" in each.file for each in bundles):
            return None
        size = sum((file.parent / each.file).stat().st_size for each in bundles)
        return Group(name=file.stem, bundles=bundles, bytes=size, **values)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
