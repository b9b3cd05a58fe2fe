"""What has to be the same on every engine."""

import io
import json
import sys
import uuid
from pathlib import Path

import pytest

from ez.build.engine import engine_info, find_image
from ez.build.graph import (
    CacheMount,
    CopyAction,
    Files,
    ImageConfig,
    ImageSource,
    LocalSource,
    MkDirAction,
    MkFileAction,
    RmAction,
    Run,
    SecretMount,
    SshMount,
    TmpfsMount,
)
from ez.build.llb.marshal import marshal
from ez.errors import StepError
from ez.events import Vertex
from ez.models import Network
from tests.testbed import Agent, Testbed

from .conftest import BASE, SMALL, Engine, Recorder, define, sh
from .matrix import feature

if sys.version_info >= (3, 14):
    import tarfile
else:
    from backports.zstd import tarfile

pytestmark = pytest.mark.engine

CONFIG = ImageConfig(
    env=(("GREETING", "hello"),),
    path=("/opt/bin",),
    user="nobody",
    workdir="/srv",
    entrypoint=("/bin/sh", "-c"),
    cmd=("true",),
    labels=(("purpose", "test"),),
    ports=("8080/tcp",),
)


@feature("image")
def test_files_steps_and_configuration_arrive(every_engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "run.sh").write_text("#!/bin/sh\n")
    (tmp_path / "kept" / "run.sh").chmod(0o750)
    (tmp_path / "kept" / "link").symlink_to("run.sh")
    (tmp_path / "kept" / "empty").touch()
    (tmp_path / "left.out").write_text("no")
    local = LocalSource("context", exclude=("*.out",))
    state = sh(BASE, "echo one > /one", mounts=(CacheMount("/cache", "ez-test"), TmpfsMount("/scratch")))
    actions = (
        CopyAction(local, "/", "/app", uid=5, gid=6),
        MkDirAction("/made/deep", mode=0o700),
        MkFileAction("/made/file", b"data", mode=0o640, uid=7),
        RmAction("/one"),
    )
    state = sh(Files(state, actions), "cd / && find app made ! -type d -printf '%p %m %U:%G %l\\n' | sort > /listing")
    sink = Recorder()
    image = every_engine.build(define(state, tmp_path, CONFIG), sink=sink)

    assert every_engine.read(image, "/listing").splitlines() == [
        "app/kept/empty 644 5:6 ",
        "app/kept/link 777 5:6 run.sh",
        "app/kept/run.sh 755 5:6 ",
        "made/file 640 7:0 ",
    ]
    (described,) = json.loads(every_engine.docker("image", "inspect", image.reference))
    config = described["Config"]
    assert described["Id"] == image.id
    engine = every_engine.docker_address
    assert (described["Os"], described["Architecture"]) == ("linux", engine_info(engine).architecture)
    assert "GREETING=hello" in config["Env"]
    assert any(entry.startswith("PATH=/opt/bin:/") for entry in config["Env"])
    assert (config["User"], config["WorkingDir"]) == ("nobody", "/srv")
    assert (config["Entrypoint"], config["Cmd"]) == (["/bin/sh", "-c"], ["true"])
    assert config["Labels"].items() >= {"purpose": "test", "ez.digest": image.digest}.items()
    assert list(config["ExposedPorts"]) == ["8080/tcp"]
    assert find_image(engine, image.reference).digest == image.digest  # type: ignore[union-attr]
    assert find_image(engine, "ez-test/never-built:1") is None
    shown = {event.digest for event in sink.events if isinstance(event, Vertex)}
    assert shown >= set(marshal(BASE).states), "the engine goes by the digests computed here"


@feature("steps")
def test_steps_are_known_and_counted(every_engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text(text := uuid.uuid4().hex)
    below = sh(Files(SMALL, (CopyAction(LocalSource("context"), "/", "/app"),)), "cat /app/file")
    above = sh(below, "echo more", line=3)
    counts, lines, ids = [], [], []
    for state, salt in ((below, ""), (below, ""), (above, ""), (above, "again")):
        sink = Recorder()
        image = every_engine.build(define(state, tmp_path), sink=sink, salt=salt)
        counts.append((image.executed, image.cached))
        lines.append(sink.lines)
        ids.append(image.id)
    assert lines == [[text], [], ["more"], [text, "more"]]
    assert counts[0][0] - counts[1][0] == counts[1][1] - counts[0][1] > 0
    assert counts[1][0] == 0
    assert counts[2] == (1, counts[1][1])
    assert ids[0] == ids[1]


@feature("positions")
def test_a_failing_step_tells_its_line_its_last_lines_and_its_exit_code(every_engine: Engine, tmp_path: Path) -> None:
    script = "exec 2>&1; i=0; while test $i != 30; do i=$((i + 1)); echo $i; done; echo oh no >&2; exit 7"
    failing = sh(sh(SMALL, "true"), script, line=3, label="break it")
    with pytest.raises(StepError) as caught:
        every_engine.build(define(sh(failing, "true", line=4)))
    error = caught.value
    assert (error.file, error.line, error.status) == ("build.envd", 3, 7)
    assert "`break it`" in error.message
    assert error.log[-1] == "oh no"
    assert len(error.log) == 20
    assert error.hint == "look at line 3 of `build.envd`"
    copied = Files(sh(SMALL, "true"), (CopyAction(LocalSource("context"), "/no-such", "/x"),), note=BASE.note)
    with pytest.raises(StepError, match="no-such") as caught:
        every_engine.build(define(copied, tmp_path))
    assert caught.value.line == 1


@feature("secret")
def test_secrets_and_network_settings_reach_steps_and_stay_in_none(every_engine: Engine) -> None:
    network = Network(
        http_proxy="http://user:canary-proxy@127.0.0.1:9",
        no_proxy="localhost",
        pip_index="https://user:canary-index@127.0.0.1/simple",
        mirrors=(("apt.debian", "http://canary-mirror@127.0.0.1/debian"),),
        ca_bundle="canary-authority",
    )
    script = """
        cat "$SSL_CERT_FILE" "$PIP_CERT" "$PIP_CONFIG_FILE" "$APT_CONFIG" /dev/shm/ez/sources.list /run/token
        echo "proxy $http_proxy"; test ! -e /run/other; test -O /run/token
    """
    release = CopyAction(BASE, "/usr/lib/os-release", "/etc/os-release")
    base = ImageSource(every_engine.build(define(Files(SMALL, (release,)))).reference)
    mounts = (SecretMount("/run/token", "token"), SecretMount("/run/other", "other", optional=True))
    state = sh(base, f"{script} # {uuid.uuid4()}", mounts=mounts)
    offline = sh(state, 'test -z "${SSL_CERT_FILE-}${http_proxy-}" && test ! -e /dev/shm/ez', network=False)
    sink = Recorder()
    definition = define(sh(offline, "echo done > /done"))
    image = every_engine.build(definition, network=network, secrets={"token": b"canary-token\n"}, sink=sink)

    assert sink.lines.count("canary-authority") == 0, "a file without a line end joins the next one"
    seen = "\n".join(sink.lines)
    assert seen.count("canary-authority") == 2
    for expected in ("canary-index", "canary-token", "proxy http://user:canary-proxy", "Acquire::https::CAInfo"):
        assert expected in seen
    for suite in ("debian bookworm main", "debian bookworm-updates main", "debian-security bookworm-security main"):
        assert f"deb http://canary-mirror@127.0.0.1/{suite}" in seen
    names = [event.name for event in sink.events if isinstance(event, Vertex)]
    assert not [name for name in names if "canary" in name]
    paths, contents = unpacked(every_engine.docker("save", image.reference))
    assert "done" in paths
    assert not [path for path in paths if "dev/shm" in path or "token" in path], "not even a mount point stays"
    assert b"canary" not in contents


@feature("agent")
def test_the_agent_lists_keys_and_does_nothing_else(every_engine: Engine, testbed: Testbed, agent: Agent) -> None:
    script = r"""
        use IO::Socket::UNIX;
        sub ask { my $s = IO::Socket::UNIX->new($ENV{SSH_AUTH_SOCK}) or die "no socket"; print $s pack("NC", 1, $_[0]);
            $s->flush; read($s, my $h, 4); read($s, my $b, unpack("N", $h)); return $b; }
        printf "remove all: %d\n", unpack("C", ask(19));
        printf "keys: %d\n", unpack("xN", ask(11));
    """
    run = Run(BASE, ("perl", "-e", f"{script} # {uuid.uuid4()}"), mounts=(SshMount(),))
    sink = Recorder()
    every_engine.build(define(run), agent_socket=agent.socket, sink=sink)
    assert sink.lines == ["remove all: 5", "keys: 2"]


@feature("base")
def test_an_image_that_only_this_engine_has_is_a_base(every_engine: Engine) -> None:
    config = ImageConfig(env=(("INHERITED", "yes"),))
    below = every_engine.build(define(Files(SMALL, (MkFileAction("/mark", b"x"),)), config=config))
    sink = Recorder()
    above = sh(ImageSource(below.reference), f"echo $INHERITED; echo $PATH # {uuid.uuid4()}", path=("/first",))
    image = every_engine.build(define(above), sink=sink)
    assert sink.lines[0] == "yes"
    assert sink.lines[1].startswith("/first:")
    history = json.loads(every_engine.docker("image", "inspect", image.reference))[0]
    assert "INHERITED=yes" in history["Config"]["Env"]


def unpacked(saved: bytes) -> tuple[list[str], bytes]:
    """The paths in all layers of a saved image, and all its bytes, unpacked."""
    paths: list[str] = []
    contents = b""
    with tarfile.open(fileobj=io.BytesIO(saved)) as outer:
        for member in outer.getmembers():
            file = outer.extractfile(member)
            data = file.read() if file else b""
            contents += data
            if file is None or data[:1] in (b"{", b"[") or member.name.endswith(("VERSION", "oci-layout")):
                continue
            with tarfile.open(fileobj=io.BytesIO(data)) as layer:
                paths += [path.removeprefix("./") for path in layer.getnames()]
                contents += b"".join(found.read() for each in layer if (found := layer.extractfile(each)))
    return paths, contents
