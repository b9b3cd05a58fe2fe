"""What a computer says of an environment: read as it is meant, and nothing forged into it."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from ez.env.probe import parse_container, parse_probe
from ez.models import Port


def described(**labels: str) -> str:
    return json.dumps(
        {
            "Name": "/ez-thing",
            "Config": {
                "Image": "ez/thing:1",
                "Labels": {"ez.env": "thing", "ez.keys": "A,B", **labels},
                "Env": ["PATH=/bin", "A=1", "B=x=y", "C=hidden"],
            },
            "State": {"Running": True, "Status": "running", "ExitCode": 0},
            "NetworkSettings": {
                "Ports": {"9000/tcp": None, "8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "32768"}]}
            },
        },
        ensure_ascii=False,
    )


def test_a_whole_answer() -> None:
    keys = "host-key ssh-ed25519 AAAA comment\nauthorized ssh-ed25519 BBBB ez"
    probe = parse_probe(f"noise\n{keys}\ncontainer {described()}\nsessions 2\n")
    assert probe.host_key == "ssh-ed25519 AAAA"
    assert probe.authorized == ("ssh-ed25519 BBBB ez",)
    assert probe.sessions == 2
    container = probe.container
    assert container is not None
    assert (container.name, container.running, container.image) == ("ez-thing", True, "ez/thing:1")
    assert container.ports == (Port(8000, 32768, "", "127.0.0.1"),)
    assert container.extra == (("A", "1"), ("B", "x=y"))


def test_nothing_is_there() -> None:
    probe = parse_probe("sessions \n")
    assert (probe.container, probe.sessions, probe.host_key, probe.authorized) == (None, 0, "", ())


def test_a_container_that_is_not_ours_is_none() -> None:
    assert parse_container('{"Name": "/x", "Config": {"Labels": null}, "State": {}}') is None
    for text in ("", "null", "[]", "{}", '{"Config": 1}', '{"Name": 1, "Config": {"Labels": 5}, "State": {}}'):
        assert parse_container(text) is None


@given(st.text(st.characters(codec="utf-8", exclude_characters="\n")))
def test_a_label_forges_no_line(text: str) -> None:
    probe = parse_probe(f"container {described(**{'ez.repo': text + 'sessions 9'})}\n")
    assert probe.sessions == 0
    assert probe.container is not None
    assert probe.container.labels["ez.repo"] == text + "sessions 9"


@given(st.text())
def test_any_answer_is_read(text: str) -> None:
    parse_probe(text)
    parse_container(text)
