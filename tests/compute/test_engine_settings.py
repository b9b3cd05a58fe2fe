"""What becomes of an engine's daemon.json."""

import base64
import json
import re
from typing import Any

import pytest

from ez.compute.engine_settings import engine_settings
from ez.compute.need import Need
from ez.errors import PrepareError
from ez.models import Network
from tests.compute.values import told

MIRROR = Need(Network(mirrors=(("registry", "http://mirror:5000"),)))
LIMITS = {
    "log-driver": "json-file",
    "log-opts": {"max-size": "50m", "max-file": "3"},
    "builder": {"gc": {"enabled": True, "defaultKeepStorage": "12GB"}},
}
STORE = {"containerd-snapshotter": True}


def merged(before: str, need: Need = Need(), *, gpu: bool = False, version: str = "", **facts: str) -> Any:
    """daemon.json as it will be, None where it stays; `version` of an engine that is there."""
    there = {"docker__engine": "user", "docker__info": f"{version}|overlay2|/var/lib/docker|[]|runc|[]|"}
    config = {"docker__config": base64.b64encode(before.encode()).decode()}
    found = told(**{**config, **(there if version else {}), **facts})
    files = dict(engine_settings(found, need, gpu=gpu))
    if not files:
        return None
    assert files["daemon.json.before"] == before
    return json.loads(files["daemon.json"])


def test_a_new_engine() -> None:
    assert merged("") == {**LIMITS, "features": STORE}
    assert merged("", MIRROR, gpu=True) == {
        **LIMITS,
        "features": {"cdi": True, **STORE},
        "registry-mirrors": ["http://mirror:5000"],
        "insecure-registries": ["http://mirror:5000"],
    }


@pytest.mark.parametrize(("free", "kept"), [("3000000000", "5GB"), ("400000000000", "100GB"), ("9" * 13, "200GB")])
def test_its_cache_is_a_quarter_of_the_disk(free: str, kept: str) -> None:
    assert merged("", disk__docker=free)["builder"]["gc"]["defaultKeepStorage"] == kept


def test_what_somebody_wrote_stays() -> None:
    own: dict[str, Any] = {
        "log-driver": "journald",
        "builder": {"gc": {"enabled": False}},
        "features": {"containerd-snapshotter": False},
        "registry-mirrors": ["http://old"],
    }
    assert merged(json.dumps(own)) is None
    assert merged(json.dumps(own), MIRROR)["registry-mirrors"] == ["http://mirror:5000", "http://old"]
    assert "features" not in merged('{"userns-remap": "default"}')
    assert "features" not in merged('{"storage-driver": "overlay2"}')


@pytest.mark.parametrize(
    ("version", "added"),
    [
        ("20.10.24", {"runtimes": {"nvidia": {"path": "nvidia-container-runtime", "runtimeArgs": []}}}),
        ("26.1.5", {"features": {"cdi": True}}),
        ("28.2.2", {"features": {"cdi": True}}),
        ("28.3.0", {}),
        ("29.0.1", {}),
    ],
)
def test_an_engine_that_is_there_gets_what_cards_need(version: str, added: dict[str, Any]) -> None:
    assert merged('{"debug": true}', MIRROR, version=version) is None
    assert merged('{"debug": true}', MIRROR, gpu=True, version=version) == ({"debug": True, **added} if added else None)
    assert merged(json.dumps(added), gpu=True, version=version) is None


@pytest.mark.parametrize("text", ["[]", '{"registry-mirrors": "http://x"}', '{"features": []}', '{"log-opts": 1}'])
def test_a_file_that_is_not_understood_is_left_alone(text: str) -> None:
    assert merged(text) is None
    with pytest.raises(PrepareError, match="cannot be merged with the registry mirror"):
        merged(text, MIRROR)
    with pytest.raises(PrepareError, match="cannot be merged with what NVIDIA cards need"):
        merged(text, gpu=True)


def test_a_file_that_is_not_told_of() -> None:
    assert merged("", docker__config="hidden") is None
    with pytest.raises(PrepareError, match="cannot be merged with what NVIDIA cards need") as caught:
        merged("", gpu=True, docker__config="long")
    assert caught.value.hint == "make it readable, and shorter than 2800 bytes"


@pytest.mark.parametrize(
    ("text", "mistake"),
    [('{\n  // ours\n  "debug": true\n}', r"are no JSON \(line 2: .*\)"), ("[" * 2000, "are no settings of an engine")],
)
def test_a_file_that_no_engine_starts_with(text: str, mistake: str) -> None:
    """Said before an engine is installed; one that runs without it is not touched."""
    with pytest.raises(PrepareError, match=f"{mistake}: `/etc/docker/daemon.json` on `box`"):
        merged(text)
    assert merged(text, version="20.10.24") is None


def test_only_what_is_new_is_shown() -> None:
    """The file may hold a proxy's password, and may be written in one line."""
    before = (
        '{"proxies":{"http-proxy":"http://me:secret@proxy"},"features":{"x":true},"registry-mirrors":["http://old"]}'
    )
    found = told(docker__config=base64.b64encode(before.encode()).decode())
    added = dict(engine_settings(found, MIRROR, gpu=True))["daemon.json.added"].splitlines()
    assert {'registry-mirrors: "http://mirror:5000"', "features.cdi: true", 'log-driver: "json-file"'} <= set(added)
    assert not re.search("secret|old|features.x", "".join(added))
