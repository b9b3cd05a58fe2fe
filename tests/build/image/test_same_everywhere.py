"""The same build file makes the same image on every engine, whether it can merge what was made side by side or not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ez.build.graph import ImageSource, Run
from ez.build.load import load
from ez.models import Network
from tests.build.buildkit.conftest import Engine, define
from tests.build.image.conftest import BUNDLE

pytestmark = pytest.mark.engine

BASE = "ez-test/with-group:latest"
"""A small base image with the group that the virtual environment is shared with."""

REPO = {
    "build.envd": f"""
def build():
    base("{BASE}")
    install.python()
    install.apt_packages(["make"])
    install.python_packages(["markupsafe", "rich"])
    install.python_packages(requirements="requirements.txt")
    io.copy("data", "/srv/data")
    runtime.environ({{"NAME": "a b"}})
    run(["make --version >/srv/made", "python -c 'import docopt, markupsafe, rich'"])
""",
    # No wheel of it is published, so it waits for the apt packages.
    "requirements.txt": "docopt==0.6.2\n",
    "data/deep/file": "file",
}

LIST = """
import hashlib, json, os, stat, sys
found = {}
def describe(path):
    status = os.lstat(path)
    kind = stat.S_IFMT(status.st_mode)
    content = os.readlink(path) if kind == stat.S_IFLNK else ""
    if kind == stat.S_IFREG:
        content = hashlib.sha256(open(path, "rb").read()).hexdigest()
    attributes = {name: os.getxattr(path, name, follow_symlinks=False).hex()
                  for name in os.listxattr(path, follow_symlinks=False)}
    return [oct(status.st_mode), status.st_uid, status.st_gid, content, attributes]
for top, directories, files in os.walk("/"):
    directories[:] = [name for name in directories if os.lstat(os.path.join(top, name)).st_dev == os.lstat("/").st_dev]
    for name in directories + files:
        found[os.path.join(top, name)] = describe(os.path.join(top, name))
json.dump(found, sys.stdout)
"""

OF_THE_CONTAINER = (
    "/.dockerenv",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/mtab",
    "/etc/resolv.conf",
    "/dev",
    "/proc",
    "/sys",
)


@pytest.fixture
def engines(request: pytest.FixtureRequest, engine: Path, sockets: Any) -> Iterator[list[Engine]]:
    """One that merges, and two that do not: Docker 26 with its newer and its older image store, and 20.10."""
    computers = {
        name: sockets(name, lambda name=name: request.getfixturevalue(name)) for name in ("ready", "ready_graph")
    }
    with ExitStack() as stack:
        found = [Engine(name, socket) for name, socket in (*computers.items(), ("local", engine))]
        for one in found:
            stack.callback(one.forget)
        yield found


def test_images_are_the_same_file_by_file(engines: list[Engine], tmp_path: Path) -> None:
    for path, text in REPO.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    made = {one.name: _image(one, tmp_path) for one in engines}
    merged, merged_config = made.pop("ready")
    assert "/opt/venv/.ez-left" not in merged
    assert merged["/opt/venv/bin/markdown-it"][2] == merged["/opt/venv"][2] != 0
    for name, (files, config) in made.items():
        differing = {path: (merged.get(path), files.get(path)) for path in {*merged, *files}}
        assert not {path: pair for path, pair in differing.items() if pair[0] != pair[1]}, name
        assert config == merged_config


def _image(engine: Engine, repo: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    engine.build(define(Run(ImageSource("debian:12"), ("groupadd", "--system", "ez"))), reference=BASE)
    engine.made.append(BASE)
    network = Network(ca_bundle=BUNDLE.read_text() if BUNDLE.exists() else "")
    image = engine.build(load(repo, "hello", access=False), network=network)
    (inspected,) = json.loads(engine.docker("image", "inspect", image.reference))
    config = {key: inspected["Config"][key] for key in ("Env", "WorkingDir", "User", "Entrypoint", "Cmd")}
    run = ("run", "--rm", "--network", "none", "--entrypoint", "/usr/bin/python3", image.reference)
    listed = json.loads(engine.docker(*run, "-B", "-c", LIST))
    return {path: found for path, found in listed.items() if path not in OF_THE_CONTAINER}, config
