"""Where results go besides the engine's images, on every engine: made, made another way, or refused before any work."""

import io
import json
import os
import tarfile
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import pytest

from ez.build.engine import engine_info
from ez.build.graph import Files, ImageConfig, MkFileAction, Scratch
from ez.build.order import Output
from ez.errors import BuildError, EngineError, StepError
from tests.testbed import Testbed

from .conftest import BASE, Engine, Recorder, define, sh

pytestmark = pytest.mark.engine

INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
ACCEPT = (
    *INDEXES,
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)


def small() -> Files:
    return Files(Scratch(), (MkFileAction("/greeting", uuid.uuid4().hex.encode()),))


def greeting(state: Files) -> str:
    (action,) = state.actions
    assert isinstance(action, MkFileAction)
    return action.data.decode()


def name_in_registry(engine: Engine, testbed: Testbed) -> str:
    """A name that nobody has used, in the testbed's registry as the engine sees it."""
    registry = testbed.registry
    return f"{registry.host_address if engine.name == 'local' else registry.address}/ez-test/{uuid.uuid4().hex}:1"


def manifest(testbed: Testbed, name: str) -> Any:
    """What the registry has under a name that an engine pushed."""
    repository, _, tag = name.partition("/")[2].rpartition(":")
    address = f"http://{testbed.registry.host_address}/v2/{repository}/manifests/{tag}"
    request = urllib.request.Request(address, headers={"Accept": ", ".join(ACCEPT)})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as reply:
        return json.load(reply)


def has_containerd(engine: Engine) -> bool:
    return engine_info(engine.address).store == "containerd"


def members(path: Path) -> set[str]:
    with tarfile.open(path) as archive:
        return set(archive.getnames())


def test_files_reach_a_directory_a_tar_and_a_stream(every_engine: Engine, tmp_path: Path) -> None:
    state = small()
    stream = io.BytesIO()
    outputs = (
        Output("local", str(tmp_path / "directory")),
        Output("tar", str(tmp_path / "files.tar")),
        Output("tar", "-", stream=stream),
    )
    every_engine.build(define(state), outputs=outputs)
    assert (tmp_path / "directory" / "greeting").read_text() == greeting(state)
    assert "greeting" in members(tmp_path / "files.tar")
    with tarfile.open(fileobj=io.BytesIO(stream.getvalue())) as archive:
        assert archive.getnames() == ["greeting"]
    assert sorted(os.listdir(tmp_path)) == ["directory", "files.tar"]


def test_a_docker_archive_is_what_docker_loads(every_engine: Engine, tmp_path: Path) -> None:
    archive, name = tmp_path / "image.tar", f"ez-test/{uuid.uuid4().hex}:archived"
    every_engine.made.append(name)
    every_engine.build(define(small()), reference=name, outputs=(Output("docker", str(archive)),))
    assert name not in every_engine.docker("images", "--format", "{{.Repository}}:{{.Tag}}").decode()
    assert name in every_engine.docker("load", "--input", str(archive)).decode()


def test_an_oci_archive_and_layout(every_engine: Engine, tmp_path: Path) -> None:
    outputs = (
        Output("oci", str(tmp_path / "image.tar"), (("compression", "zstd"),)),
        Output("oci", str(tmp_path / "layout"), (("tar", "false"),)),
    )
    sink = Recorder()
    if has_containerd(every_engine):
        every_engine.build(define(small()), outputs=outputs, sink=sink)
        assert {"index.json", "oci-layout"} <= members(tmp_path / "image.tar")
        (described,) = json.loads((tmp_path / "layout" / "index.json").read_text())["manifests"]
        assert (tmp_path / "layout" / "blobs" / described["digest"].replace(":", "/")).is_file()
    else:
        with pytest.raises(EngineError, match="cannot write an OCI archive") as caught:
            every_engine.build(define(small()), outputs=outputs, sink=sink)
        assert "type=docker" in (caught.value.hint or "")
        assert sink.events == []


def test_a_push_reaches_the_registry_and_names_nothing_in_the_engine(every_engine: Engine, testbed: Testbed) -> None:
    name = name_in_registry(every_engine, testbed)
    image = every_engine.build(define(small()), outputs=(Output("registry", name),))
    pushed = manifest(testbed, name)
    assert pushed["layers"]
    assert image.id
    assert name not in every_engine.docker("images", "--format", "{{.Repository}}:{{.Tag}}").decode()


def test_a_push_that_is_refused_says_why(every_engine: Engine) -> None:
    with pytest.raises(BuildError, match=r"127\.0\.0\.1:9"):
        every_engine.build(define(small()), outputs=(Output("registry", "127.0.0.1:9/nobody/there:1"),))


def test_several_platforms_become_one_index(every_engine: Engine, testbed: Testbed) -> None:
    name = name_in_registry(every_engine, testbed)
    platforms = ("linux/amd64", "linux/aarch64", "linux/arm/v7")
    definition = define(small(), config=ImageConfig(workdir="/srv"))
    sink = Recorder()
    if has_containerd(every_engine):
        every_engine.build(definition, outputs=(Output("registry", name),), platforms=platforms)
        listed = [item["platform"] for item in manifest(testbed, name)["manifests"]]
        assert [(item["architecture"], item.get("variant", "")) for item in listed] == [
            ("amd64", ""),
            ("arm64", ""),
            ("arm", "v7"),
        ]
    else:
        with pytest.raises(EngineError, match="cannot hold several platforms"):
            every_engine.build(definition, outputs=(Output("registry", name),), platforms=platforms, sink=sink)
        assert sink.events == []


def test_one_other_platform_works_on_every_engine(every_engine: Engine) -> None:
    image = every_engine.build(define(small()), platforms=("linux/arm64",))
    (described,) = json.loads(every_engine.docker("image", "inspect", image.reference))
    assert described["Architecture"] == "arm64"


def test_a_step_of_a_platform_that_is_not_emulated_says_so(every_engine: Engine) -> None:
    """The head of an ELF program for another machine (ELF64, e_machine EM_AARCH64 = 183)."""
    program = b"\x7fELF\x02\x01\x01" + bytes(9) + (2).to_bytes(2, "little") + (183).to_bytes(2, "little") + bytes(44)
    state = Files(BASE, (MkFileAction("/program", program, mode=0o755),))
    with pytest.raises(StepError, match="cannot run programs of this platform") as caught:
        every_engine.build(define(sh(state, f"/program # {uuid.uuid4()}")))
    assert caught.value.line == 2


def test_steps_are_counted(every_engine: Engine) -> None:
    salt = uuid.uuid4()
    below = sh(BASE, f"echo {salt}")
    counts = []
    for state in (below, below, sh(below, "echo more", line=3)):
        image = every_engine.build(define(state))
        counts.append((image.executed, image.cached))
    assert counts == [(1, 0), (0, 1), (1, 1)]


def test_a_timestamp_becomes_the_time_of_all_that_is_made(every_engine: Engine) -> None:
    definition = define(small())
    image = every_engine.build(definition, timestamp=1_700_000_000)
    (described,) = json.loads(every_engine.docker("image", "inspect", image.reference))
    assert described["Created"].startswith("2023-11-14T22:13:20")
    if has_containerd(every_engine):
        assert every_engine.build(definition, timestamp=1_700_000_000, salt="again").id == image.id
