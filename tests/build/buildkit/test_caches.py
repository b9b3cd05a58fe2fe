"""Caches that outlive an engine's own, secrets that must not be shared, and registries that do not answer well."""

import base64
import json
import threading
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from ez.build import share
from ez.build.engine import engine_info, find_image
from ez.build.graph import CopyAction, Files, ImageConfig, Run, Scratch, SecretMount, SshMount, State
from ez.build.order import Cache, Output
from ez.errors import BuildError, EngineError
from ez.events import Notice
from ez.models import Image
from tests.testbed import Testbed
from tests.testbed.agent import agent as ssh_agent

from .conftest import BASE, Engine, Recorder, define, sh
from .fronted import fronted

pytestmark = pytest.mark.engine


_SHELL = ("/usr/bin/dash", "/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2")
SMALL = Files(
    Scratch(),
    tuple(CopyAction(BASE, path, path.replace("/usr/bin/dash", "/bin/sh")) for path in _SHELL),
)
"""A few files of the base image, so that no cache holds the whole of it."""


def two_steps() -> State:
    return sh(sh(SMALL, f"echo {uuid.uuid4()} > /one"), "read line < /one; echo $line > /two", line=3)


def registry_of(engine: Engine, testbed: Testbed) -> str:
    registry = testbed.registry
    return f"{registry.host_address if engine.name == 'local' else registry.address}/ez-test/{uuid.uuid4().hex}"


def warnings(sink: Recorder) -> list[str]:
    return [event.text for event in sink.events if isinstance(event, Notice) and event.level == "warning"]


def forget_steps(engine: Engine) -> None:
    """As a computer that never built: only on engines that no other test builds on at the same time."""
    engine.forget()
    engine.docker("builder", "prune", "--all", "--force")


def registry_cache(ref: str) -> Cache:
    return Cache("registry", (("ref", ref),))


def test_a_local_cache_is_written_and_read(every_engine: Engine, tmp_path: Path) -> None:
    definition, folder = define(two_steps()), tmp_path / "cache"
    written = Cache("local", (("dest", str(folder)), ("mode", "max")))
    sink = Recorder()
    if engine_info(every_engine.address).store == "graphdriver":
        with pytest.raises(EngineError, match="cannot write a `local` cache") as caught:
            every_engine.build(definition, cache_to=(written,), sink=sink)
        assert "--cache-to type=inline" in (caught.value.hint or "")
        assert sink.events == []
        return
    every_engine.build(definition, cache_to=(written,))
    forget_steps(every_engine)
    image = every_engine.build(definition, cache_from=(Cache("local", (("src", str(folder)),)),))
    assert (image.executed, image.cached) == (0, 2)


@pytest.mark.parametrize("every_engine", ["ready", "ready_28"], indirect=True)
def test_a_registry_cache_makes_every_step_known(every_engine: Engine, testbed: Testbed) -> None:
    definition, ref = define(two_steps()), registry_of(every_engine, testbed) + ":cache"
    every_engine.build(definition, cache_to=(Cache("registry", (("ref", ref), ("mode", "max"))),))
    forget_steps(every_engine)
    sink = Recorder()
    image = every_engine.build(definition, cache_from=(registry_cache(ref),), sink=sink)
    assert (image.executed, image.cached) == (0, 2)
    assert image.pulled > 0
    assert warnings(sink) == []


@pytest.mark.parametrize("every_engine", ["ready_graph", "ready_28_graph"], indirect=True)
def test_an_image_carries_its_cache_where_the_engine_can_write_no_other(every_engine: Engine, testbed: Testbed) -> None:
    definition, name = define(two_steps()), registry_of(every_engine, testbed) + ":1"
    with pytest.raises(EngineError, match="cannot write a `registry` cache"):
        every_engine.build(definition, cache_to=(Cache("registry", (("ref", name),)),))
    every_engine.build(definition, outputs=(Output("registry", name),), cache_to=(Cache("inline"),))
    forget_steps(every_engine)
    image = every_engine.build(definition, cache_from=(registry_cache(name),))
    assert (image.executed, image.cached) == (0, 2)


def test_a_cache_that_cannot_be_read_is_one_warning(every_engine: Engine, testbed: Testbed) -> None:
    sink = Recorder()
    missing, nobody = registry_of(every_engine, testbed) + ":none", "127.0.0.1:9/nobody/there:1"
    image = every_engine.build(
        define(two_steps()), cache_from=(registry_cache(missing), registry_cache(nobody)), sink=sink
    )
    assert image.executed == 2
    (warning,) = warnings(sink)
    assert nobody in warning
    assert sum(isinstance(event, Notice) and missing in event.text for event in sink.events) == 1


@pytest.mark.parametrize("every_engine", ["ready", "ready_28"], indirect=True)
def test_a_cache_that_cannot_be_written_is_a_warning(every_engine: Engine) -> None:
    sink = Recorder()
    nobody = Cache("registry", (("ref", "127.0.0.1:9/nobody/there:1"), ("mode", "max")))
    for attributes in (nobody, Cache("registry", (*nobody.attributes, ("ignore-error", "false")))):
        image = every_engine.build(define(two_steps()), cache_to=(attributes,), sink=sink)
        assert find_image(every_engine.address, image.reference)
    assert len(warnings(sink)) == 2


def test_a_registry_that_asks_who_comes(local: Engine, testbed: Testbed, tmp_path: Path) -> None:
    """A push from the older image store, and the cache that is read back, with the person's credentials."""
    config = tmp_path / "config.json"
    definition = define(two_steps())
    with fronted(testbed.registry.host_address) as door:
        door.user, door.password = "ann", "canary-password"
        name = f"{door.address}/ez-test/{uuid.uuid4().hex}:1"
        with pytest.raises(BuildError, match="does not let you push") as caught:
            local.build(definition, outputs=(Output("registry", name),), docker_config=config)
        assert f"docker login {door.address}" in (caught.value.hint or "")
        secret = base64.b64encode(b"ann:canary-password").decode()
        config.write_text(json.dumps({"auths": {door.address: {"auth": secret}}}))
        sink = Recorder()
        outputs, inline = (Output("registry", name),), (Cache("inline"),)
        local.build(definition, outputs=outputs, cache_to=inline, docker_config=config, sink=sink)
        local.build(definition, cache_from=(registry_cache(name),), docker_config=config, sink=sink)
        assert warnings(sink) == []
        assert "canary" not in repr(sink.events)
        door.status = 500
        local.build(definition, cache_from=(registry_cache(name),), docker_config=config, sink=sink)
        (warning,) = warnings(sink)
        assert name in warning


def test_a_finished_image_is_found_by_its_digest_and_comes_without_a_build(
    every_engine: Engine, testbed: Testbed, tmp_path: Path
) -> None:
    registry, config = registry_of(every_engine, testbed), tmp_path / "config.json"
    definition = define(two_steps(), config=ImageConfig(workdir="/srv", cmd=("sh",)))
    engine = every_engine.address
    shelf = share.look(engine, registry, "thing", definition, docker_config=config)
    assert (shelf.found, shelf.trouble, shelf.store) == ("", "", engine_info(engine).store)
    image = every_engine.build(definition, cache_to=shelf.exports)
    share.share_image(engine, image.reference, shelf, docker_config=config)
    other = replace(definition, digest=f"sha256:{uuid.uuid4().hex * 2}")
    elsewhere = share.look(engine, registry, "thing", other, docker_config=config)
    share.share_image(engine, image.reference, elsewhere, docker_config=config)
    every_engine.docker("image", "rm", image.reference)

    shelf = share.look(engine, registry, "thing", definition, docker_config=config)
    pulled = share.pull(definition, engine, image.reference, shelf, docker_config=config)
    assert (pulled.executed, pulled.cached) == (0, 0)
    (described,) = json.loads(every_engine.docker("image", "inspect", image.reference))
    assert (described["Config"]["WorkingDir"], described["Config"]["Cmd"]) == ("/srv", ["sh"])
    assert described["Config"]["Labels"]["ez.digest"] == definition.digest
    assert share.look(engine, registry, "thing", other, docker_config=config).found == "", "the label decides"


AGENTS_KEYS = r"""
    use IO::Socket::UNIX; open(my $token, "<", "/run/token"); print "secret ", <$token>, "\n";
    my $agent = IO::Socket::UNIX->new($ENV{SSH_AUTH_SOCK}) or die "no agent";
    print $agent pack("NC", 1, 11); $agent->flush;
    read($agent, my $head, 4); read($agent, my $answer, unpack("N", $head)); print "keys ", unpack("H*", $answer), "\n";
    sleep 1;
"""


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
