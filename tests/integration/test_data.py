"""`--with-data`: volumes and caches of an environment go along with its work, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.person import Person
from tests.integration.places import Place
from tests.testbed import Relay

FILL = """
cd "$1" && mkdir -p deep/er && echo hello >deep/er/file && ln deep/er/file hard && ln -s ../nowhere link &&
chmod 751 deep && chown -h 1234:4321 deep/er/file link && chmod 600 hard && touch -d 2001-02-03T04:05:06.789 deep/er &&
head -c 3000000 /dev/urandom >large && truncate -s 40000000 sparse && printf x >"$(printf 'odd\nname\303\274')" &&
python3 -c 'import os; os.setxattr("hard", "user.note", b"kept")' && mkfifo pipe
"""
LISTED = r"""
cd "$1" && find . -type d -printf '%p %m %U %G %T@\n' -o -printf '%p %y %m %U %G %n %s %T@ %l\n' | sort
find . -type f -exec sha256sum {} + | sort; du -sk sparse | cut -f 1
"""


def shell(place: Place, script: str, *words: str) -> str:
    quoted = " ".join(f"'{word}'" for word in words)
    return place.root(f"cat >/tmp/ez-data.sh <<'EZ_END'\n{script}\nEZ_END\nsh -e /tmp/ez-data.sh {quoted}")


def volume(place: Place, name: str) -> str:
    return place.root(f"docker volume inspect --format '{{{{.Mountpoint}}}}' {name}").strip()


@pytest.fixture
def both(local: Place, place: Place, person: Person, name: str) -> Iterator[tuple[Place, Place]]:
    """This computer and another one, each with a container of the environment that has a volume and a cache."""
    assert place.computer is not None
    homes = (str(person.home), f"/home/{place.computer.user}")
    for each, home in zip((local, place), homes, strict=True):
        mounts = f"-v {name}-data:/data -v {home}/.cache/envd/data/{name}:/cache"
        each.root(f"docker create --name ez-{name} --label ez.env={name} {mounts} debian:12 sleep infinity")
    yield local, place
    for each, home in zip((local, place), homes, strict=True):
        each.root(f"docker rm -f ez-{name}; docker volume rm {name}-data; rm -rf {home}/.cache/envd/data/{name}")


def test_up_and_home(both: tuple[Place, Place], person: Person, folder: Path, name: str) -> None:
    local, box = both
    assert box.computer is not None
    cache = Path(".cache/envd/data") / name
    shell(local, FILL, volume(local, f"{name}-data"))
    (person.home / cache).mkdir(parents=True)
    (person.home / cache / "model").write_text("weights")
    up = ("env", "up", "-c", "box", "--no-start", "--with-data", "--json")
    assert person.ez(*up, "--dry-run", cwd=folder).json["data"] == [f"volume:{name}-data", f"~/{cache}"]
    assert shell(box, 'ls -A "$1"', volume(box, f"{name}-data")) == ""
    assert person.ez(*up, cwd=folder).json["data"] == [f"volume:{name}-data", f"~/{cache}"]
    wanted = shell(local, LISTED, volume(local, f"{name}-data"))
    assert shell(box, LISTED, volume(box, f"{name}-data")) == wanted
    attributes = """tar -c --format=posix --xattrs -f - -C "$1" hard | grep -ao 'user.note=kept'"""
    assert shell(box, attributes, volume(box, f"{name}-data")) == "user.note=kept\n"
    assert shell(box, 'cat "$1"/model', f"/home/{box.computer.user}/{cache}") == "weights"
    again = person.ez(*up, cwd=folder).json
    assert (again["data"], again["left"], again["changed"]) == ([], [], False)

    # What uses it there keeps it; what changed there comes home; what changed on both stays on both.
    shell(box, 'echo there >>"$1"/deep/er/file', volume(box, f"{name}-data"))
    local.root(f"docker start ez-{name}")
    home = ("env", "home", name, "--with-data")
    assert f"`ez-{name}` uses it on local" in person.ez(*home, code=1).told
    local.root(f"docker stop --time 0 ez-{name}")
    assert person.ez(*up, cwd=folder).json["data"] == []
    assert person.ez(*home, "--json").json["data"] == [f"volume:{name}-data"]
    wanted = shell(box, LISTED, volume(box, f"{name}-data"))
    assert shell(local, LISTED, volume(local, f"{name}-data")) == wanted
    for each in (local, box):
        shell(each, 'echo "$2" >"$1"/hard', volume(each, f"{name}-data"), each.name)
    told = person.ez(*home, code=1).told
    assert f"volume:{name}-data: it changed on both" in told
    assert shell(local, 'cat "$1"/hard', volume(local, f"{name}-data")) == "local\n"


def test_cut_off_in_the_middle_the_volume_there_is_as_it_was(
    both: tuple[Place, Place], person: Person, folder: Path, name: str
) -> None:
    local, box = both
    computer = box.computer
    assert computer is not None
    shell(local, 'head -c 5000000 /dev/urandom >"$1"/one', volume(local, f"{name}-data"))
    with Relay((computer.host, computer.port)) as relay:
        person.knows(f"[{relay.host}]:{relay.port} {computer.host_key}")
        person.ez("compute", "add", "far", f"{computer.user}@{relay.host}:{relay.port}")
        up = ("env", "up", "-c", "far", "--no-start", "--with-data", "--json")
        person.ez(*up, cwd=folder)
        before = shell(box, 'sha256sum "$1"/*; ls -A "$1"/..', volume(box, f"{name}-data"))
        shell(local, 'head -c 5000000 /dev/urandom >"$1"/two; rm "$1"/one', volume(local, f"{name}-data"))
        relay.cut_after(2_000_000)
        person.ez(*up, cwd=folder, code=1)
        relay.restore()
        assert shell(box, 'sha256sum "$1"/*', volume(box, f"{name}-data")) in before
        assert person.ez(*up, cwd=folder).json["data"] == [f"volume:{name}-data"]
    wanted = shell(local, 'cd "$1"; sha256sum *', volume(local, f"{name}-data"))
    assert shell(box, 'cd "$1"; sha256sum *', volume(box, f"{name}-data")) == wanted
    assert shell(box, 'ls -A "$1"/..', volume(box, f"{name}-data")).split() == ["_data"]
