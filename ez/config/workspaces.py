"""Which workspace is meant, and what of a repo's is not used unasked.

A person keeps workspaces of their own, each in a file `workspaces/NAME.toml` of ez's configuration directory; a repo's
`ez.toml` may bring its team's. Both have a table `[workspace]`, and may have one of `[shares]`. A repo could choose
with them who pays for machines, where images go to and what of the person's files is seen, so that they count only
after the person has accepted them, and again after any change. What is kept of that is a digest of the values for which
they said yes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ez.config.directories import Directories
from ez.config.files import Values, read_file, replace_file
from ez.config.keys import KEYS, PROJECT_FILE
from ez.config.shares import TABLE
from ez.errors import ConfigError, UsageError
from ez.names import check_name

NAME = "workspace.name"
PROVIDER = "workspace.provider"
KEPT = frozenset(key for key in KEYS if key.startswith("workspace."))

PLACE = frozenset(f"workspace.{key}" for key in ("account", "network", "provider", "regions", "registry", "tenant"))
"""What makes sense together alone: an account of one cloud is none of another."""

_COMPUTER = "defaults.computer"


@dataclass(frozen=True)
class RepoWorkspace:
    """The workspace of a repo: `says` is all of its `ez.toml` that decides where machines are made and what is used
    without being named, as sorted pairs of key and value. `asked` is false where the person named another workspace."""

    file: Path
    says: tuple[tuple[str, str | bool | int], ...]
    accepted: bool
    asked: bool = True

    @property
    def name(self) -> str:
        return str(dict(self.says)[NAME])

    @property
    def counts(self) -> bool:
        return self.accepted and self.asked

    @property
    def digest(self) -> str:
        import hashlib
        import json

        return hashlib.sha256(json.dumps(self.says).encode()).hexdigest()


def repo_workspace(project: Path, found: Values, directories: Directories, wanted: str) -> RepoWorkspace | None:
    """That of the `ez.toml` with the values `found`, if it has one. `wanted` is the name that the person asks for.

    Raises ConfigError for one without a name.
    """
    says = tuple(sorted((key, value) for key, value in found.items() if is_kept(key) or key == _COMPUTER))
    if not any(is_kept(key) for key, _ in says):
        return None
    file = project / PROJECT_FILE
    if NAME not in found:
        raise ConfigError(f"a workspace without a name: `{file}`", f'add name = "NAME" to [workspace] in {file}')
    checked_name(str(found[NAME]), PROJECT_FILE)
    offered = RepoWorkspace(file, says, False, wanted in ("", found[NAME]))
    return RepoWorkspace(file, says, offered.digest in _accepted(directories), offered.asked)


def accept(workspace: RepoWorkspace, directories: Directories) -> None:
    """Remember that the person agreed to all that it says. Raises ConfigError."""
    if not workspace.accepted:
        lines = [*_lines(directories), f"{workspace.digest} {workspace.name}"]
        replace_file(_list_of_accepted(directories), "".join(f"{line}\n" for line in lines))


def own_file(directories: Directories, name: str) -> Path:
    """Where the person's own workspace of that name is kept. Raises UsageError for what can be no name."""
    return directories.config / "workspaces" / f"{check_name('workspace', name)}.toml"


def own_workspaces(directories: Directories) -> list[str]:
    """The names of the person's own, sorted."""
    return sorted(path.stem for path in (directories.config / "workspaces").glob("*.toml"))


def read_own(directories: Directories, name: str) -> Values:
    """What the person's own file of that name says, nothing where there is none. Raises ConfigError."""
    path = own_file(directories, name)
    found = read_file(path)
    for key in found:
        if not is_kept(key) or key == NAME:
            raise ConfigError(
                f"not a setting of a workspace, in {path}: `{key}`", f"move it to {directories.user_file}"
            )
    return found


def is_kept(key: str) -> bool:
    """Whether the file of a workspace may hold it, and a repo's `ez.toml` only what was accepted."""
    return key in KEPT or key.startswith(TABLE)


def checked_name(text: str, origin: str) -> str:
    """Raises ConfigError."""
    try:
        return check_name("workspace", text)
    except UsageError as error:
        raise ConfigError(f"{error.message} ({origin})", error.hint) from error


def without_place(found: Values) -> Values:
    return {key: value for key, value in found.items() if key not in PLACE}


def leaves_cloud(found: Mapping[str, object], now: Mapping[str, object]) -> bool:
    """Whether a layer names another cloud than those below it, whose accounts and regions then mean nothing."""
    return bool(now[PROVIDER]) and found.get(PROVIDER, now[PROVIDER]) != now[PROVIDER]


def _accepted(directories: Directories) -> frozenset[str]:
    return frozenset(line.partition(" ")[0] for line in _lines(directories))


def _lines(directories: Directories) -> list[str]:
    path = _list_of_accepted(directories)
    try:
        return path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise ConfigError(f"settings file cannot be read: `{path}`: {error}", f"correct or remove {path}") from error


def _list_of_accepted(directories: Directories) -> Path:
    return directories.config / "accepted-workspaces"
