"""What stands in for merges and newer sources on workers without them; `tests/build/buildkit/test_states.py` compares
the files that come of it."""

import time
from dataclasses import replace

import pytest

from ez.build.graph import (
    BindMount,
    CopyAction,
    Diff,
    Files,
    GitSource,
    ImageSource,
    Merge,
    MkDirAction,
    MkFileAction,
    Note,
    Position,
    Run,
    Scratch,
    State,
    walk,
)
from ez.build.llb.lower import lower
from ez.errors import DefinitionError

BASE = ImageSource("debian:12")
OLD: frozenset[str] = frozenset()
NEW = {"mergeop", "diffop", "source.git.subdir", "source.git.checksum"}


def run(base: State, name: str) -> Run:
    return Run(base, (name,), note=Note(name, Position("build.envd", 1)))


def scripts(state: State) -> list[str]:
    """What is done from the base on, in order: a step's name, or where files are copied to."""
    found: list[str] = []
    while isinstance(state, Run | Files):
        if isinstance(state, Run):
            found = [state.argv[0], *found]
        else:
            copies = [action for action in state.actions if isinstance(action, CopyAction)]
            found = [*(f"copy {copy.target}" for copy in copies), *found]
        state = state.base
    return found


def test_a_worker_that_can_do_everything_gets_the_graph_as_it_is() -> None:
    merged = Merge((BASE, Diff(BASE, run(BASE, "a"))))
    assert lower(merged, NEW) == merged
    assert lower(run(BASE, "a"), OLD) == run(BASE, "a")


def test_steps_are_done_again_and_named_paths_are_copied() -> None:
    start = run(BASE, "start")
    one, two, three = run(run(start, "1"), "1b"), run(start, "2"), run(start, "3")
    merged = Merge((start, Diff(start, one), Diff(start, two, ("/opt/two", "bin")), Diff(start, three)))
    lowered = lower(run(merged, "after"), OLD)
    assert scripts(lowered) == ["start", "1", "1b", "copy /opt/", "copy /", "3", "after"]
    assert not [state for state in walk(lowered) if isinstance(state, Merge | Diff)]
    assert isinstance(lowered, Run)
    assert isinstance(lowered.base, Run)
    assert lowered.base.note == three.note
    assert all(state.note.label for state in walk(lowered) if isinstance(state, Files))


def test_a_step_copies_the_last_branch_itself() -> None:
    """Only a step does so, and only where the engine cannot merge."""
    first, last = run(BASE, "1"), run(BASE, "2")
    merged = Merge((BASE, Diff(BASE, first), Diff(BASE, last, ("/opt",), mount="/last")))
    mount = BindMount("/last", last, readonly=False, by_content=False)
    assert lower(run(merged, "3"), OLD) == replace(run(run(BASE, "1"), "3"), mounts=(mount,))
    assert lower(run(merged, "3"), NEW) == run(merged, "3")
    copied = lower(merged, OLD)
    assert isinstance(copied, Files)
    assert copied.base == run(BASE, "1")


def test_branches_of_branches_are_spread_out() -> None:
    start = run(BASE, "start")
    one = run(start, "1")
    inner = run(Merge((one, Diff(one, run(one, "1a")), Diff(one, run(one, "1b")))), "1c")
    again = Diff(one, run(one, "1d"))
    lowered = lower(Merge((start, Diff(start, inner), Diff(start, run(start, "2")), again)), OLD)
    assert scripts(lowered) == ["start", "1", "1a", "1b", "1c", "2", "1d"]


def test_copies_of_what_may_be_missing_and_of_what_has_special_names() -> None:
    diff = Diff(BASE, run(BASE, "a"), ("/opt/x", "/opt/x/", "/o[p]t/*", "/lib/x", "/"))
    lowered = lower(Merge((BASE, diff)), OLD)
    assert isinstance(lowered, Files)
    copies = [action for action in lowered.actions if isinstance(action, CopyAction)]
    assert [(copy.source, copy.target, copy.allow_missing, copy.contents) for copy in copies] == [
        (r"/opt/[\x]", "/opt/", True, False),
        (r"/o[\[]p]t/[\*]", "/o[p]t/", True, False),
        ("/lib/x", "/lib/", False, False),
        ("/", "/", False, True),
    ]
    assert not any(copy.follow for copy in copies)
    origin = copies[0].origin
    assert isinstance(origin, Files)
    assert origin.actions == (MkDirAction("/opt"), MkDirAction("/o[p]t"), MkDirAction("/lib"))


def test_other_inputs_and_diffs_of_nothing_are_copied_whole() -> None:
    files = Files(Scratch(), (MkFileAction("/f", b""),))
    lowered = lower(Merge((Scratch(), files, Diff(Scratch(), BASE), Scratch())), OLD)
    origins = []
    while isinstance(lowered, Files):
        origins += [action.origin for action in lowered.actions if isinstance(action, CopyAction)]
        lowered = lowered.base
    assert origins == [BASE, files]


def test_what_nothing_stands_in_for_stays() -> None:
    other = run(BASE, "other")
    for branch in (
        Diff(other, run(other, "a")),
        Diff(ImageSource("tools"), run(ImageSource("tools"), "a")),
        Diff(other, run(BASE, "a")),
        Diff(BASE, run(Merge((other, Diff(ImageSource("tools"), run(ImageSource("tools"), "a")))), "b")),
    ):
        merged = Merge((BASE, branch))
        assert lower(merged, OLD) == merged
        assert lower(branch, OLD) == branch


def test_branches_that_double_on_every_level_are_refused() -> None:
    state = run(BASE, "first")
    for number in range(40):
        branch = Diff(BASE, state)
        state = run(Merge((BASE, branch, branch)), str(number))
    with pytest.raises(DefinitionError, match="again takes over 100,000 steps"):
        lower(state, OLD)


def test_what_else_a_step_reads_is_rewritten_too() -> None:
    branch = Diff(BASE, run(BASE, "a"), ("/a",))
    mounted = Run(BASE, ("b",), mounts=(BindMount("/m", Merge((BASE, branch))),))
    lowered = lower(Merge((BASE, Diff(BASE, mounted))), OLD)
    assert isinstance(lowered, Run)
    (mount,) = lowered.mounts
    assert isinstance(mount, BindMount)
    assert isinstance(mount.source, Files)


def test_a_shared_state_is_rewritten_once_and_depth_costs_nothing() -> None:
    """Each step joins two branches; without sharing or with recursion 2,000 of them would never end."""
    state: State = BASE
    for number in range(2_000):
        left, right = run(state, f"l{number}"), run(state, f"r{number}")
        state = Merge((state, Diff(state, left), Diff(state, right, ("/opt",))))
    begun = time.monotonic()
    lowered = lower(state, OLD)
    assert time.monotonic() - begun < 10
    assert len(walk(lowered)) == 1 + 2_000 * 3


def test_repositories_on_older_workers() -> None:
    commit = "0" * 40
    source = GitSource("https://host/a", "main", "docs", commit, keep_git_directory=True)
    lowered = lower(source, OLD)
    assert isinstance(lowered, Files)
    (copy,) = lowered.actions
    assert copy == CopyAction(GitSource("https://host/a", commit), "docs", "/")
    assert lower(source, {"source.git.subdir"}) == GitSource("https://host/a", commit, "docs", keep_git_directory=True)
    assert lower(GitSource("https://host/a"), OLD) == GitSource("https://host/a", "HEAD")
