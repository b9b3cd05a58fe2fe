"""Toolchains by a mirror of the testbed: they are checked, they run, and they leave nothing else behind."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from ez.build.image.tools.table import DOWNLOADS, MIRRORED
from ez.build.load import load
from ez.config import TOOLS as SETTINGS
from ez.config import resolve
from ez.errors import StepError
from ez.models import Network
from tests.build.buildkit.conftest import Engine
from tests.build.buildkit.conftest import every_engine as every_engine
from tests.build.image.conftest import Enter, build_image
from tests.build.image.mirror import Files, mirror, published, stand_in
from tests.build.image.stand_ins import MIRRORS
from tests.testbed import Testbed
from tests.testbed.docker import docker

_SUM = re.compile(r"([0-9a-f]{64})?")

MICROMAMBA = r"""#!/bin/sh
case "$1 $2" in
    'shell hook') echo 'micromamba() { :; }; export EZ_TEST_HOOK=yes'; exit ;;
esac
echo "$*" >>/opt/conda/asked
[ "$1" != info ] || exit 0
while [ $# -gt 0 ] && [ "$1" != -p ]; do shift; done
mkdir -p "$2/conda-meta" "$2/bin"
[ -e "$2/bin/python" ] || printf '#!/bin/sh\necho "python of conda"\n' >"$2/bin/python"
chmod 755 "$2/bin/python"
echo "$CONDA_PKGS_DIRS by $MAMBA_CHANNEL_ALIAS" >"$2/conda-meta/history"
"""

Make = Callable[[Path, Mapping[str, str]], str]


@pytest.fixture
def make(engine: Path) -> Iterator[Make]:
    """Builds a repo by mirrors, as a plain image where it is one; the images are gone after the test."""
    names: list[str] = []

    def build(repo: Path, mirrors: Mapping[str, str]) -> str:
        dev = "dev=True" in (repo / "build.envd").read_text()
        names.append(build_image(engine, load(repo, "hello", access=dev), mirrors))
        return names[-1]

    yield build
    for name in names:
        docker("rmi", "--force", name)


def test_every_tool_has_a_setting_and_a_place_for_its_checksum() -> None:
    assert set(MIRRORED) <= set(SETTINGS)
    for download in DOWNLOADS.values():
        words = download.arguments("9.8.7")
        assert (len(words), words[0], words[3], words[5]) == (8, download.name, "", "")
        assert not any("{" in word or "\n" in word for word in words)
        assert all(_SUM.fullmatch(archive.sha256) for archive in (download.amd64, download.arm64))


def test_settings_become_mirrors(tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path), "EZ_MIRROR_GO": "http://go.example", "EZ_MIRROR_UV_PYTHON": "http://py"}
    found = resolve(environment=environment).network().mirrors
    assert found == (("tool.go", "http://go.example"), ("tool.uv_python", "http://py"))


PLAIN = """
def build():
    base("debian:12")
    install.go()
    install.codex()
    install.pixi(pypi_index="https://index.example/simple")
    run(["go; codex; pixi", "! command -v curl"])
"""

LOOK = "go; codex; pixi; echo $PATH; cat /etc/pixi/config.toml; ls -A /tmp /opt /dev/shm | grep -v : | grep .; true"


@pytest.mark.engine
@pytest.mark.parametrize("every_engine", ["local", "ready"], indirect=True)
def test_plain_images_get_the_tools_and_nothing_else(
    every_engine: Engine, testbed: Testbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an engine that merges branches, and one that does not. The image has neither curl nor authorities, and gets
    none. What is built already needs no mirror."""
    for name in ("go", "codex", "pixi"):
        monkeypatch.setitem(DOWNLOADS, name, stand_in(DOWNLOADS[name]))
    (tmp_path / "build.envd").write_text(PLAIN)
    definition = load(tmp_path, "hello", access=False)
    with mirror(testbed.world.address(1), MIRRORS) as mirrors:
        network = Network(mirrors=tuple(mirrors.items()))
        image = every_engine.build(definition, network=network).reference
    shown = every_engine.docker("run", "--rm", image, "sh", "-c", LOOK).decode()
    assert shown.splitlines() == [
        "go version go1.25.3 (stand-in)",
        "codex-cli 0.98.0 (stand-in)",
        "pixi 0.62.2 (stand-in)",
        "/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "[pypi-config]",
        'index-url = "https://index.example/simple"',
    ]
    assert mirrors["tool.go"].encode() not in every_engine.docker("history", "--no-trunc", image)
    assert every_engine.build(definition, network=network).executed == 0


def _wrong() -> dict[str, Files]:
    """Archives of versions that the table does not have, and something wrong with each."""
    go = dict(published(DOWNLOADS["go"], {"bin/go": "#!/bin/sh\n"}))
    go["go1.24.1.linux-amd64.tar.gz"] = b"other"
    go["go1.24.1.linux-amd64.tar.gz.sha256"] = hashlib.sha256(b"one").hexdigest().encode()
    codex = {"rust-v0.1.0/codex-x86_64-unknown-linux-musl.tar.gz.sha256": b"<html>not found</html>\n"}
    return {"go": go, "codex": codex, "nodejs": {}}


@pytest.mark.engine
@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("install.go()", "bad checksum of go1.25.3.linux-amd64.tar.gz: ez has 0335f314"),
        ('install.go("1.24.1")', "bad checksum of go1.24.1.linux-amd64.tar.gz: http://"),
        ('install.codex("rust-v0.1.0")', "has no checksum of codex-x86_64-unknown-linux-musl.tar.gz"),
        ('install.nodejs("24.0.0")', "set mirrors.nodejs if this network has it elsewhere"),
    ],
)
def test_what_is_not_as_published_is_not_installed(
    call: str, said: str, testbed: Testbed, make: Make, tmp_path: Path
) -> None:
    """The table's own checksum of Go is that of the real one, which the stand-in is not."""
    (tmp_path / "build.envd").write_text(f'def build():\n    base("debian:12")\n    {call}\n')
    with mirror(testbed.world.address(1), _wrong()) as mirrors, pytest.raises(StepError) as caught:
        make(tmp_path, mirrors)
    assert (caught.value.file, caught.value.line) == ("build.envd", 3)
    assert said in caught.value.log[-1]


CONDA = """
def build():
    base("debian:12", dev=True)
    install.conda()
    config.conda_channel("channels:\\n  - https://conda.example/main")
    install.python("3.12")
    install.apt_packages(["make"])
    install.conda_packages(name=["numpy>=1"], channel=["bioconda"])
    run(["python -V", "test $CONDA_PREFIX = /opt/conda/envs/envd", "command -v make"])
"""


@pytest.mark.engine
def test_conda_is_the_python_of_every_session(
    testbed: Testbed, make: Make, enter: Enter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """micromamba is a stand-in that writes down what it is asked for."""
    # A version of its own, or another build's stand-in would still be in the engine.
    version = hashlib.sha256(MICROMAMBA.encode()).hexdigest()[:8]
    download = replace(stand_in(DOWNLOADS["micromamba"]), version=version)
    monkeypatch.setitem(DOWNLOADS, "micromamba", download)
    (tmp_path / "build.envd").write_text(CONDA)
    files = published(download, {"micromamba": MICROMAMBA}, packed=False)
    with mirror(testbed.world.address(1), {"micromamba": files, "conda": {}}) as mirrors:
        container = enter(make(tmp_path, mirrors), 1234, 1234)
    assert container.says("python -V") == "python of conda"
    interactive = container.says("bash -ic 'command -v python; echo $EZ_TEST_HOOK' 2>/dev/null")
    assert interactive.splitlines()[-2:] == ["/opt/conda/envs/envd/bin/python", "yes"]
    assert container.says("cat /opt/conda/asked").splitlines() == [
        "create -y -p /opt/conda/envs/envd python=3.12 pip",
        "install -y -p /opt/conda/envs/envd -c bioconda numpy>=1",
    ]
    assert container.says("cat /opt/conda/.condarc") == "channels:\n  - https://conda.example/main"
    # Of another run perhaps: mirrors are no part of what a step is known by.
    channels = container.says("cat $CONDA_PREFIX/conda-meta/history")
    assert re.fullmatch(r"/dev/shm/ez-cache/conda by http://[\d.:]+/conda", channels)
    assert container.says("touch $CONDA_PREFIX/x $CONDA_PREFIX/bin/x && conda info && cat /opt/conda/asked").endswith(
        "\ninfo"
    )
