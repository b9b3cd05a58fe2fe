"""The same image twice, and what differs where it is not the same."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ez.build.definition import Definition
from ez.build.engines.address import Address
from ez.build.graph import Run, walk
from ez.build.load import load
from ez.build.lock.lockfile import NAME, lock_text
from ez.build.lock.resolve import lock
from ez.build.reproducible.check import (
    EPOCH,
    Comparison,
    FileDifference,
    LayerDifference,
    check_reproducible,
    normalised,
)
from ez.build.reproducible.likely import likely_reason
from ez.build.solve import build
from ez.models import Image, Network
from tests.build.buildkit.conftest import BASE, Engine, define, sh
from tests.build.image.conftest import BUNDLE
from tests.testbed import TestComputer

NETWORK = Network(ca_bundle=BUNDLE.read_text() if BUNDLE.exists() else "")
MOMENT = 1_700_000_000


def once(definition: Definition, engine: Address, reference: str, salt: str) -> Image:
    return build(definition, engine, reference, salt=salt, timestamp=MOMENT, network=NETWORK)


@pytest.mark.parametrize(
    ("path", "what", "reason"),
    [
        ("/x", ("time",), "another moment"),
        ("/usr/lib/python3/__pycache__/x.pyc", ("contents", "time"), "compiled Python"),
        ("/var/cache/ldconfig/aux-cache", ("contents",), "inode"),
        ("/etc/ssh/ssh_host_rsa_key", ("contents",), "must not be in an image"),
        ("/opt/venv/lib/python3.11/site-packages/x.py", ("only in the first",), "ez lock"),
        ("/home/envd/x", ("contents",), "chance"),
    ],
)
def test_a_likely_reason(path: str, what: tuple[str, ...], reason: str) -> None:
    assert reason in likely_reason(path, what)


@pytest.mark.parametrize(
    ("what", "only"), [((("time",), ("time",)), True), ((("time",), ("mode",)), False), ((), False)]
)
def test_times_alone_are_the_engines_doing(what: tuple[tuple[str, ...], ...], only: bool) -> None:
    layer = LayerDifference(0, "run", tuple(FileDifference("/x", one, "") for one in what), len(what))
    assert Comparison("a", "b", (layer,)).only_times is only


@pytest.mark.parametrize("access", [True, False])
def test_only_a_persons_own_commands_are_told_a_moment(access: bool, tmp_path: Path) -> None:
    (tmp_path / "build.envd").write_text('def build():\n    install.apt_packages(name=["make"])\n    run(["date"])\n')
    definition = normalised(load(tmp_path, "hello", access=access), MOMENT)
    steps = [one for one in walk(definition.state) if isinstance(one, Run)]
    assert [one.note.label for one in steps if (EPOCH, str(MOMENT)) in one.env] == ["run date"]
    own = define(sh(BASE, "true", env=((EPOCH, "1"),)))
    assert normalised(own, MOMENT).state == own.state


@pytest.mark.engine
def test_what_differs_is_named(local: Engine) -> None:
    """With the older image store, where times may differ too."""
    chance = sh(
        sh(BASE, "echo same >/same"),
        "cat /proc/sys/kernel/random/uuid >/chance; date +%s >/second;"
        " chmod 600 /chance; mkdir /made; touch -d @1 /fixed; ln -s x /link",
        label="roll the dice",
    )
    found = check_reproducible(define(chance), local.address, local.address, once)
    assert not found.equal
    last = found.layers[-1]
    assert "roll the dice" in last.made_by or "/chance" in last.made_by
    files = {one.path: one for one in last.files}
    assert "contents" in files["/chance"].what
    assert "contents" in files["/second"].what
    assert not found.only_times
    assert files["/chance"].reason == likely_reason("/chance", ("contents",))
    assert "/fixed" not in files
    assert not any("contents" in one.what for layer in found.layers[:-1] for one in layer.files)
    assert local.docker("image", "ls", "--quiet", "ez-check/*") == b""
    assert isinstance(files["/chance"], FileDifference)


@pytest.mark.engine
def test_two_computers_make_the_same_image_of_a_locked_repo(
    local: Engine, ready: TestComputer, computers: Callable[..., TestComputer], sockets: Any, tmp_path: Path
) -> None:
    """To the byte, nothing of it from a cache: a base image, the distribution's Python, and packages with hashes.

    The lock is made on a third engine.
    """
    (tmp_path / "build.envd").write_text(
        'def build():\n    install.python(version="3.11")\n    install.python_packages(name=["six", "packaging"])\n'
        '    run(["date >/dev/null; touch /opt/now; mkdir -p /srv/$SOURCE_DATE_EPOCH"])\n'
    )
    here = Address.unix(sockets("ready", lambda: ready))
    other = Address.unix(sockets("ready, another", lambda: computers("ready")))
    free = load(tmp_path, "hello", access=False, locked=False)
    found = lock(free, local.address, functools.partial(build, network=NETWORK))
    (tmp_path / NAME).write_text(lock_text(found.lock))
    compared = check_reproducible(load(tmp_path, "hello", access=False), here, other, once)
    assert compared.layers == ()
    assert compared.settings == ()
    assert compared.equal
