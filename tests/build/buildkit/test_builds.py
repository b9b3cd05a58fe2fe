"""Builds on this computer's engine."""

import os
import threading
import uuid
from pathlib import Path

import pytest

from ez.build.graph import CacheMount, CopyAction, Files, ImageSource, LocalSource, MkFileAction
from ez.events import VertexLog
from ez.models import Network

from .conftest import BASE, SMALL, Engine, Recorder, define, sh
from .matrix import feature

pytestmark = pytest.mark.engine


DEB822 = b"Types: deb\nURIs: http://127.0.0.1:9/old\nSuites: x\nComponents: y\n"


def copied(path: str = "/app") -> Files:
    return Files(BASE, (CopyAction(LocalSource("context"), "/", path),))


@feature("files-at-once")
def test_builds_at_once_get_their_own_files(every_engine: Engine, tmp_path: Path) -> None:
    """The definitions are equal, to the last byte."""
    sinks = {f"build-{number}": Recorder() for number in range(3)}
    copy = Files(SMALL, (CopyAction(LocalSource("context"), "/", "/app"),))
    state = sh(copy, f"cat /app/who # {uuid.uuid4()}", network=False)

    def build(name: str) -> None:
        context = tmp_path / name
        context.mkdir()
        (context / "who").write_text(name)
        (context / "large").write_bytes(os.urandom(2**20))
        every_engine.build(define(state, context), sink=sinks[name])

    threads = [threading.Thread(target=build, args=(name,)) for name in sinks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: sink.lines for name, sink in sinks.items()} == {name: [name] for name in sinks}


def test_a_changed_context_is_brought_up_to_date(local: Engine, tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "directory" / "gone").touch()
    (tmp_path / "changed").write_text("old")
    local.build(define(copied(), tmp_path))
    (tmp_path / "directory" / "gone").unlink()
    (tmp_path / "changed").write_text(newer := uuid.uuid4().hex)
    (tmp_path / "added").touch()
    sink = Recorder()
    local.build(define(sh(copied(), "cd /app; find . -type f | sort; cat changed"), tmp_path), sink=sink)
    assert sink.lines == ["./added", "./changed", newer]


def test_a_salt_runs_steps_again_and_keeps_cache_mounts(local: Engine) -> None:
    script = "echo visit >> /cache/visits; wc -l < /cache/visits"
    definition = define(sh(BASE, script, mounts=(CacheMount("/cache", f"ez-test-{uuid.uuid4()}"),)))
    seen = []
    for salt in ("", "", "again"):
        sink = Recorder()
        image = local.build(definition, salt=salt, sink=sink)
        seen.append(sink.lines)
        assert image.digest == definition.digest
    assert seen == [["1"], [], ["2"]]


def test_a_definitions_own_pip_and_apt_configuration_wins(local: Engine) -> None:
    network = Network(pip_index="https://mirror/simple", mirrors=(("apt.debian", "http://mirror/debian"),))
    own = (MkFileAction("/etc/pip.conf", b"mine"), MkFileAction("/etc/apt/sources.list", b"deb http://mine/ x y\n"))
    sink = Recorder()
    script = f'echo "<${{PIP_CONFIG_FILE-}}${{APT_CONFIG-}}>" # {uuid.uuid4()}'
    local.build(define(sh(Files(BASE, own), script)), network=network, sink=sink)
    assert sink.lines == ["<>"]


def test_apt_takes_the_mirror_and_what_the_image_adds(local: Engine) -> None:
    """The mirror does not exist; what matters is whom apt asks."""
    network = Network(mirrors=(("apt.debian", "http://127.0.0.1:9/debian"),))
    added = (
        MkFileAction("/etc/apt/sources.list.d/debian.sources", DEB822),
        MkFileAction("/etc/apt/sources.list.d/vendor.list", b"deb [trusted=yes] http://127.0.0.1:9/vendor x y\n"),
    )
    base = local.build(define(Files(BASE, added)))
    sink = Recorder()
    state = sh(ImageSource(base.reference), f"apt-get -o Acquire::Retries=0 update 2>&1 || true # {uuid.uuid4()}")
    image = local.build(define(state), network=network, sink=sink)
    asked = {line.split()[1] for line in sink.lines if line.startswith(("Err:", "Get:", "Hit:", "Ign:"))}
    assert asked == {f"http://127.0.0.1:9/{name}" for name in ("debian", "debian-security", "vendor")}
    assert local.read(image, "/etc/apt/sources.list.d/debian.sources").startswith("Types: deb")


def test_lines_are_whole(local: Engine) -> None:
    sink = Recorder()
    script = f"printf 'a\\nb'; printf 'c\\n'; printf 'progress 1\\rprogress 2\\n'; printf last # {uuid.uuid4()}"
    local.build(define(sh(BASE, script)), sink=sink)
    assert [line for event in sink.events if isinstance(event, VertexLog) for line in event.lines] == [
        "a",
        "bc",
        "progress 2",
        "last",
    ]
