"""What this computer keeps of an environment elsewhere, and what a team calls the cache of its steps.

Two repos can have one name. Here each directory and each address has a place of its own. The team's cache belongs to
the repo, whoever cloned it to wherever.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from ez.config import Settings
from ez.env.reference import canonical, without_secret
from ez.env.source.git import git, text
from ez.errors import UsageError
from ez.models import RepoRef
from ez.names import environment_name

_HISTORY = "builds.json"


def cache_directory(settings: Settings, computer: str, repo: RepoRef) -> Path:
    """It may be removed at any time."""
    return _folder(settings) / f"{computer}.{repo.name}.{_short(repo.url or repo.path or '')}"


def history_path(settings: Settings, computer: str, repo: RepoRef) -> Path:
    """What the last builds of an environment did; see `ez.build.explain.record`."""
    return cache_directory(settings, computer, repo) / _HISTORY


def histories(settings: Settings, environment: str) -> tuple[tuple[str, Path], ...]:
    """Of all repos called so, the computer and the file of each that was built, by computer."""
    found = _folder(settings).glob(f"*.{environment}.*/{_HISTORY}")
    return tuple(sorted((path.parent.name.partition(".")[0], path) for path in found))


def team_name(repo: RepoRef) -> str:
    """The same for everyone who builds the repo: by its remote, if that is one that others can reach, so that the
    names of clones do not matter; else by the environment's name. Whoever gives a name of their own means another one.
    """
    url, below = (repo.url, "") if repo.url is not None else _remote(Path(repo.path or "."))
    try:
        origin = f"{canonical(without_secret(url))}/{below}".rstrip("/")
        is_derived = repo.name == environment_name(origin if repo.url is not None else repo.path or "")
        return f"{environment_name(origin) if is_derived else repo.name}-{_short(origin)}"
    except UsageError:
        return repo.name


def _remote(directory: Path) -> tuple[str, str]:
    """The address that the work tree came from, and where in it the directory is."""
    url = git(["config", "--get", "remote.origin.url"], directory=directory, check=False)
    below = git(["rev-parse", "--show-prefix"], directory=directory, check=False)
    return text(url.stdout).strip(), text(below.stdout).strip()


def _folder(settings: Settings) -> Path:
    return settings.directories.cache / "environments"


def _short(origin: str) -> str:
    return hashlib.sha256(origin.encode("utf-8", "surrogateescape")).hexdigest()[:12]
