"""A graph as JSON: what is written is read again, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ez.build.graph import (
    BindMount,
    CacheMount,
    CopyAction,
    Diff,
    Files,
    GitSource,
    HttpSource,
    ImageConfig,
    ImageSource,
    LocalSource,
    Merge,
    MkDirAction,
    MkFileAction,
    Note,
    Position,
    RmAction,
    Run,
    Scratch,
    SecretMount,
    SecretVariable,
    Sharing,
    SshMount,
    State,
    SymlinkAction,
    TmpfsMount,
    walk,
)
from ez.build.graph_json import graph_from_json, graph_to_json, value_from_json, value_to_json
from ez.build.llb.marshal import marshal
from ez.errors import DefinitionError
from ez.models import Port, Runtime

CONFIG = ImageConfig(env=(("A", "é"),), cmd=("x",), ports=("80/tcp",))


def everything() -> State:
    base = ImageSource("debian:12", "linux/arm64", Note("base", Position("build.py", 3, 7)))
    git = GitSource("https://example.org/a.git", "main", "sub", "a" * 40, "host key", keep_git_directory=True)
    http = HttpSource("https://example.org/f", "f", "sha256:" + "0" * 64, 0o755, 1, 2)
    mounts = (
        BindMount("/bind", git, "sub", readonly=False),
        CacheMount("/cache", "id", Sharing.LOCKED),
        SecretMount("/secret", "id", optional=True),
        SecretVariable("NAME", "id"),
        SshMount(),
        TmpfsMount("/tmp", 5),
    )
    run = Run(base, ("sh", "-c", "x"), (("A", "B"),), ("/bin",), "/w", "user", mounts, network=False)
    actions = (
        CopyAction(LocalSource("context", ("a",), ("b",)), "/", "/x", uid=0, exclude=("c",)),
        CopyAction(http, "/f", "/f"),
        MkDirAction("/d", 0o700, uid=1),
        MkFileAction("/text", "é".encode()),
        MkFileAction("/bytes", b"\xff\x00"),
        RmAction("/d", wildcard=True),
        SymlinkAction("/a", "/b"),
    )
    upper = Files(run, actions)
    return Merge((base, Diff(base, upper, ("/x",)), Scratch()))


def test_everything_comes_back() -> None:
    state = everything()
    found, config = graph_from_json(json.loads(json.dumps(graph_to_json(state, CONFIG))))
    assert (found, config) == (state, CONFIG)
    notes = [[getattr(one, "note", None) for one in walk(graph)] for graph in (found, state)]
    assert notes[0] == notes[1]


def test_values_come_back() -> None:
    runtime = Runtime(ports=(Port(80, service="web"),), daemons=(("a", "b"),), gpus=-1)
    assert value_from_json(json.loads(json.dumps(value_to_json(runtime))), Runtime, "runtime") == runtime


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("version",), 2),
        (("states",), {}),
        (("result",), 99),
        (("result",), -1),
        (("result",), True),
        (("config", "env"), [["A"]]),
        (("config", "user"), None),
        (("config", "colour"), "red"),
        (("states", 0, "state"), "Node"),
        (("states", 0, "reference"), 5),
        (("states", 0, "reference"), "\ud800"),
        (("states", 2, "base"), 2),
        (("states", 2, "mounts", 0, "kind"), "CopyAction"),
        (("states", 2, "mounts", 1, "sharing"), "OPEN"),
        (("states", 2, "mounts", 5, "size"), 1.5),
        (("states", 5, "actions", 2, "mode"), 0o10000),
        (("states", 5, "actions", 4, "data"), {"base64": "!"}),
        (("states", 5, "actions", 4, "data"), {"text": 1}),
        (("states", 5, "actions", 4, "data"), "text"),
    ],
)
def test_anything_else_is_refused(path: tuple[str | int, ...], value: Any) -> None:
    data: Any = json.loads(json.dumps(graph_to_json(everything(), CONFIG)))
    graph_from_json(data)
    inner = data
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(DefinitionError, match="not a build graph"):
        graph_from_json(data)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from([2**32, -(2**63), 0o10000]) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_what_a_hostile_program_writes_is_refused_or_can_be_built(drawn: st.DataObject) -> None:
    """One value anywhere in a graph is another: it is a DefinitionError here or where LLB is made of it, or fine."""
    data: Any = json.loads(json.dumps(graph_to_json(everything(), CONFIG)))
    holder, key = drawn.draw(st.sampled_from(list(places(data))))
    holder[key] = drawn.draw(ANYTHING)
    with suppress(DefinitionError):
        state, _ = graph_from_json(data)
        marshal(state)


def places(data: Any) -> Iterator[tuple[Any, Any]]:
    """Each list and object with each of its keys."""
    keys = list(data) if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ()
    for key in keys:
        yield data, key
        yield from places(data[key])


@pytest.mark.parametrize("depth", [10, 900])
def test_a_tag_of_any_depth_is_no_kind(depth: int) -> None:
    deep: Any = []
    for _ in range(depth):
        deep = [deep]
    data: Any = json.loads(json.dumps(graph_to_json(everything(), CONFIG)))
    data["states"][0]["state"] = deep
    with pytest.raises(DefinitionError, match="not a build graph"):
        graph_from_json(data)


@pytest.mark.parametrize("data", [None, [], {}, "graph", {"version": 1, "states": [], "result": 0, "config": {}}])
def test_what_is_no_graph_at_all(data: Any) -> None:
    with pytest.raises(DefinitionError):
        graph_from_json(data)
