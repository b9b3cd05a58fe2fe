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
    base(dev=True)
    install.python()
    install.apt_packages(["make"])
    install.python_packages(["markupsafe"])
    runtime.environ({{"PROJECT": "{name}"}})
    run(["mkdir -p $npm_config_cache", "cat $npm_config_cache/left || true", "echo $PROJECT >$npm_config_cache/left"])
"""
DOWNLOADED = ("Get:", "Prepared ")
"""How apt and uv begin a line about what they downloaded."""


@pytest.mark.engine
def test_second_project_downloads_nothing(local: Engine, tmp_path: Path) -> None:
    """A variable of each project's own makes every step another one."""
    network = Network(ca_bundle=BUNDLE.read_text() if BUNDLE.exists() else "")
    names = (uuid.uuid4().hex, uuid.uuid4().hex)
    for name in names:
        (tmp_path / "build.envd").write_text(PROJECT.format(name=name))
        sink = Recorder()
        local.build(load(tmp_path, "hello"), network=network, sink=sink)
    done = "\n".join(sink.lines)
    assert "Setting up make" in done
    assert "Installed 1 package" in done
    assert names[0] in done
    assert not [line for line in sink.lines if line.startswith(DOWNLOADED)]


def test_no_architecture_shares_a_cache(tmp_path: Path) -> None:
    (tmp_path / "build.envd").write_text(PROJECT.format(name="x"))
    state = load(tmp_path, "hello").state
    found = [_cache_ids(marshal(state, platform=Platform("linux", name)).message) for name in ("amd64", "arm64")]
    assert len(found[0]) == len(found[1]) == 5
    assert found[0].isdisjoint(found[1])


def _cache_ids(message: object) -> set[str]:
    from ez.build.buildkit.messages import llb

    steps = [llb.Op.FromString(operation) for operation in getattr(message, "def")]
    return {mount.cache_opt.id for step in steps for mount in step.exec.mounts if mount.mount_type == 3}
