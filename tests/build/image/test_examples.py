"""Every directory of `examples/`, built and entered: `tests/cases/examples.toml` says what is to be seen there."""

from __future__ import annotations

import shutil
import tomllib
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ez.build.definition import Definition
from ez.build.frontends import Given
from ez.build.image.tools.table import DOWNLOADS
from ez.build.includes import Included
from ez.build.load import load
from tests.build.image.conftest import EXAMPLES, Container, Enter, build_image
from tests.build.image.mirror import mirror, stand_in
from tests.build.image.stand_ins import MIRRORS
from tests.testbed import Testbed
from tests.testbed.docker import docker
from tests.testbed.shell import wait_until

pytestmark = pytest.mark.engine

CASES = tomllib.loads((Path(__file__).parents[2] / "cases" / "examples.toml").read_text())
ELSEWHERE = {"hello", "python-api"}
"""Examples that have tests of their own."""


@pytest.fixture(autouse=True)
def no_real_downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, download in DOWNLOADS.items():
        monkeypatch.setitem(DOWNLOADS, name, stand_in(download))


def test_no_example_is_forgotten() -> None:
    assert {path.name for path in EXAMPLES.iterdir() if path.is_dir()} == {*CASES, *ELSEWHERE}


@pytest.mark.parametrize("name", CASES)
def test_example(name: str, engine: Path, testbed: Testbed, enter: Enter, tmp_path: Path) -> None:
    case = CASES[name]
    repo = tmp_path / "repo"
    shutil.copytree(EXAMPLES / name, repo)
    with ExitStack() as stack:
        mirrors = stack.enter_context(mirror(testbed.world.address(1), {**MIRRORS, "net": _net(case)}))
        _turn_to(mirrors["tool.net"], repo, case)
        if "base" in case:
            docker("tag", "ubuntu:22.04", case["base"])
            stack.callback(docker, "rmi", case["base"])
        definition = _load(repo, case)
        image = build_image(engine, definition, mirrors)
        stack.callback(docker, "rmi", "--force", image)
        if "plain" in case:
            assert docker("run", "--rm", image).stdout == case["plain"]
        else:
            _look(enter(image, environ=dict(definition.runtime.private), repo=repo), case)
        for _, secret in definition.runtime.private:
            assert secret not in docker("image", "inspect", image).stdout
            assert secret not in docker("history", "--no-trunc", image).stdout


def _net(case: dict[str, Any]) -> dict[str, bytes]:
    return {url.rpartition("/")[2]: content.encode() for url, content in case.get("net", {}).items()}


def _turn_to(address: str, repo: Path, case: dict[str, Any]) -> None:
    """Files of the net that the build file names come from here."""
    file = repo / "build.envd"
    for url in case.get("net", {}):
        file.write_text(file.read_text().replace(url, f"{address}/{url.rpartition('/')[2]}"))


def _load(repo: Path, case: dict[str, Any]) -> Definition:
    def fetch(url: str, ref: str, commit: str) -> Included:
        return Included(url, ref, commit or "0" * 40, (("library.envd", case["included"].encode()),))

    entry = f":{case.get('function', 'build')}"
    return load(repo, "hello", entry=entry, access="plain" not in case, given=Given(fetch=fetch))


def _look(container: Container, case: dict[str, Any]) -> None:
    for command, wanted in case.get("says", ()):
        assert wanted in container.says(command), command
    for command, wanted in case.get("answers", ()):
        wait_until(partial(_says, container, command, wanted), f"{command} says {wanted}", timeout=60)


def _says(container: Container, command: str, wanted: str) -> bool:
    return wanted in container.ssh(command, check=False).stdout
