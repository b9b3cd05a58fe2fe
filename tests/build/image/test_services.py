"""The container's init and its services."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.build.image.conftest import Enter
from tests.testbed.docker import docker
from tests.testbed.shell import wait_until

pytestmark = pytest.mark.engine

SERVICES = r"""
def build():
    base(dev=True)
    io.copy("data", "/srv/data/")
    run(commands=["echo 'it''s' \"$HOME $(whoami) $PWD\" > /home/envd/run.txt"])
    runtime.environ(env={"NAME": "a 'b' \"c\""})
    runtime.init(commands=["echo \"$NAME $(whoami) $PWD\"", "touch made-by-init"])
    runtime.init(commands=["sleep 1", "echo second"])
    runtime.daemon(commands=[
        ["bash", "-c", "echo up; test -e made-by-init && test -e again || { touch again; exit 3; }; sleep 1000"],
        ["sh", "-c", "trap 'echo stopping; exit 0' TERM; echo waiting; while :; do sleep 0.1; done"],
    ])
"""

FAILING = """
def build():
    base(dev=True)
    runtime.init(commands=["false"])
    runtime.daemon(commands=[["echo", "never"]])
"""


@pytest.fixture(scope="module")
def built(image: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    def make(text: str) -> str:
        repo = tmp_path_factory.mktemp("repo")
        (repo / "build.envd").write_text(text)
        (repo / "data").write_text("data")
        return image(repo)

    return make


def test_services_start_restart_and_stop(built: Callable[[str], str], enter: Enter) -> None:
    container = enter(built(SERVICES), 1234, 1234)
    wait_until(lambda: container.log("daemon_0").count("up\n") == 2, "the daemon was started again", timeout=30)
    assert "daemon_0 ended with status 3 and is started again in 1 s" in container.log("daemon_0")
    assert container.log("init_0").splitlines()[0] == "a 'b' \"c\" envd /home/envd/hello"
    assert "second" in container.log("init_1")
    assert {path.stat().st_uid for path in (container.env / "log").iterdir()} == {1234}
    assert (container.work / "made-by-init").stat().st_uid == 1234
    assert container.says("cat ~/run.txt; stat -c %U /srv/data/data ~/run.txt") == (
        "its /home/envd envd /home/envd/hello\nenvd\nenvd"
    )
    started = time.monotonic()
    docker("stop", "--time", "30", container.name)
    assert time.monotonic() - started < 10
    assert container.log("daemon_1").splitlines()[-1] == "stopping"


def test_failing_init_keeps_daemons_back_and_lets_people_in(built: Callable[[str], str], enter: Enter) -> None:
    container = enter(built(FAILING))
    wait_until(lambda: "daemon_0 is not started" in container.log("daemon_0"), "the daemon is kept back", timeout=20)
    assert "init_0 ended with status 1" in container.log("init_0")
    assert container.says("whoami") == "envd"
