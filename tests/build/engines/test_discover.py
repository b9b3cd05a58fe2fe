"""Which engine is found, and what is said of settings that choose none."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from ez.build.engine import Address, engine_info
from ez.build.engines.address import Tls
from ez.build.engines.discover import docker_environment, find_docker, find_engine
from ez.errors import EngineError
from tests.build.buildkit.conftest import listening
from tests.testbed.docker import docker


def context(home: Path, name: str, endpoint: Mapping[str, object], files: tuple[str, ...] = ()) -> None:
    """A context as `docker context create` leaves it."""
    key = hashlib.sha256(name.encode()).hexdigest()
    meta = home / ".docker" / "contexts" / "meta" / key
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": {"docker": endpoint}}))
    for file in files:
        folder = home / ".docker" / "contexts" / "tls" / key / "docker"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()


def choose(home: Path, name: str) -> None:
    (home / ".docker").mkdir(exist_ok=True)
    (home / ".docker" / "config.json").write_text(json.dumps({"currentContext": name}))


def seen(home: Path, **variables: str) -> tuple[str, str, str, bool]:
    engine = find_engine(variables, home, system=home / "run")
    shown = (str(part).replace(str(home), "~") for part in (engine.address, engine.name, engine.rule))
    address, name, rule = shown
    return address, name, rule, engine.lasts


def refused(home: Path, **variables: str) -> str:
    with pytest.raises(EngineError) as caught:
        find_engine(variables, home, system=home / "run")
    return f"{caught.value.message} / {caught.value.hint}".replace(str(home), "~")


def test_the_rules_in_their_order(home: Path) -> None:
    assert seen(home) == ("~/run/docker.sock", "Docker Engine", "the default: no engine's socket is here", True)
    context(home, "one", {"Host": "unix:///one/.colima/default/docker.sock"})
    choose(home, "one")
    chosen = ("/one/.colima/default/docker.sock", "Colima", "Docker context one, chosen by ~/.docker/config.json", True)
    assert seen(home) == chosen
    context(home, "two", {"Host": "unix:///run/user/7/docker.sock"})
    variables = {"DOCKER_CONTEXT": "two"}
    chosen = (
        "/run/user/7/docker.sock",
        "rootless Docker Engine",
        "Docker context two, chosen by DOCKER_CONTEXT",
        False,
    )
    assert seen(home, **variables) == chosen
    variables |= {"DOCKER_HOST": "unix:///three"}
    assert seen(home, **variables) == ("/three", "Docker Engine", "variable DOCKER_HOST", False)
    variables |= {"BUILDKIT_HOST": "unix:///four"}
    assert seen(home, **variables) == ("/four", "buildkitd", "variable BUILDKIT_HOST", False)


def test_the_default_context_and_unreadable_settings_choose_nothing(home: Path) -> None:
    context(home, "one", {"Host": "unix:///one"})
    choose(home, "one")
    default = ("~/run/docker.sock", "Docker Engine", "the default: no engine's socket is here", True)
    assert seen(home, DOCKER_CONTEXT="default") == default
    (home / ".docker" / "config.json").write_text("[no json")
    assert seen(home) == default
    assert seen(home, DOCKER_CONFIG=str(home / "other")) == default


def test_sockets_that_no_setting_names(home: Path) -> None:
    runtime = home / "user"
    variables = {"XDG_RUNTIME_DIR": str(runtime)}
    names = []
    for path in (
        runtime / "buildkit" / "buildkitd.sock",
        home / "run" / "buildkit" / "buildkitd.sock",
        home / ".config" / "colima" / "default" / "docker.sock",
        home / ".colima" / "default" / "docker.sock",
        home / ".docker" / "desktop" / "docker.sock",
        runtime / "docker.sock",
        home / "run" / "docker.sock",
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        with listening(path):
            _, name, rule, lasts = seen(home, **variables)
        names.append((name, rule.startswith("the socket ~"), lasts))
        if name == "buildkitd":
            assert find_docker(variables, home, system=home / "run").name == "Docker Engine"
    assert names == [
        ("buildkitd", True, False),
        ("buildkitd", True, False),
        ("Colima", True, False),
        ("Colima", True, False),
        ("Docker Desktop", True, False),
        ("rootless Docker Engine", True, False),
        ("Docker Engine", True, True),
    ]


def test_programs_get_what_the_docker_client_does_not_find_itself(home: Path) -> None:
    system, own = home / "run", home / "user"
    own.mkdir()
    variables = {"XDG_RUNTIME_DIR": str(own), "A": "b"}
    with listening(own / "docker.sock"):
        assert docker_environment(variables, home, system=system) == {
            **variables,
            "DOCKER_HOST": f"unix://{own}/docker.sock",
        }
    (own / "docker.sock").unlink()
    assert docker_environment(variables, home, system=system) == variables
    variables = {"DOCKER_HOST": "tcp://127.0.0.1:2375", "BUILDKIT_HOST": "unix:///b"}
    assert docker_environment(variables, home, system=system) == variables


def test_podman_alone_is_named_for_what_it_is(home: Path) -> None:
    path = home / "user" / "podman" / "podman.sock"
    path.parent.mkdir(parents=True)
    with listening(path):
        said = refused(home, XDG_RUNTIME_DIR=str(home / "user"))
    assert said == (
        "only Podman's socket is here, which speaks Docker's API but has no BuildKit: `~/user/podman/podman.sock`"
        " / install Docker Engine with `sudo apt-get install docker.io`"
    )


def test_addresses_over_tcp(home: Path) -> None:
    folder = home / ".docker"
    folder.mkdir()
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (folder / name).touch()
    tls = Tls(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")

    def address(**variables: str) -> Address:
        return find_engine(variables, home).address

    plain = Address(host="127.0.0.1", port=2375)
    assert address(DOCKER_HOST="tcp://127.0.0.1") == address(DOCKER_HOST="127.0.0.1:2375") == plain
    verified = address(DOCKER_HOST="tcp://far.example", DOCKER_TLS_VERIFY="1")
    assert verified == Address(host="far.example", port=2376, tls=tls)
    other = home / "other"
    other.mkdir()
    (other / "ca.pem").touch()
    variables = {"DOCKER_HOST": "tcp://[2001:db8::1]:7", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(other)}
    assert address(**variables) == Address(host="2001:db8::1", port=7, tls=Tls(other / "ca.pem"))
    assert str(address(**variables)) == "tcp://[2001:db8::1]:7"
    assert address(BUILDKIT_HOST="tcp://b.example", BUILDKIT_TLS_DIR=str(folder)).port == 1234
    context(home, "far", {"Host": "tcp://far.example:2376", "SkipTLSVerify": False}, ("ca.pem", "cert.pem", "key.pem"))
    stored = folder / "contexts" / "tls" / hashlib.sha256(b"far").hexdigest() / "docker"
    given = address(DOCKER_CONTEXT="far").tls
    assert given == Tls(stored / "ca.pem", stored / "cert.pem", stored / "key.pem")


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"DOCKER_HOST": "tcp://far.example:2375"}, "needs TLS: `tcp://far.example:2375` / set `DOCKER_TLS_VERIFY=1`"),
        ({"BUILDKIT_HOST": "tcp://far.example:1234"}, "`BUILDKIT_TLS_DIR` for `BUILDKIT_HOST`"),
        ({"DOCKER_HOST": "ssh://me@far.example:22/run/x"}, "use it as a computer: ez env go -c me@far.example:22"),
        ({"DOCKER_CONTEXT": "ssh"}, "the Docker context `ssh` names an engine behind SSH: `ssh://me@box` / use it as"),
        ({"DOCKER_CONTEXT": "blind"}, "does not check the engine's certificate: `blind`"),
        ({"DOCKER_CONTEXT": "gone"}, "that DOCKER_CONTEXT chooses cannot be read: `gone`"),
        ({"DOCKER_CONTEXT": "odd"}, "cannot be read: `odd`"),
        ({"DOCKER_HOST": "fd://3"}, "not an engine's address: `fd://3` / write `unix:///path` or `tcp://host:port`"),
        ({"DOCKER_HOST": "unix://relative"}, "not an engine's address"),
        ({"DOCKER_HOST": "tcp://u:p@127.0.0.1:1"}, "not an engine's address"),
        ({"DOCKER_HOST": "tcp://[::1"}, "not an engine's address"),
        ({"DOCKER_HOST": "tcp://127.0.0.1:99999"}, "not an engine's address"),
        ({"BUILDKIT_HOST": "docker-container://x"}, "not an engine's address"),
    ],
)  # fmt: skip
def test_settings_that_choose_no_engine(home: Path, variables: dict[str, str], said: str) -> None:
    context(home, "ssh", {"Host": "ssh://me@box"})
    context(home, "blind", {"Host": "tcp://far.example:2376", "SkipTLSVerify": True}, ("ca.pem",))
    context(home, "odd", {})
    assert said in refused(home, **variables)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        (
            {"BUILDKIT_HOST": "unix:///nope"},
            "no buildkitd: `/nope` (variable BUILDKIT_HOST) / start it, or correct the variable BUILDKIT_HOST",
        ),
        (
            {"DOCKER_HOST": "tcp://127.0.0.1:1"},
            "Docker Engine is stopped: `tcp://127.0.0.1:1` (variable DOCKER_HOST)"
            " / start it, or correct the variable DOCKER_HOST",
        ),
        (
            {"DOCKER_CONTEXT": "one"},
            "no Colima: `/nope/.colima/docker.sock` (Docker context one, chosen by DOCKER_CONTEXT)"
            " / start it, or correct the Docker context one, chosen by DOCKER_CONTEXT",
        ),
        ({}, "no Docker Engine: `~/run/docker.sock` / start it with `sudo systemctl start docker`"),
    ],
)
def test_an_engine_that_is_not_there_is_told_with_what_chose_it(
    home: Path, variables: dict[str, str], said: str
) -> None:
    context(home, "one", {"Host": "unix:///nope/.colima/docker.sock"})
    with pytest.raises(EngineError) as caught:
        engine_info(find_engine(variables, home, system=home / "run").address)
    assert f"{caught.value.message} / {caught.value.hint}".replace(str(home), "~") == said


@pytest.mark.engine
def test_the_docker_clients_own_context_is_honoured(home: Path, engine: Path) -> None:
    docker("context", "create", "mine", "--docker", f"host=unix://{engine}")
    docker("context", "use", "mine")
    found = find_engine({}, home, system=home)
    assert (found.address, found.lasts) == (Address.unix(engine), True)
    assert engine_info(found.address).kind == "docker"
