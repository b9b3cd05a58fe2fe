"""Which engine of another computer builds."""

import pytest

from ez.config import Settings, resolve
from ez.env.engine import engine_there
from ez.errors import ConfigError, EngineError
from tests.compute.values import told

SOCKET = "unix:///run/buildkit/buildkitd.sock"


def settings(buildkitd: str = "") -> Settings:
    return resolve(environment={"HOME": "/nowhere", "EZ_BUILDKITD": buildkitd})


@pytest.mark.parametrize(
    ("setting", "variable", "docker", "socket", "chosen"),
    [
        ("a=unix:///o box=tcp://[::1]", "unix:///v", "user", SOCKET, ("tcp://[::1]:1234", "setting build.buildkitd")),
        ("other=unix:///o", "unix:///v", "user", SOCKET, ("/v", "variable BUILDKIT_HOST there")),
        ("", "", "user", SOCKET, ("/var/run/docker.sock", "the Docker Engine of `box`")),
        ("", "", "denied", SOCKET, ("/run/buildkit/buildkitd.sock", "the socket /run/buildkit/buildkitd.sock there")),
        ("", "", "absent", SOCKET, ("/run/buildkit/buildkitd.sock", "the socket /run/buildkit/buildkitd.sock there")),
        ("", "", "absent", "", ("/var/run/docker.sock", "the Docker Engine of `box`")),
    ],
)  # fmt: skip
def test_the_rules_in_their_order(
    setting: str, variable: str, docker: str, socket: str, chosen: tuple[str, str]
) -> None:
    found = told(docker__engine=docker, buildkit__host=variable, buildkit__socket=socket)
    engine = engine_there(found, settings(setting))
    assert (str(engine.address), engine.rule) == chosen
    assert (engine.name == "buildkitd") == ("docker.sock" not in chosen[0])


def test_settings_that_choose_no_engine() -> None:
    for wrong in ("box", "box=", "local=unix:///x"):
        with pytest.raises(ConfigError, match="for each of some other computers"):
            engine_there(told(), settings(wrong))
    far = told(buildkit__host="tcp://far.example:1234")
    with pytest.raises(EngineError, match=r"no engine for `box` \(variable BUILDKIT_HOST there\): .* needs TLS"):
        engine_there(far, settings())
    with pytest.raises(EngineError, match="not an engine's address: `docker-container://x`"):
        engine_there(told(), settings("box=docker-container://x"))
    with pytest.raises(EngineError, match="no Docker Engine on `box`"):
        engine_there(told(docker__host="tcp://far.example:1"), settings())
