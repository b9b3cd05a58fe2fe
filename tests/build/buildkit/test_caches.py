"""Caches that outlive an engine's own, secrets that must not be shared, and registries that do not answer well."""

import base64
import json
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ez.build import share
from ez.build.cache import disk_usage, prune
from ez.build.definition import Definition
from ez.build.engine import engine_info, find_image
from ez.build.graph import Files, ImageConfig, ImageSource, MkFileAction, Run, SecretMount, SshMount, State
from ez.build.ocilayout import digest_of
from ez.build.order import Cache, Output
from ez.errors import BuildError
from ez.events import Notice
from ez.models import Image, Network
from tests.testbed import Testbed
from tests.testbed.agent import agent as ssh_agent

from .conftest import BASE, SMALL, Engine, Recorder, define, manifest, name_in_registry, reaching, sh
from .fronted import fronted
from .matrix import feature
from .session.doors import server_tls

pytestmark = pytest.mark.engine


def two_steps(marker: str = "") -> State:
    marker = marker or uuid.uuid4().hex
    return sh(sh(SMALL, f"echo {marker} > /one"), f"read line < /one; echo $line > /two # {marker}", line=3)


def forget_steps(engine: Engine, marker: str) -> None:
    """As an engine that never did these steps."""
    engine.forget()
    ids = [record.id for record in disk_usage(engine.address) if marker in record.description]
    prune(engine.address, ids=ids, everything=True)


def registry_cache(ref: str) -> Cache:
    return Cache("registry", (("ref", ref),))


@feature("local-cache")
def test_a_cache_is_written_to_a_directory(every_engine: Engine, tmp_path: Path) -> None:
    written = Cache("local", (("dest", str(tmp_path)), ("mode", "max")))
    every_engine.build(define(two_steps()), cache_to=(written,))
    assert digest_of(tmp_path)


@feature("registry-cache")
def test_a_cache_is_written_to_a_registry(every_engine: Engine, testbed: Testbed) -> None:
    name = name_in_registry(every_engine, testbed) + ":cache"
    every_engine.build(define(two_steps()), cache_to=(Cache("registry", (("ref", name), ("mode", "max"))),))
    assert every_engine.said.warnings == []
    assert manifest(testbed, name)


@dataclass(frozen=True)
class Shelf:
    """Caches of a definition that an engine wrote; `name` is without its registry."""

    definition: Definition
    marker: str
    folder: Path
    name: str


@pytest.fixture(scope="module")
def shelf(
    request: pytest.FixtureRequest, testbed: Testbed, sockets: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shelf]:
    writer = Engine("ready_28", sockets("ready_28", lambda: request.getfixturevalue("ready_28")))
    marker, folder = uuid.uuid4().hex, tmp_path_factory.mktemp("cache")
    name = name_in_registry(writer, testbed) + ":cache"
    written = (
        Cache("local", (("dest", str(folder)), ("mode", "max"))),
        Cache("registry", (("ref", name), ("mode", "max"))),
    )
    definition = define(two_steps(marker))
    writer.build(definition, cache_to=written)
    yield Shelf(definition, marker, folder, name.partition("/")[2])
    writer.forget()


@feature("local-cache-read")
def test_a_cache_of_another_engine_is_read_from_a_directory(every_engine: Engine, shelf: Shelf) -> None:
    reads(every_engine, shelf, Cache("local", (("src", str(shelf.folder)),)))


@feature("registry-cache-read")
def test_a_cache_of_another_engine_is_read_from_a_registry(
    every_engine: Engine, testbed: Testbed, shelf: Shelf
) -> None:
    host = name_in_registry(every_engine, testbed).partition("/")[0]
    reads(every_engine, shelf, registry_cache(f"{host}/{shelf.name}"))


def reads(engine: Engine, shelf: Shelf, cache: Cache) -> None:
    forget_steps(engine, shelf.marker)
    image = engine.build(shelf.definition, cache_from=(cache,))
    assert engine.said.warnings == []
    assert (image.executed == 0) == (engine.name != "local")


@feature("inline-cache")
def test_an_image_carries_its_cache(every_engine: Engine, testbed: Testbed) -> None:
    marker = uuid.uuid4().hex
    definition, name = define(two_steps(marker)), name_in_registry(every_engine, testbed) + ":1"
    every_engine.build(definition, outputs=(Output("registry", name),), cache_to=(Cache("inline"),))
    forget_steps(every_engine, marker)
    image = every_engine.build(definition, cache_from=(registry_cache(name),))
    assert image.executed == 0
    assert image.cached >= 2


@pytest.mark.parametrize("every_engine", ["local", "ready", "ready_28"], indirect=True)
def test_a_cache_that_cannot_be_read_is_one_warning(every_engine: Engine, testbed: Testbed) -> None:
    sink = Recorder()
    missing, nobody = name_in_registry(every_engine, testbed) + ":none", "127.0.0.1:9/nobody/there:1"
    image = every_engine.build(
        define(two_steps()), cache_from=(registry_cache(missing), registry_cache(nobody)), sink=sink
    )
    assert image.executed >= 2
    (warning,) = sink.warnings
    assert nobody in warning
    assert sum(isinstance(event, Notice) and missing in event.text for event in sink.events) == 1


@pytest.mark.parametrize("every_engine", ["ready", "ready_28"], indirect=True)
def test_a_cache_that_cannot_be_written_is_a_warning(every_engine: Engine) -> None:
    sink = Recorder()
    nobody = Cache("registry", (("ref", "127.0.0.1:9/nobody/there:1"), ("mode", "max")))
    for attributes in (nobody, Cache("registry", (*nobody.attributes, ("ignore-error", "false")))):
        image = every_engine.build(define(two_steps()), cache_to=(attributes,), sink=sink)
        assert find_image(every_engine.address, image.reference)
    assert len(sink.warnings) == 2


@feature("sign-in")
def test_a_registry_that_asks_who_comes(
    every_engine: Engine, testbed: Testbed, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A push, the cache that is read back, and a base image, with the person's credentials."""
    config, marker = tmp_path / "config.json", uuid.uuid4().hex
    definition = define(two_steps(marker))
    tls = None if every_engine.name == "local" else server_tls(tmp_path)
    authority = (tmp_path / "ca.pem").read_text() if tls else ""
    network = Network(ca_bundle=authority)
    with (
        fronted(testbed.registry.host_address, tls=tls) as door,
        reaching(every_engine, request, door.address, authority),
    ):
        door.user, door.password = "ann", "canary-password"
        name = f"{door.address}/ez-test/{uuid.uuid4().hex}:1"
        with pytest.raises(BuildError) as caught:
            every_engine.build(definition, outputs=(Output("registry", name),), docker_config=config, network=network)
        secret = base64.b64encode(b"ann:canary-password").decode()
        config.write_text(json.dumps({"auths": {door.address: {"auth": secret}}}))
        outputs, inline = (Output("registry", name),), (Cache("inline"),)
        every_engine.build(definition, outputs=outputs, cache_to=inline, docker_config=config, network=network)
        forget_steps(every_engine, marker)
        image = every_engine.build(
            definition, cache_from=(registry_cache(name),), docker_config=config, network=network
        )
        assert image.executed == 0
        above = sh(ImageSource(name), f"read line </two; echo $line # {uuid.uuid4()}")
        every_engine.build(define(above), docker_config=config, network=network)
        assert every_engine.said.lines[-1] == marker
        assert every_engine.said.warnings == []
        assert "canary" not in repr(every_engine.said.events)
        door.status = 500
        every_engine.build(definition, cache_from=(registry_cache(name),), docker_config=config, network=network)
        (warning,) = every_engine.said.warnings
        assert name in warning
    assert "does not let you push" in caught.value.message
    assert f"docker login {door.address}" in (caught.value.hint or "")


@feature("mirror")
def test_an_image_of_docker_io_comes_from_the_mirror(every_engine: Engine, testbed: Testbed) -> None:
    """The testbed's registry says it is docker.io to all who have it as a mirror."""
    pushed = name_in_registry(every_engine, testbed) + ":1"
    text = uuid.uuid4().hex.encode()
    every_engine.build(define(Files(SMALL, (MkFileAction("/mark", text),))), outputs=(Output("registry", pushed),))
    above = sh(ImageSource(pushed.partition("/")[2]), "cat /mark")
    every_engine.build(define(above))
    assert every_engine.said.lines[-1].encode() == text


@pytest.mark.parametrize("every_engine", ["local", "ready_28"], indirect=True)
def test_a_finished_image_is_found_by_its_digest_and_comes_without_a_build(
    every_engine: Engine, testbed: Testbed, tmp_path: Path
) -> None:
    registry, config = name_in_registry(every_engine, testbed), tmp_path / "config.json"
    definition = define(two_steps(), config=ImageConfig(workdir="/srv", cmd=("sh",)))
    engine = every_engine.address
    shelf = share.look(engine, registry, "thing", definition, cache="thing", docker_config=config)
    assert (shelf.found, shelf.trouble, shelf.store) == ("", "", engine_info(engine).store)
    image = every_engine.build(definition, cache_to=shelf.exports)
    share.share_image(engine, image.reference, shelf, docker_config=config)
    other = replace(definition, digest=f"sha256:{uuid.uuid4().hex * 2}")
    elsewhere = share.look(engine, registry, "thing", other, cache="thing", docker_config=config)
    share.share_image(engine, image.reference, elsewhere, docker_config=config)
    every_engine.docker("image", "rm", image.reference)

    shelf = share.look(engine, registry, "thing", definition, cache="thing", docker_config=config)
    pulled = share.pull(definition, engine, image.reference, shelf, docker_config=config)
    assert (pulled.executed, pulled.cached) == (0, 0)
    (described,) = json.loads(every_engine.docker("image", "inspect", image.reference))
    assert (described["Config"]["WorkingDir"], described["Config"]["Cmd"]) == ("/srv", ["sh"])
    assert described["Config"]["Labels"]["ez.digest"] == definition.digest
    assert share.look(engine, registry, "thing", other, cache="thing", docker_config=config).found == "", (
        "the label decides"
    )


AGENTS_KEYS = r"""
    use IO::Socket::UNIX; open(my $token, "<", "/run/token"); print "secret ", <$token>, "\n";
    my $agent = IO::Socket::UNIX->new($ENV{SSH_AUTH_SOCK}) or die "no agent";
    print $agent pack("NC", 1, 11); $agent->flush;
    read($agent, my $head, 4); read($agent, my $answer, unpack("N", $head)); print "keys ", unpack("H*", $answer), "\n";
    select(undef, undef, undef, 0.7);
"""


@feature("at-once")
def test_identical_steps_side_by_side_get_their_own_secret_and_agent(every_engine: Engine, testbed: Testbed) -> None:
    """And what they made is not known to a build with another secret, but to one with the same."""
    mounts = (SecretMount("/run/token", "token"), SshMount())
    definition = define(Run(BASE, ("perl", "-e", f"{AGENTS_KEYS} # {uuid.uuid4()}"), mounts=mounts))
    keys = (testbed.world.state / "keys" / "client", testbed.git_server.user_key)
    sinks, images, together = [Recorder(), Recorder()], dict[int, Image](), threading.Barrier(2)
    with ssh_agent(keys[:1]) as first, ssh_agent(keys[1:]) as second:

        def build(number: int) -> None:
            together.wait()
            images[number] = every_engine.build(
                definition,
                secrets={"token": f"token-{number}".encode()},
                agent_socket=(first, second)[number].socket,
                sink=sinks[number],
            )

        threads = [threading.Thread(target=build, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        again = every_engine.build(definition, secrets={"token": b"token-0"}, agent_socket=first.socket)
    assert [sink.lines[0] for sink in sinks] == ["secret token-0", "secret token-1"]
    assert sinks[0].lines[1] != sinks[1].lines[1]
    assert [images[number].executed for number in range(2)] == [1, 1]
    assert (again.executed, again.cached) == (0, 1)
