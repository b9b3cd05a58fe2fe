"""What is made ready for an editor: its server from a vendor that is played here, extensions, and nothing hostile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ez.env.editors.extensions import of_devcontainer, own_extensions, wanted_extensions
from ez.env.editors.ready import make_ready
from ez.env.editors.server import address_of, commit_of, place_server
from ez.env.editors.table import EDITORS
from ez.errors import ConfigError
from ez.ssh.local import LocalHost
from tests.env.editors.vendor import COMMIT, Vendor, archive

SERVER = EDITORS["code"].server


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    vendor = Vendor()
    yield vendor
    vendor.close()


@pytest.fixture
def inside(home: Path) -> LocalHost:
    """Stands for the environment: the scripts are the same."""
    return LocalHost(environment={**os.environ, "HOME": str(home), "no_proxy": "*"}, home=home)


@pytest.fixture
def workdir(home: Path) -> Path:
    (home / "repo").mkdir()
    return home / "repo"


def test_the_server_is_there_before_the_editor_asks(
    inside: LocalHost, vendor: Vendor, home: Path, workdir: Path
) -> None:
    assert SERVER is not None
    (workdir / ".devcontainer.json").write_text(
        '{// mine\n"customizations": {"vscode": {"extensions": ["ms-python.python", "-a.removed", "absent.one",'
        ' "--install-source=evil", "x.y; touch /tmp/z", "../../etc.passwd",],}},}'
    )
    made = make_ready(inside, SERVER, COMMIT, str(workdir), ("a.removed", "Mine.Own@1.2.3"), vendor.address)
    assert made.fetched
    assert made.installed.ids == ("ms-python.python", "Mine.Own@1.2.3")
    assert [id for id, _ in made.installed.failed] == ["absent.one"]
    assert "not found" in " ".join(made.notices)
    assert sum("not an extension" in notice for notice in made.notices) == 2
    (asked,) = vendor.asked
    assert asked.startswith(f"/commit:{COMMIT}/server-linux-")
    server = home / ".vscode-server" / "cli" / "servers" / f"Stable-{COMMIT}" / "server"
    assert (server / "bin" / "code-server").exists()
    assert (home / ".vscode-server" / "bin" / COMMIT / "product.json").exists()

    (workdir / ".devcontainer.json").write_text('{"extensions": ["ms-python.python"]}')
    make_ready(inside, SERVER, COMMIT, str(workdir), (), vendor.address)
    again = make_ready(inside, SERVER, COMMIT, str(workdir), (), vendor.address)
    assert (again.changed, again.notices) == (False, ())
    assert vendor.asked == [asked]
    assert (home / "extensions.txt").read_text().split() == ["ms-python.python", "Mine.Own"]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (b"", "cannot download"),
        (b"<html>no</html>", "no archive"),
        (archive("f" * 40), "another version"),
        (archive(COMMIT, "other"), "has no code-server"),
    ],
)
def test_what_is_not_the_server_is_not_put_in_place(
    given: bytes, reason: str, inside: LocalHost, vendor: Vendor, home: Path
) -> None:
    assert SERVER is not None
    vendor.archive = given
    placed = place_server(inside, SERVER, COMMIT, vendor.address)
    assert reason in placed.reason
    assert not placed.program
    assert list((home / ".vscode-server" / "cli" / "servers").iterdir()) == []


def test_it_comes_by_way_of_home_where_the_environment_has_none(home: Path, vendor: Vendor, tmp_path: Path) -> None:
    """An environment without curl."""
    assert SERVER is not None
    for name in ("sh", "uname", "mkdir", "mktemp", "rm", "sed", "cat", "tar", "gzip", "grep", "mv", "ln"):
        (tmp_path / name).symlink_to(Path("/bin") / name)
    inside = LocalHost(environment={"PATH": str(tmp_path), "HOME": str(home)}, home=home)
    placed = place_server(inside, SERVER, COMMIT, vendor.address)
    assert placed.fetched, placed.reason


def test_where_each_server_comes_from() -> None:
    for id in ("code", "code-insiders", "cursor"):
        server = EDITORS[id].server
        assert server is not None
        assert COMMIT in address_of(server, COMMIT)
        assert address_of(server, COMMIT, "http://mirror/").startswith("http://mirror/")


def test_the_editor_tells_its_commit(tmp_path: Path) -> None:
    program = tmp_path / "code"
    program.write_text(f"#!/bin/sh\necho 1.99.0\necho {COMMIT}\necho x64\n")
    program.chmod(0o755)
    assert commit_of(str(program), os.environ) == COMMIT
    program.write_text("#!/bin/sh\necho $(rm -rf x)\n")
    assert commit_of(str(program), os.environ) == ""
    assert commit_of(str(tmp_path / "absent"), os.environ) == ""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"customizations": {"vscode": {"extensions": ["a.b"]}}}', ("a.b",)),
        ('/* c */ {"name": "// no comment", "extensions": ["a.b", 3, null,],}', ("a.b",)),
        ('{"customizations": []}', ()),
        ("[]", ()),
        ("[" * 100_000, ()),
        ('{"extensions": "a.b"}', ()),
        ("no JSON", ()),
    ],
)
def test_a_devcontainer_file_may_say_anything(text: str, found: tuple[str, ...]) -> None:
    assert of_devcontainer(text) == found


def test_the_person_s_own_list() -> None:
    assert own_extensions(" a.b, c.d@1.0 ") == ("a.b", "c.d@1.0")
    with pytest.raises(ConfigError):
        own_extensions("a.b --force")


def test_a_repo_without_a_directory_asks_for_nothing(inside: LocalHost) -> None:
    assert wanted_extensions(inside, "/no/such/place", ("a.b",), ".note").ids == ("a.b",)
