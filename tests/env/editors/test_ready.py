"""What is made ready for an editor: its server from a vendor that is played here, extensions, and nothing hostile."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from ez.env.editors.devcontainer import LARGEST, Customizations, parse, read
from ez.env.editors.extensions import MOST, own_extensions, wanted_extensions
from ez.env.editors.ready import make_ready
from ez.env.editors.release import Release, release_of
from ez.env.editors.server import address_of, place_server
from ez.env.editors.table import EDITORS
from ez.errors import ConfigError
from ez.ssh.local import LocalHost
from tests.env.editors.vendor import COMMIT, Vendor, archive

SERVER = EDITORS["code"].server
RELEASE = Release(COMMIT, "1.2.3")
MACHINE = ".vscode-server/data/Machine"


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
    made = make_ready(inside, SERVER, RELEASE, str(workdir), ("a.removed", "Mine.Own@1.2.3"), vendor.address)
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
    make_ready(inside, SERVER, RELEASE, str(workdir), (), vendor.address)
    again = make_ready(inside, SERVER, RELEASE, str(workdir), (), vendor.address)
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
    placed = place_server(inside, SERVER, RELEASE, vendor.address)
    assert reason in placed.reason
    assert not placed.program
    assert list((home / ".vscode-server" / "cli" / "servers").iterdir()) == []


def test_it_comes_by_way_of_home_where_the_environment_has_none(home: Path, vendor: Vendor, tmp_path: Path) -> None:
    """An environment without curl."""
    assert SERVER is not None
    for name in ("sh", "uname", "mkdir", "mktemp", "rm", "sed", "cat", "tar", "gzip", "grep", "mv", "ln"):
        (tmp_path / name).symlink_to(Path("/bin") / name)
    inside = LocalHost(environment={"PATH": str(tmp_path), "HOME": str(home)}, home=home)
    placed = place_server(inside, SERVER, RELEASE, vendor.address)
    assert placed.fetched, placed.reason


@pytest.mark.parametrize(
    ("id", "product", "address", "place"),
    [
        ("code", {}, "/commit:{commit}/server-linux-x64/stable", "bin/{commit}"),
        ("code-insiders", {}, "/commit:{commit}/server-linux-x64/insider", "bin/{commit}"),
        (
            "cursor",
            {},
            "/production/{commit}/linux/x64/cursor-reh-linux-x64.tar.gz",
            "bin/linux-x64/{commit}",
        ),
        (
            "windsurf",
            {"windsurfVersion": "1.3.11", "version": "1.94.0"},
            "/linux-reh-x64/stable/{commit}/windsurf-reh-linux-x64-1.3.11.tar.gz",
            "bin/{commit}",
        ),
        (
            "codium",
            {"version": "1.96.4", "release": "25026"},
            "/VSCodium/vscodium/releases/download/1.96.4.25026/vscodium-reh-linux-x64-1.96.4.25026.tar.gz",
            "bin/{commit}",
        ),
        (
            "codium",
            {"version": "1.104.16282", "release": "16282"},
            "/VSCodium/vscodium/releases/download/1.104.16282/vscodium-reh-linux-x64-1.104.16282.tar.gz",
            "bin/{commit}",
        ),
        (
            "positron",
            {"positronVersion": "2026.09.0", "positronBuildNumber": 166},
            "/positron/releases/reh/x86_64/positron-reh-linux-x64-2026.09.0-166.tar.gz",
            "bin/{commit}",
        ),
    ],
)
def test_where_each_server_comes_from_and_goes(
    id: str,
    product: dict[str, object],
    address: str,
    place: str,
    inside: LocalHost,
    vendor: Vendor,
    home: Path,
    tmp_path: Path,
) -> None:
    """What an editor carries says which; the extensions of the image are for each of them."""
    server = EDITORS[id].server
    assert server is not None
    program = write(tmp_path / "app" / "bin" / EDITORS[id].command, "")
    write(tmp_path / "app" / "resources" / "app" / "product.json", json.dumps({"commit": COMMIT, **product}))
    write(home / ".vscode-server" / "extensions" / "a.b-1" / "package.json", "{}")
    release = release_of(str(program), {}, server.version, server.joint)
    vendor.archive = archive(COMMIT, server.program)
    placed = place_server(inside, server, release, vendor.address)
    assert placed.fetched, placed.reason
    assert vendor.asked == [address.format(commit=COMMIT)]
    assert (home / server.home / place.format(commit=COMMIT) / "bin" / server.program).exists()
    assert (home / server.home / "extensions" / "a.b-1" / "package.json").exists()
    assert address_of(server, release).startswith("https://")


def test_the_editor_tells_its_release(tmp_path: Path) -> None:
    program = write(tmp_path / "bin" / "code", f"#!/bin/sh\necho 1.99.0\necho {COMMIT}\necho x64\n")
    assert release_of(str(program), os.environ) == Release(COMMIT)
    write(tmp_path / "product.json", '{"commit": "../..", "version": "../1"}')
    assert release_of(str(program), os.environ, ("version",)) == Release(COMMIT)
    write(tmp_path / "bin" / "code", "#!/bin/sh\necho $(rm -rf x)\n")
    assert release_of(str(program), os.environ) == Release()
    assert release_of(str(tmp_path / "bin" / "absent"), os.environ) == Release()


@pytest.mark.parametrize(
    ("text", "extensions", "settings"),
    [
        ("", (), {}),
        ('{"customizations": {"vscode": {"extensions": ["a.b"], "settings": {"x": 1}}}}', ("a.b",), {"x": 1}),
        ('/* c */ {"name": "// no comment", "extensions": ["a.b", 3, null,], "settings": []}', ("a.b",), {}),
        ('{"customizations": []}', (), {}),
        ('{"customizations": {"vscode": {"extensions": {"a": 1}, "settings": "x"}}}', (), {}),
        ('{"settings": {"x": NaN}}', None, {}),
        ("[]", (), {}),
        ("[" * 100_000, None, {}),
        ("/*" * (LARGEST // 2), None, {}),
        ('"' * LARGEST, None, {}),
        (", " * (LARGEST // 2), None, {}),
        ('{"extensions": "a.b"}', (), {}),
        ("no JSON", None, {}),
        ("{}" + " " * LARGEST, None, {}),
    ],
    ids=range(14),
)
def test_a_devcontainer_file_may_say_anything(
    text: str, extensions: tuple[str, ...] | None, settings: dict[str, object]
) -> None:
    """None: it is not read, which is told."""
    found = parse(text)
    assert (found.extensions, found.settings) == (extensions or (), settings)
    assert bool(found.trouble) == (extensions is None)


def test_the_person_s_own_list() -> None:
    assert own_extensions(" a.b, c.d@1.0 ") == ("a.b", "c.d@1.0")
    with pytest.raises(ConfigError):
        own_extensions("a.b --force")
    many = [f"repo.e{number}" for number in range(2 * MOST)]
    assert wanted_extensions(many, ("mine.own",)).ids[MOST:] == ("mine.own",)


def test_a_repo_without_a_directory_asks_for_nothing(inside: LocalHost) -> None:
    assert read(inside, "/no/such/place", ".note") == ("", Customizations())


def test_a_repo_s_settings_never_take_the_place_of_somebody_s(
    inside: LocalHost, vendor: Vendor, home: Path, workdir: Path
) -> None:
    """Of one kind of change after another: what is in the file, and what was said."""
    assert SERVER is not None
    file = home / MACHINE / "settings.json"

    def after(wanted: str) -> dict[str, object]:
        write(workdir / ".devcontainer.json", f'{{"customizations": {{"vscode": {{"settings": {wanted}}}}}}}')
        made = make_ready(inside, SERVER, RELEASE, str(workdir), (), vendor.address)
        said.append(made.notices)
        found: dict[str, object] = json.loads(file.read_text())
        return found

    said: list[tuple[str, ...]] = []
    assert after('{"a": 1, "b": [true], "[python]": {"c": null}}') == {"a": 1, "b": [True], "[python]": {"c": None}}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    write(file, '{"a": 2, "mine": 0, "b": [true]}')
    # `a` was changed, `[python]` taken away, and `mine` is nobody else's.
    wanted = '{"a": 3, "b": [1], "[python]": {}, "mine": 9, "new": "\\ud800"}'
    assert after(wanted) == {"a": 2, "mine": 0, "b": [1], "new": "\ud800"}
    assert after("{}") == {"a": 2, "mine": 0}
    assert said == [(), (), ()]
    assert after('{"x y": 1, "z": 1, "huge": [1e999]}') == {"a": 2, "mine": 0, "z": 1}
    assert "left out 2 of" in said[-1][0]
    assert "z" not in after(json.dumps({"z": "x" * 300_000}))
    assert "too large" in said[-1][0]
    write(file, '{"a": 2, // mine\n}')
    write(workdir / ".devcontainer.json", '{"settings": {"new": 1}}')
    (notice,) = make_ready(inside, SERVER, RELEASE, str(workdir), (), vendor.address).notices
    assert "left as it is" in notice
    assert file.read_text() == '{"a": 2, // mine\n}'
    file.unlink()
    file.symlink_to(write(home / "dotfiles.json", "{}"))
    write(workdir / ".devcontainer.json", '{"settings": {"new": 2}}')
    assert "left as it is" in make_ready(inside, SERVER, RELEASE, str(workdir), (), vendor.address).notices[0]
    assert (home / "dotfiles.json").read_text() == "{}"


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)
    return file
