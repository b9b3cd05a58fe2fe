"""Where results go besides the engine's images, on every engine: made, made another way, or refused before any work."""

import io
import json
import os
import tarfile
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ez.build.engine import engine_info
from ez.build.graph import CopyAction, Files, ImageConfig, ImageSource, MkFileAction, Scratch
from ez.build.order import Output
from ez.errors import BuildError, StepError
from ez.events import VertexWarning
from tests.testbed import Testbed

from .conftest import BASE, SMALL, Engine, define, manifest, name_in_registry, sh
from .matrix import feature

pytestmark = pytest.mark.engine


def small() -> Files:
    return Files(Scratch(), (MkFileAction("/greeting", uuid.uuid4().hex.encode()),))


def greeting(state: Files) -> str:
    (action,) = state.actions
    assert isinstance(action, MkFileAction)
    return action.data.decode()


def members(path: Path) -> set[str]:
    with tarfile.open(path) as archive:
        return set(archive.getnames())


@feature("files")
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


@feature("docker")
def test_a_docker_archive_is_what_docker_loads(every_engine: Engine, tmp_path: Path) -> None:
    archive, name = tmp_path / "new" / "image.tar", f"ez-test/{uuid.uuid4().hex}:archived"
    every_engine.made.append(name)
    every_engine.build(define(small()), reference=name, outputs=(Output("docker", str(archive)),))
    assert name not in every_engine.docker("images", "--format", "{{.Repository}}:{{.Tag}}").decode()
    assert name in every_engine.docker("load", "--input", str(archive)).decode()


@feature("oci")
def test_an_oci_archive_and_layout(every_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    outputs = (
        Output("oci", "image.tar", (("compression", "zstd"),)),
        Output("oci", str(tmp_path / "layout"), (("tar", "false"),)),
    )
    every_engine.build(define(small()), outputs=outputs)
    assert {"index.json", "oci-layout"} <= members(tmp_path / "image.tar")
    (described,) = json.loads((tmp_path / "layout" / "index.json").read_text())["manifests"]
    assert (tmp_path / "layout" / "blobs" / described["digest"].replace(":", "/")).is_file()


@feature("push")
def test_a_push_reaches_the_registry_and_names_nothing_in_the_engine(every_engine: Engine, testbed: Testbed) -> None:
    name = name_in_registry(every_engine, testbed) + ":1"
    image = every_engine.build(define(small()), outputs=(Output("registry", name),))
    pushed = manifest(testbed, name)
    assert pushed["layers"]
    assert image.id
    assert name not in every_engine.docker("images", "--format", "{{.Repository}}:{{.Tag}}").decode()


@pytest.mark.parametrize("every_engine", ["local", "ready"], indirect=True)
def test_a_push_that_is_refused_says_why(every_engine: Engine) -> None:
    with pytest.raises(BuildError, match=r"could not be pushed: `127\.0\.0\.1:9/") as caught:
        every_engine.build(define(small()), outputs=(Output("registry", "127.0.0.1:9/nobody/there:1"),))
    assert caught.value.hint == "check that the engine's computer reaches it: `curl -I https://127.0.0.1:9/v2/`"


@dataclass(frozen=True)
class Published:
    """Images in the testbed's registry, without its name: `both` for linux/amd64 and linux/arm64, `amd64` for one."""

    both: str
    amd64: str

    def on(self, engine: Engine, testbed: Testbed, name: str) -> ImageSource:
        return ImageSource(f"{name_in_registry(engine, testbed).partition('/')[0]}/{name}", note=BASE.note)


@pytest.fixture(scope="module")
def published(request: pytest.FixtureRequest, testbed: Testbed, sockets: Any) -> Published:
    maker = Engine("ready_28", sockets("ready_28", lambda: request.getfixturevalue("ready_28")))
    name = name_in_registry(maker, testbed)
    for tag, platforms in (("both", ("linux/amd64", "linux/arm64")), ("amd64", ("linux/amd64",))):
        maker.build(define(small()), outputs=(Output("registry", f"{name}:{tag}"),), platforms=platforms)
    path = name.partition("/")[2]
    return Published(f"{path}:both", f"{path}:amd64")


@feature("platforms")
def test_several_platforms_become_one_index(every_engine: Engine, testbed: Testbed) -> None:
    name = name_in_registry(every_engine, testbed) + ":1"
    platforms = ("linux/amd64", "linux/aarch64", "linux/arm/v7")
    definition = define(small(), config=ImageConfig(workdir="/srv"))
    every_engine.build(definition, outputs=(Output("registry", name),), platforms=platforms)
    listed = [item["platform"] for item in manifest(testbed, name)["manifests"]]
    assert [(item["architecture"], item.get("variant", "")) for item in listed] == [
        ("amd64", ""),
        ("arm64", ""),
        ("arm", "v7"),
    ]
    assert not [event for event in every_engine.said.events if isinstance(event, VertexWarning)]


@feature("platform")
def test_one_other_platform_works_on_every_engine(every_engine: Engine, testbed: Testbed, published: Published) -> None:
    """Of a base image too, if there is one for it."""
    above = (MkFileAction("/above", uuid.uuid4().hex.encode()),)
    both, amd64 = (published.on(every_engine, testbed, name) for name in (published.both, published.amd64))
    for state in (small(), Files(both, above)):
        image = every_engine.build(define(state), platforms=("linux/arm64",))
        (described,) = json.loads(every_engine.docker("image", "inspect", image.reference))
        assert described["Architecture"] == "arm64"
    for wrong in (Files(amd64, above), Files(Scratch(), (CopyAction(amd64, "/greeting", "/x"),))):
        with pytest.raises(StepError) as caught:
            every_engine.build(define(wrong), platforms=("linux/arm64",))
        assert caught.value.message == f"no image for linux/arm64: `{amd64.reference}` is linux/amd64"
        assert (caught.value.line, caught.value.hint) == (1, "name an image that there is for linux/arm64")
    with pytest.raises(StepError, match="no image for the platform that is asked for") as caught:
        every_engine.build(define(both), platforms=("linux/riscv64",))
    assert caught.value.hint == f"see its platforms with `docker manifest inspect {both.reference}`"


@pytest.mark.parametrize("every_engine", ["local", "ready_28"], indirect=True)
def test_a_step_of_a_platform_that_is_not_emulated_says_so(every_engine: Engine) -> None:
    """The head of an ELF program for a machine that nobody emulates (ELF64, e_machine EM_IA_64 = 50)."""
    program = b"\x7fELF\x02\x01\x01" + bytes(9) + (2).to_bytes(2, "little") + (50).to_bytes(2, "little") + bytes(44)
    state = Files(SMALL, (MkFileAction("/program", program, mode=0o755),))
    with pytest.raises(StepError, match="cannot run programs of this platform") as caught:
        every_engine.build(define(sh(state, f"/program # {uuid.uuid4()}")))
    assert caught.value.line == 2


@feature("created")
def test_an_image_is_of_the_time_that_was_asked_for(every_engine: Engine) -> None:
    image = every_engine.build(define(small()), timestamp=1_700_000_000)
    (described,) = json.loads(every_engine.docker("image", "inspect", image.reference))
    assert described["Created"].startswith("2023-11-14T22:13:20")


@feature("timestamps")
def test_a_timestamp_becomes_the_time_of_all_that_is_made(every_engine: Engine) -> None:
    definition = define(sh(SMALL, f"echo {uuid.uuid4()} >/made"))
    ids = {every_engine.build(definition, timestamp=1_700_000_000, salt=salt).id for salt in ("", "again")}
    assert len(ids) == 1 or engine_info(every_engine.address).store == "graphdriver"
