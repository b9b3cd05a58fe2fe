"""Images of the Python API, built where there is no merge and where there is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from ez.build import Bind, Cache, Http, Image, Local, Scratch, Secret
from ez.models import Network
from tests.build.buildkit.conftest import Engine
from tests.build.image.conftest import BUNDLE

pytestmark = pytest.mark.engine

FOUND = """\
from the image: a tool
of the step: 1 2
secret: 5
mounted: one
/data/one 644 5:6 1
/opt/b/file 600 7:8 beside
/opt/link -> /usr/local/bin/tool
/run-a a
/run-c c 3
"""


@pytest.mark.parametrize("every_engine", ["local", "ready"], indirect=True)
def test_engines_build_what_a_program_says(
    every_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "one").write_text("1\n")
    tool = Scratch().mkfile("/out/tool", "#!/bin/sh\necho a tool\n", mode=0o755)
    image = (
        Image("debian:12")
        .env(A="1")
        .path("/usr/local/bin")
        .copy("data", "/data", owner="5:6", exclude=["**/*.pyc"])
        .copy_from(tool, "/out/tool", "/usr/local/bin/")
        .symlink("/usr/local/bin/tool", "/opt/link")
        .mkdir("/gone")
        .run(
            "(echo from the image: $(tool); echo of the step: $A $B; echo secret: $(wc -c </run/secrets/s);"
            " echo mounted: $(ls /seen)) >/found",
            env={"B": "2"},
            secrets=[Secret("s")],
            mounts=[Bind("/seen", Local(), "data"), Cache("/cache", "test-ez")],
        )
        .parallel(
            lambda image: image.run("echo a >/run-a"),
            lambda image: image.mkfile("/opt/b/file", "beside\n", mode=0o600, owner="7:8"),
            lambda image: image.env(C="3").run("echo c $C >/run-c"),
        )
        .rm("/gone")
        .run(
            "for path in /data/one /opt/b/file; do echo $(stat -c '%n %a %u:%g' $path) $(cat $path); done >>/found;"
            " echo /opt/link -\\> $(readlink /opt/link) >>/found; test ! -e /gone;"
            " for path in /run-a /run-c; do echo $path $(cat $path) >>/found; done; test $C = 3"
        )
        .cmd("cat", "/found")
    )
    made = every_engine.build(image.definition(), secrets={"s": b"12345"})
    assert every_engine.docker("run", "--rm", made.reference).decode() == FOUND


def test_a_program_builds_by_itself(engine: Path) -> None:
    environment = {"DOCKER_HOST": f"unix://{engine}"}
    made = Image("debian:12").run("echo yes >/made").build("ez-test-python-api:latest", environment=environment)
    running = Engine("local", engine, [made.reference])
    try:
        assert running.read(made, "/made") == "yes\n"
    finally:
        running.forget()


def test_cuda_below_packages_that_were_asked_for_first(local: Engine) -> None:
    """NVIDIA's image is played by Ubuntu's, and Python is the distribution's: no other can be had in the testbed."""
    base = "nvidia/cuda:12.4.1-cudnn-devel-ubuntu22.04"
    local.docker("tag", "ubuntu:22.04", base)
    local.made.append(base)
    image = Image("ubuntu:22.04").apt_install("make").with_python("3.11").pip_install("numpy").with_cuda("12.4")
    network = Network(ca_bundle=BUNDLE.read_text() if BUNDLE.exists() else "")
    made = local.build(
        image.run("make --version && python -c 'import numpy' && echo $?  >/works").definition(), network=network
    )
    assert local.read(made, "/works") == "0\n"


def test_sources_on_the_web_say_what_they_are() -> None:
    assert Scratch().copy_from(Http("https://example.org/a"), "/", "/a") == Scratch().http(
        "https://example.org/a", "/a"
    )
