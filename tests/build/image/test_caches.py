"""What one project has downloaded serves the next one on the same computer, and no other architecture."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from ez.build.llb.marshal import marshal
from ez.build.llb.platform import Platform
from ez.build.load import load
from ez.models import Network
from tests.build.buildkit.conftest import Engine, Recorder
from tests.build.image.conftest import BUNDLE

PROJECT = """
def build():
    base("debian:12", dev={dev})
    install.python()
    install.apt_packages(["make"])
    install.python_packages(["markupsafe"])
    install.python_packages(["docopt==0.6.2"])
    runtime.environ({{"PROJECT": "{name}"}})
    run(["python -m venv /tmp/venv && /tmp/venv/bin/pip install attrs && rm -r /tmp/venv"])
"""
DOWNLOADED = ("Get:", "Prepared ", "Downloading ", " Downloaded ", "  Downloading ")
"""How apt, uv and pip begin a line about what they downloaded."""


@pytest.mark.engine
@pytest.mark.parametrize("dev", [False, True], ids=["as root", "as the user"])
def test_second_project_downloads_nothing(local: Engine, tmp_path: Path, dev: bool) -> None:
    network = Network(ca_bundle=BUNDLE.read_text() if BUNDLE.exists() else "")
    lines: list[list[str]] = []
    for _ in range(2):
        # A variable of its own makes every step another one.
        text = PROJECT.format(dev=dev, name=uuid.uuid4().hex)
        (tmp_path / "build.envd").write_text(text)
        sink = Recorder()
        local.build(load(tmp_path, "hello", access=False), network=network, sink=sink)
        lines.append(sink.lines)
    assert "Setting up make" in "\n".join(lines[1])
    assert [line for line in lines[1] if line.startswith("Using cached attrs") or "Using cached attrs" in line]
    assert not [line for line in lines[1] if line.startswith(DOWNLOADED)]


def test_no_architecture_shares_a_cache(tmp_path: Path) -> None:
    (tmp_path / "build.envd").write_text(PROJECT.format(dev=True, name="x"))
    state = load(tmp_path, "hello").state
    found = [_cache_ids(marshal(state, platform=Platform("linux", name)).message) for name in ("amd64", "arm64")]
    assert len(found[0]) == len(found[1]) == 5
    assert found[0].isdisjoint(found[1])


def _cache_ids(message: object) -> set[str]:
    from ez.build.buildkit.messages import llb

    steps = [llb.Op.FromString(operation) for operation in getattr(message, "def")]
    return {mount.cache_opt.id for step in steps for mount in step.exec.mounts if mount.mount_type == 3}
