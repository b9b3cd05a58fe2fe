"""Equal graphs are equal bytes: in every process, on every computer, whatever the order of a set is there."""

import copy
import hashlib
import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ez.build.buildkit.messages import llb
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
    SshMount,
    State,
    SymlinkAction,
    TmpfsMount,
)
from ez.build.llb import graph_digest
from ez.build.llb.marshal import marshal

Recipe = Sequence[tuple[int, int, int, int]]
"""How to make one state after the other: its kind, two numbers of earlier states, and what distinguishes it."""


def made(recipe: Recipe, note: Note) -> State:
    states: list[State] = [Scratch(), ImageSource("debian:12", note=note)]
    for kind, first, second, number in recipe:
        states.append(_state(kind, states[first % len(states)], states[second % len(states)], number, note))
    return states[-1]


def _state(kind: int, below: State, other: State, number: int, note: Note) -> State:
    name = f"/f{number}"
    copied = CopyAction(other, "/", name, include=("a",), exclude=("b", "c"))
    written = (MkDirAction(name), MkFileAction(f"{name}/x", b"x"), SymlinkAction("x", f"{name}/y"), RmAction(name))
    mounts = (
        BindMount("/bound", other),
        CacheMount("/cache", f"cache{number}"),
        TmpfsMount("/tmp"),
        SecretMount("/secret", "secret"),
        SecretVariable("SECRET", "secret"),
        SshMount(),
    )
    makers = (
        lambda: Run(below, ("sh", name), env=(("B", "1"), ("A", "2")), mounts=mounts, note=note),
        lambda: Files(below, (copied, *written), note),
        lambda: Merge((below, other, Diff(below, Run(below, (name,)), (name,), note)), note),
        lambda: Diff(below, other, note=note),
        lambda: Run(below, ("sh", name), network=False, note=note),
        lambda: LocalSource(f"local{number}", ("b", "a"), ("c",), note),
        lambda: GitSource("git@host:a", f"ref{number}", known_hosts="host key", note=note),
        lambda: HttpSource("https://host/a", f"f{number}", note=note),
        lambda: ImageSource(f"image{number}", platform="linux/arm64", note=note),
    )
    return makers[kind % len(makers)]()


def contents_of(state: State, capabilities: frozenset[str] | None = None) -> list[bytes]:
    message = marshal(state, unique="u", capabilities=capabilities).message
    return [] if message is None else list(getattr(message, "def"))


RECIPES = st.lists(st.tuples(*[st.integers(0, 20)] * 4), min_size=1, max_size=15)


@given(RECIPES)
@settings(deadline=None, max_examples=150)
def test_any_graph_is_a_definition_and_always_the_same(recipe: list[tuple[int, int, int, int]]) -> None:
    state = made(recipe, Note("label", Position("build.envd", 1)))
    for capabilities in (None, frozenset[str]()):
        contents = contents_of(state, capabilities)
        seen: set[str] = set()
        for content in contents:
            assert {needed.digest for needed in llb.Op.FromString(content).inputs} <= seen
            seen.add("sha256:" + hashlib.sha256(content).hexdigest())
        assert len(seen) == len(contents)
        for same in (made(recipe, Note()), pickle.loads(pickle.dumps(state)), copy.deepcopy(state)):
            assert same == state
            assert contents_of(same, capabilities) == contents
            assert graph_digest(same, ImageConfig()) == graph_digest(state, ImageConfig())


def test_the_bytes_do_not_depend_on_the_hash_seed() -> None:
    program = """
from tests.build.llb.test_determinism import *
state = made([(kind, kind + 1, kind, kind) for kind in range(9)] * 2, Note())
bytes = marshal(state, unique="u", capabilities=frozenset()).message.SerializeToString(deterministic=True)
print(hashlib.sha256(bytes).hexdigest(), graph_digest(state, ImageConfig()))
"""
    root = Path(__file__).parents[3]
    printed = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("0", "1", "random")
    }
    assert len(printed) == 1
