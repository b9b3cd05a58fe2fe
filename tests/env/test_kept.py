"""What is kept of repos of one name, here and by a team."""

from __future__ import annotations

from pathlib import Path

import pytest

from ez.config import resolve
from ez.env.kept import histories, history_path, team_name
from ez.env.reference import parse_reference
from ez.models import RepoRef
from tests.testbed.shell import run

ADDRESS = "git@git.example.org:team/thing.git"


def cloned(place: Path, origin: str, below: str = "") -> Path:
    """A work tree as a clone of `origin` leaves it, or the directory `below` in it."""
    run("git", "init", "--quiet", str(place))
    run("git", "-C", str(place), "remote", "add", "origin", origin)
    (place / below).mkdir(exist_ok=True)
    (place / below / "build.envd").touch()
    return place / below


def name(place: Path | str, *, given: str | None = None) -> str:
    return team_name(parse_reference(str(place), Path.cwd(), name=given))


@pytest.mark.parametrize(
    "origin", ["https://git.example.org/team/thing", "ssh://git@git.example.org/team/thing.git", ADDRESS]
)
def test_a_team_has_one_name_for_a_repo(origin: str, tmp_path: Path) -> None:
    """Whatever the clone is called, and also where there is none."""
    common = name(ADDRESS)
    assert common.startswith("thing-")
    assert name(cloned(tmp_path / "other", origin)) == common
    assert name(cloned(tmp_path / "token", "https://oauth2:s3cret@git.example.org/team/thing.git")) == common


def test_a_team_tells_repos_of_one_name_apart(tmp_path: Path) -> None:
    addresses = (ADDRESS, "git@git.example.org:others/thing.git", "git@git.example.org:team/Thing-.git")
    places = (
        *(cloned(tmp_path / str(number) / "thing", address) for number, address in enumerate(addresses)),
        *(cloned(tmp_path / str(number), ADDRESS, "thing") for number in (8,)),
    )
    names = {name(place) for place in places} | {name(places[0], given="mine")}
    assert len(names) == 5
    assert sorted(one.rpartition("-")[0] for one in names) == ["mine", "thing", "thing", "thing", "thing"]


@pytest.mark.parametrize("origin", ["", "/srv/git/thing", "../thing", "https://git.example.org/", "file:///srv/thing"])
def test_without_an_address_for_others_it_is_the_name(origin: str, tmp_path: Path) -> None:
    place = cloned(tmp_path / "thing", origin) if origin else tmp_path / "thing"
    place.mkdir(exist_ok=True)
    assert name(place) == "thing"
    assert name(place, given="mine") == "mine"


def test_each_directory_has_a_history_of_its_own(tmp_path: Path) -> None:
    settings = resolve(environment={"HOME": str(tmp_path)})
    repos = (RepoRef(None, "/a/thing", "thing"), RepoRef(None, "/b/thing", "thing"), RepoRef(ADDRESS, None, "thing"))
    paths = [history_path(settings, "box", repo) for repo in repos]
    paths.append(history_path(settings, "local", repos[0]))
    assert len(set(paths)) == 4
    for path in (*paths, history_path(settings, "box", RepoRef(None, "/a/thing", "thing-2"))):
        path.parent.mkdir(parents=True)
        path.touch()
    assert histories(settings, "thing") == (*(("box", path) for path in sorted(paths[:3])), ("local", paths[3]))
