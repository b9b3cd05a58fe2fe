"""States as values: equal by content, at any depth."""

from dataclasses import replace

from ez.build.graph import (
    BindMount,
    CacheMount,
    Files,
    ImageConfig,
    ImageSource,
    Merge,
    MkFileAction,
    Note,
    Position,
    Run,
    Scratch,
    Sharing,
    State,
    base_image,
    walk,
)
from ez.build.llb import graph_digest

BASE = ImageSource("debian:12")


def chain(length: int) -> State:
    state: State = BASE
    for number in range(length):
        state = Run(state, ("echo", str(number)))
    return state


def test_equal_content_is_equal_and_notes_do_not_count() -> None:
    one = Run(BASE, ("true",), note=Note("a", Position("x", 1)))
    assert one == Run(BASE, ("true",), note=Note("b"))
    assert hash(one) == hash(replace(one, note=Note()))
    for other in (
        replace(one, argv=("false",)),
        replace(one, base=ImageSource("debian:13")),
        replace(one, env=(("A", "B"),)),
        replace(one, mounts=(CacheMount("/c", "c"),)),
        replace(one, mounts=(BindMount("/c", BASE),)),
        replace(one, network=False),
        Files(BASE, (MkFileAction("/f", b"data"),)),
        BASE,
    ):
        assert one != other
    cache = CacheMount("/c", "c")
    assert replace(one, mounts=(cache,)) != replace(one, mounts=(replace(cache, sharing=Sharing.LOCKED),))


def test_ten_thousand_steps_are_no_deeper_than_one() -> None:
    deep, same = chain(10_000), chain(10_000)
    assert deep == same
    assert hash(deep) == hash(same)
    assert len(repr(deep)) < 100
    assert base_image(deep) == BASE
    assert len(walk(deep)) == 10_001


def test_a_shared_state_is_walked_once_and_before_its_readers() -> None:
    shared = Run(BASE, ("shared",))
    left, right = Run(shared, ("left",)), Run(shared, ("right",), mounts=(BindMount("/m", Scratch()),))
    merged = Merge((left, right))
    assert walk(merged) == [BASE, shared, left, Scratch(), right, merged]


def test_the_digest_is_the_same_in_every_run_and_release() -> None:
    state = Files(chain(2), (MkFileAction("/f", b"data"),))
    config = ImageConfig(env=(("A", "é"),), labels=(("l", "1"),))
    assert graph_digest(state, config) == "sha256:f158f158ffe9e2fc1c0513ed4c4288d98868e7eda3ccf4f40b094b411a74c6df"
    assert graph_digest(state, ImageConfig()) != graph_digest(state, config)
