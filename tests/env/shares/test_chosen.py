"""Which shares an environment has, and what a repo may not share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ez.config import Settings, resolve
from ez.env.probe import Container
from ez.env.shares import binds, chosen
from ez.errors import UsageError

REPO = '[workspace]\nname = "team"\n[shares]\n'


def settings_of(project: Path, shares: str) -> Settings:
    """Of a repo whose workspace the person has accepted."""
    from ez.config import accept

    (project / "ez.toml").write_text(REPO + shares)
    found = resolve(project=project)
    assert found.offered is not None
    accept(found.offered, found.directories)
    return resolve(project=project)


@pytest.fixture
def project(home: Path) -> Path:
    (home / "repo" / "data").mkdir(parents=True)
    return home / "repo"


def container(shares: chosen.Shares) -> Container:
    return Container("ez-x", True, "running", "image", labels={chosen.LABEL: chosen.label(shares)})


def test_a_repo_that_nobody_accepted_shares_nothing(project: Path) -> None:
    (project / "ez.toml").write_text(REPO + 'data = "/srv/data:/data"\n')
    assert chosen.asked(resolve(project=project), (), project) == ()
    (share,) = chosen.asked(settings_of(project, 'data = "local:./data:/data"\n'), (), project)
    assert (share.name, share.place, share.below) == ("data", str(project / "data"), str(project))


@pytest.mark.parametrize(
    "source", ["local:/etc", "local:~/x", "local:../secret", "local:./leads-out", "local:./deep/x"]
)
def test_a_repo_shares_only_folders_of_its_own(project: Path, source: str) -> None:
    (project.parent / "secret").mkdir()
    (project / "leads-out").symlink_to("../secret")
    (project / "deep").symlink_to("..")
    (project.parent / "x").mkdir()
    with pytest.raises(UsageError):
        chosen.asked(settings_of(project, f'data = "{source}:/data"\n'), (), project)


@pytest.mark.parametrize("source", ["local:.", "local:./nested", "local:.git", "local:.git/hooks"])
def test_a_repo_does_not_have_its_git_written_from_elsewhere(project: Path, source: str) -> None:
    """What is in there is run here."""
    for folder in (".git/hooks", "nested/.git"):
        (project / folder).mkdir(parents=True)
    with pytest.raises(UsageError, match=r"\.git"):
        chosen.asked(settings_of(project, f'data = "{source}:/data"\n'), (), project)
    assert chosen.asked(settings_of(project, f'data = "{source}:/data:ro"\n'), (), project)


@pytest.mark.parametrize(
    "source", ["local:/", "local:~", "local:~/repo/..", "local:~/.ssh", "local:~/.ssh/deep", "local:~/x"]
)
def test_nobody_shares_their_keys(project: Path, source: str) -> None:
    (project.parent / ".ssh" / "deep").mkdir(parents=True)
    (project.parent / "x").symlink_to(".ssh")
    with pytest.raises(UsageError, match="keys"):
        chosen.asked(resolve(), (f"{source}:/data:ro",), project)


def test_a_person_shares_what_they_like(project: Path) -> None:
    (share,) = chosen.asked(resolve(), ("local:../repo/data:~/data",), project)
    assert (share.place, share.below, share.flagged) == (str(project / "data"), "", True)
    with pytest.raises(UsageError, match="no such folder"):
        chosen.asked(resolve(), ("local:./none:/data",), project)
    with pytest.raises(UsageError, match="one path"):
        chosen.asked(resolve(), ("/a:/data", "/b:/data"), project)


def test_what_was_asked_for_before_stays_until_it_is_taken_away(project: Path) -> None:
    settings = settings_of(project, 'team = "s3://bucket:/team"\nown = "/srv/own:~/own"\n')
    first = chosen.combined(chosen.asked(settings, ("/a:/data:ro", "volume:v:/cache"), project), None, "/home/envd")
    assert [(share.name, share.target) for share in first] == [
        ("cache", "/cache"), ("data", "/data"), ("own", "/home/envd/own"), ("team", "/team"),
    ]  # fmt: skip
    again = chosen.combined(chosen.asked(settings, (), project), container(first), "/home/envd")
    assert again == first
    less = chosen.asked(settings, ("none:/data", "none:/team", "/b:/cache"), project)
    left = chosen.combined(less, container(first), "/home/envd")
    assert [share.pair for share in left] == ["/b:/cache", "/srv/own:/home/envd/own"]
    with pytest.raises(UsageError, match="in a share"):
        chosen.combined(chosen.asked(settings, ("/c:/team/x", "/d:/team-x"), project), None, "/home/envd")


@pytest.mark.parametrize("label", ["", "no json", "{}", "[1]", '[{"name": 1}]', '[{"bad": 2}]', '[{"options": 5}]'])
def test_a_label_that_is_none_of_ezs(label: str) -> None:
    assert chosen.of_container(Container("x", True, "", "", labels={chosen.LABEL: label})) == ()


def test_what_a_container_gets(project: Path) -> None:
    flags = ("/a,b:/comma:ro", "volume:v:/cache", "~/sets:/sets", "s3://bucket:/s3", "local:./data:/local")
    shares = chosen.combined(chosen.asked(resolve(), flags, project), None, "/home/envd")
    arguments = binds.bind_arguments("thing", shares, "/home/me")[1::2]
    assert arguments == [
        "type=volume,source=v,target=/cache",
        'type=bind,"source=/a,b",target=/comma,readonly',
        "type=bind,source=/home/me/sets,target=/sets",
        "type=bind,source=/var/lib/ez/shares/thing,target=/mnt/ez,bind-propagation=rslave",
    ]
    assert binds.links(shares) == ["/local", "/mnt/ez/local", "/s3", "/mnt/ez/s3"]
    assert binds.volumes(shares) == ["/cache"]
    assert binds.made_folders(shares, "/home/me") == ("/home/me/sets",)
    here = binds.on_this_computer(share for share in shares if share.kind == "local")
    assert binds.bind_arguments("thing", here, "")[1] == f"type=bind,source={project}/data,target=/local"
    assert replace(here[0], kind="local") in shares
