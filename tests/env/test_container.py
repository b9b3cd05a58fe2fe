"""What a container has to be, as arguments of the engine, and when there is nothing to do."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ez.env import mounts
from ez.env.container import ContainerSpec, create_arguments, is_current, plan_container, start
from ez.env.probe import Container, parse_container
from ez.errors import CommandError, ContainerError, Result, UsageError
from ez.models import HostMount, Image, Network, Port, Runtime
from ez.ssh.local import LocalHost

RUNTIME = Runtime(ports=(Port(8000), Port(22, 2222, "ssh", "127.0.0.2")), gpus=1, shm_mb=64)


def planned(current: Container | None = None, **changes: Any) -> ContainerSpec:
    values: dict[str, Any] = {
        "tree": "/home/me/ez/thing",
        "home": "/home/me/ez/.ez/thing",
        "uid": 1001,
        "gid": 1002,
        "gpu_present": False,
        "repo": "git@host:thing",
        "ref": "",
        "network": Network(),
        "extra": {},
        **changes,
    }
    return plan_container("thing", "ez/thing:1", "sha256:1", RUNTIME, current=current, **values)


def running(spec: ContainerSpec) -> Container:
    """The engine's description of the container that `spec` makes."""
    arguments = create_arguments(spec)
    labels = dict(arguments[place + 1].split("=", 1) for place, word in enumerate(arguments) if word == "--label")
    described = {
        "Name": "/ez-thing",
        "State": {"Running": True, "Status": "running"},
        "Config": {"Image": spec.image, "Labels": labels, "Env": [f"{key}={value}" for key, value in spec.extra]},
    }
    found = parse_container(json.dumps(described))
    assert found is not None
    return found


def values_of(arguments: list[str], flag: str) -> list[str]:
    return [arguments[place + 1] for place, word in enumerate(arguments) if word == flag]


def test_the_arguments_of_the_engine() -> None:
    arguments = create_arguments(planned(tree='/home/me/ez/a,b"c'))
    assert values_of(arguments, "--publish") == ["127.0.0.2:2222:22", "127.0.0.1::8000"]
    assert values_of(arguments, "--mount") == [
        'type=bind,"source=/home/me/ez/a,b""c",target=/home/envd/thing',
        "type=bind,source=/home/me/ez/.ez/thing,target=/etc/ez/env",
    ]
    assert values_of(arguments, "--restart") == ["unless-stopped"]
    assert values_of(arguments, "--shm-size") == ["64m"]
    assert "--init" in arguments
    assert "--gpus" not in arguments
    assert "--privileged" not in arguments
    assert values_of(create_arguments(planned(gpu_present=True)), "--gpus") == ["1"]


def test_what_is_the_same_needs_no_work() -> None:
    spec = planned(extra={"A": "1"})
    assert is_current(spec, running(spec))
    assert not is_current(spec, None)
    others: tuple[dict[str, Any], ...] = (
        {"uid": 5},
        {"tree": "/other"},
        {"ref": "branch"},
        {"extra": {"A": "2"}},
        {"gpu_present": True},
    )
    for changes in others:
        assert not is_current(planned(**{"extra": {"A": "1"}, **changes}), running(spec))


def test_variables_stay_until_they_are_given_anew() -> None:
    first = planned(extra={"A": "1", "B": "x=y z"})
    assert planned(running(first)).extra == first.extra
    assert planned(running(first), extra={"B": "2", "C": ""}).extra == (("A", "1"), ("B", "2"), ("C", ""))


@pytest.mark.parametrize("value", ["a\nb", "a\r"])
def test_a_variable_that_the_engine_would_change_is_refused(value: str) -> None:
    with pytest.raises(UsageError, match="line breaks: `A`"):
        planned(extra={"A": value})


@pytest.mark.parametrize(
    ("said", "told", "hint"),
    [
        ("Bind for 127.0.0.1:2222 failed: port is already allocated", "a port of `thing` is taken", "runtime.expose"),
        ("mkdir /var/lib: no space left on device", "disk is full", "docker system prune"),
        ("ez-foreign-container", "did not make has the name `ez-thing`", "-e"),
        ("exec: no such file\nez-not-ready", "did not become ready", "ez env logs thing"),
        ("ez-busy", "another ez is at work", "run the same command again"),
        ("something new", "could not be started: something new", "ez env logs thing"),
    ],
)
def test_what_the_engine_refuses(said: str, told: str, hint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> Result:
        raise CommandError("failed", Result("box", "sh", 1, b"", said.encode(), 0.1))

    host = LocalHost.__new__(LocalHost)
    monkeypatch.setattr(LocalHost, "script", refuse)
    with pytest.raises(ContainerError) as caught:
        start(host, planned(), Image("ez/thing:1", "", "sha256:1"))
    assert told in caught.value.message
    assert hint in (caught.value.hint or "")


MOUNTS = (
    HostMount("~/data", "/home/envd/old"),
    HostMount("~/data", "/home/envd/data"),
    HostMount("/srv/sets", "/home/envd/old"),
    HostMount("~/.cache/envd/data/images", "/images", managed=True),
    HostMount("/home/envd/thing", "/repo"),
)


def mounting(current: Container | None = None) -> ContainerSpec:
    runtime = replace(RUNTIME, mounts=MOUNTS, owner=(33, 44), private=(("EZ_TOKEN", "hidden"),))
    return plan_container(
        "thing", "ez/thing:1", "sha256:1", runtime, current=current, tree="/work/thing", home="/h", uid=1, gid=2,
        gpu_present=False, repo="", ref="", network=Network(), extra={}, login_home="/home/me",
    )  # fmt: skip


def test_what_a_build_file_mounts() -> None:
    """The home is the login user's, the repo is where it is on the computer, and the ids are those asked for."""
    spec = mounting()
    assert values_of(create_arguments(spec), "--mount")[2:] == [
        "type=bind,source=/home/me/data,target=/home/envd/data",
        "type=bind,source=/srv/sets,target=/home/envd/old",
        "type=bind,source=/home/me/.cache/envd/data/images,target=/images",
        "type=bind,source=/work/thing,target=/repo",
    ]
    assert (spec.uid, spec.gid) == (33, 44)
    assert mounts.below_home(spec.mounts, "/home/me") == ("/home/me/data", "/home/me/.cache/envd/data/images")
    assert "hidden" not in " ".join(create_arguments(spec))


def test_a_person_is_asked_once_for_files_of_the_computer() -> None:
    spec = mounting()
    asked = ["/home/me/data", "/srv/sets"]
    assert [mount.source for mount in mounts.not_agreed(spec.mounts, None)] == asked
    assert mounts.not_agreed(spec.mounts, running(spec)) == ()
    assert [mount.source for mount in mounts.not_agreed(spec.mounts, running(planned()))] == asked
    for label in ("no json", '{"a": 1}', '[["/srv/sets"]]', "[null]"):
        broken = replace(running(planned()), labels={"ez.mounts": label})
        assert [mount.source for mount in mounts.not_agreed(spec.mounts, broken)] == asked


def test_ports_have_the_names_of_their_services() -> None:
    spec = mounting()
    labels = [value for value in values_of(create_arguments(spec), "--label") if value.startswith("ez.services=")]
    assert labels == ["ez.services=22=ssh"]
    described = {
        "Name": "/ez-thing",
        "State": {},
        "Config": {"Labels": {"ez.env": "thing", "ez.services": "22=ssh junk 9="}},
        "NetworkSettings": {"Ports": {"22/tcp": [{"HostIp": "127.0.0.1", "HostPort": "7"}], "9/tcp": None}},
    }
    found = parse_container(json.dumps(described))
    assert found is not None
    assert found.ports == (Port(22, 7, "ssh"),)
