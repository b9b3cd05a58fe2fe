"""LLB as BuildKit wants it: what the bytes say, without an engine."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from ez.build.buildkit.messages import llb
from ez.build.definition import SourceFile
from ez.build.graph import (
    BindMount,
    CacheMount,
    CopyAction,
    Files,
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
)
from ez.build.llb.marshal import Marshalled, base_images, marshal
from ez.build.llb.platform import parse_platform
from ez.build.llb.reference import normalise
from ez.build.llb.steps import Base, Surroundings
from ez.errors import DefinitionError

BASE = ImageSource("debian:12")
REFERENCE = "docker.io/library/debian:12"
CASES = Path(__file__).parents[2] / "cases" / "build"


def operations(marshalled: Marshalled) -> list[Any]:
    return [llb.Op.FromString(content) for content in getattr(marshalled.message, "def")]


def only_step(marshalled: Marshalled) -> Any:
    (step,) = [operation.exec for operation in operations(marshalled) if operation.HasField("exec")]
    return step


@pytest.mark.parametrize(("written", "gives"), json.loads((CASES / "references.json").read_text()))
def test_references(written: str, gives: str | None) -> None:
    image = ImageSource(written, note=Note("", Position("build.envd", 4)))
    if gives is not None:
        assert normalise(image) == gives
        return
    with pytest.raises(DefinitionError) as caught:
        normalise(image)
    assert caught.value.line == 4


def test_operations_come_in_order_and_end_with_what_to_return() -> None:
    state = Run(Files(BASE, (CopyAction(LocalSource("context"), "a", "b"),)), ("true",))
    marshalled = marshal(state, unique="u")
    contents = list(getattr(marshalled.message, "def"))
    seen: set[str] = set()
    for content in contents:
        operation = llb.Op.FromString(content)
        assert {needed.digest for needed in operation.inputs} <= seen
        seen.add("sha256:" + hashlib.sha256(content).hexdigest())
    terminal = llb.Op.FromString(contents[-1])
    assert [field.name for field, _ in terminal.ListFields()] == ["inputs"]
    assert set(marshalled.message.metadata) == seen


def test_the_oneof_is_written_last() -> None:
    """Platform (10) and constraints (11) come before the operation itself (2-7): Go's order, which engines hash."""
    for content in list(getattr(marshal(Run(BASE, ("true",))).message, "def"))[:-1]:
        operation = llb.Op.FromString(content)
        for kind in ("exec", "source"):
            if operation.HasField(kind):
                body = getattr(operation, kind).SerializeToString(deterministic=True)
                assert content.endswith(body)


def test_what_is_empty_says_minus_one() -> None:
    state = Files(Scratch(), (MkDirAction("/d"), MkFileAction("/f", b""), RmAction("/d")))
    file, _ = operations(marshal(state))
    actions = file.file.actions
    assert [(action.input, action.secondary_input, action.output) for action in actions] == [
        (-1, -1, -1),
        (0, -1, -1),
        (1, -1, 0),
    ]
    assert [actions[0].mkdir.timestamp, actions[1].mkfile.timestamp] == [-1, -1]


def test_actions_refer_to_inputs_before_earlier_actions() -> None:
    local = LocalSource("context")
    state = Files(BASE, (CopyAction(local, "a", "/a"), CopyAction(local, "b", "/b"), CopyAction(BASE, "c", "/c")))
    file = operations(marshal(state))[2]
    assert len(file.inputs) == 2
    assert [(action.input, action.secondary_input) for action in file.file.actions] == [(0, 1), (2, 1), (3, 0)]
    copy = file.file.actions[0].copy
    assert (copy.mode, copy.timestamp, copy.src) == (-1, -1, "/a")


def test_a_step_inherits_and_overrides() -> None:
    around = Surroundings(env=(("CA", "theirs"), ("NEW", "1")), http_proxy="http://p")
    base = Base(env=(("PATH", "/base"), ("CA", "image"), ("KEPT", "yes")), surroundings=around)
    run = Run(BASE, ("true",), env=(("KEPT", "no"),), path=("/first", "/second"), user="me", cwd="/w")
    step = only_step(marshal(run, bases={REFERENCE: base}))
    assert dict(entry.split("=", 1) for entry in step.meta.env) == {
        "CA": "image",
        "NEW": "1",
        "PATH": "/first:/second:/base",
        "KEPT": "no",
    }
    assert (step.meta.user, step.meta.cwd, step.meta.proxy_env.http_proxy) == ("me", "/w", "http://p")
    alone = only_step(marshal(Run(BASE, ("true",), network=False), bases={REFERENCE: base}))
    assert not alone.meta.HasField("proxy_env")
    assert alone.network == 2


def test_mounts_come_in_the_official_order() -> None:
    mounts = (
        SecretMount("/s", "secret", mode=0o440, optional=True, uid=3),
        SshMount("/agent"),
        TmpfsMount("/z"),
        CacheMount("/c", "cache", Sharing.LOCKED),
        BindMount("/b", BASE, selector="/sub"),
        BindMount("/a", Scratch(), readonly=False),
    )
    marshalled = marshal(Run(BASE, ("true",), mounts=mounts))
    step = only_step(marshalled)
    assert [(mount.dest, mount.input, mount.output) for mount in step.mounts] == [
        ("/", 0, 0),
        ("/a", -1, -1),
        ("/b", 0, -1),
        ("/c", -1, -1),
        ("/z", -1, -1),
        ("/s", -1, -1),
        ("/agent", -1, -1),
    ]
    assert (step.mounts[3].cache_opt.id, step.mounts[3].cache_opt.sharing) == ("cache-linux-amd64", 2)
    assert (step.mounts[5].secret_opt.mode, step.mounts[5].secret_opt.uid) == (0o440, 3)
    assert "SSH_AUTH_SOCK=/agent" in step.meta.env
    assert marshalled.capabilities.keys() >= {
        f"exec.mount.{name}"
        for name in ("bind", "bind.readwrite-nooutput", "selector", "cache.sharing", "secret", "ssh", "tmpfs")
    }


def test_what_differs_between_builds_changes_nothing_else() -> None:
    state = Files(BASE, (CopyAction(LocalSource("context", include=("b", "a")), "/", "/"),))
    one, other = (operations(marshal(state, unique=unique))[1].source for unique in ("1", "2"))
    assert one.attrs["local.includepattern"] == '["b", "a"]'
    one.attrs["local.unique"] = "2"
    assert one == other


def test_a_salt_reaches_steps_only() -> None:
    state = Run(BASE, ("true",), mounts=(CacheMount("/c", "c"),))
    plain, salted = marshal(state), marshal(state, salt="now")
    assert operations(plain)[0] == operations(salted)[0]
    assert "EZ_REBUILD=now" in only_step(salted).meta.env
    assert not any(item.ignore_cache for item in salted.message.metadata.values())


def test_labels_and_positions() -> None:
    """Two ways to write one operation are one, asked for in two files; a position in an unknown file is left out."""
    note = Note("install numpy", Position("lib/x.envd", 7, 3))
    sources = (SourceFile("build.envd", b"a"), SourceFile("lib/x.envd", b"b"))
    short = ImageSource("debian:12", note=Note(position=Position("build.envd", 1)))
    long = ImageSource(REFERENCE, note=Note(position=Position("lib/x.envd", 2)))
    step = Run(short, ("true",), mounts=(BindMount("/m", long),), note=note)
    lost = Run(step, ("false",), note=Note(position=Position("gone.envd", 1)))
    marshalled = marshal(lost, sources=sources)
    located = {
        type(marshalled.states[digest]): [(item.source_index, item.ranges[0].start.line) for item in found.locations]
        for digest, found in marshalled.message.source.locations.items()
    }
    assert located == {ImageSource: [(0, 1), (1, 2)], Run: [(1, 7)]}
    (digest,) = [digest for digest, state in marshalled.states.items() if state == step]
    assert marshalled.states[digest].note == note
    assert marshalled.message.metadata[digest].description["llb.customname"] == "install numpy"


def test_capabilities_are_declared_once_and_known_with_who_needs_them() -> None:
    """Engines refuse a definition for what any operation declares; each byte counts in large ones."""
    first = Note(position=Position("build.envd", 2))
    state = Run(Run(BASE, ("a",), mounts=(SecretVariable("A", "a"),), note=first), ("b",), mounts=(SshMount(),))
    marshalled = marshal(state)
    declared = [name for item in marshalled.message.metadata.values() for name in item.caps]
    assert sorted(declared) == sorted(marshalled.capabilities)
    assert marshalled.capabilities["exec.secretenv"] == first
    (variable,) = operations(marshalled)[1].exec.secretenv
    assert (variable.id, variable.name) == ("a", "A")


def test_newer_file_actions() -> None:
    copy = CopyAction(BASE, "/a", "/b", include=("*.py",), exclude=("x",))
    marshalled = marshal(Files(BASE, (copy, SymlinkAction("../text", "/link"))))
    copied, linked = operations(marshalled)[1].file.actions
    assert (list(copied.copy.include_patterns), list(copied.copy.exclude_patterns)) == (["*.py"], ["x"])
    assert (linked.symlink.oldpath, linked.symlink.newpath, linked.symlink.timestamp) == ("../text", "/link", -1)
    assert {"file.symlink.create", "file.copy.includeexcludepatterns"} < marshalled.capabilities.keys()


def test_a_platform_reaches_images_steps_and_caches() -> None:
    """Steps run on the platform of the image that they grow from, whatever is built for."""
    cache = (CacheMount("/c", "pip"),)
    tools = Run(ImageSource("tools", platform="linux/x86_64"), ("make",), mounts=cache)
    state = Run(Files(BASE, (CopyAction(tools, "/", "/"),)), ("true",), mounts=cache)
    built = marshal(state, platform=parse_platform("linux/arm/v7"))
    found = [(op.platform.architecture, op.platform.variant) for op in operations(built) if op.HasField("platform")]
    assert found == [("arm", "v7"), ("amd64", ""), ("amd64", ""), ("arm", "v7")]
    ids = [mount.cache_opt.id for op in operations(built) for mount in op.exec.mounts if mount.dest == "/c"]
    assert ids == ["pip-linux-amd64", "pip-linux-armv7"]
    assert list(base_images(state)) == ["docker.io/library/tools:latest linux/amd64", REFERENCE]
    inherited = {"docker.io/library/tools:latest linux/amd64": Base(env=(("OF", "tools"),))}
    steps = [op.exec for op in operations(marshal(state, bases=inherited)) if op.HasField("exec")]
    assert ["OF=tools" in step.meta.env for step in steps] == [True, False]


def test_what_no_request_can_hold_is_refused_where_it_is() -> None:
    large = MkFileAction("/large", bytes(5 * 2**20))
    state = Run(Files(BASE, (large,), Note(position=Position("build.envd", 3))), ("true",))
    for few in ((), {"mergeop", "diffop"}):
        with pytest.raises(DefinitionError, match=r"too large for the engine: 5\.0 MiB in 3 steps") as caught:
            marshal(state, capabilities=few)
        assert caught.value.line == 3
    assert marshal(state, capabilities={"source.image.checksum"}).message.ByteSize() > 5 * 2**20
    assert marshal(state).message.ByteSize() > 5 * 2**20
    steps: State = BASE
    for number in range(6_000):
        steps = Run(steps, ("sh", "-c", "x" * 1000), note=Note(position=Position("build.envd", number)))
    with pytest.raises(DefinitionError, match="too large for the engine") as caught:
        marshal(steps, capabilities=())
    assert 3_000 < (caught.value.line or 0) < 4_000


def test_states_that_add_nothing_are_left_out() -> None:
    assert len(operations(marshal(Merge((Files(BASE, ()),))))) == 2
    assert marshal(Merge((Scratch(),))).message is None


def test_base_images_are_those_that_steps_grow_from() -> None:
    tools = ImageSource("tools")
    built = Run(ImageSource("builder"), ("make",))
    state = Files(Run(BASE, ("true",)), (CopyAction(tools, "/", "/"), CopyAction(built, "/", "/")))
    assert list(base_images(state)) == [REFERENCE, "docker.io/library/builder:latest"]


def test_ten_thousand_steps_in_a_row_are_no_limit() -> None:
    state: State = BASE
    for number in range(10_000):
        state = Run(state, ("sh", "-c", f"echo {number}"), mounts=(CacheMount("/c", "c"),))
    assert len(marshal(state).message.SerializeToString(deterministic=True)) > 10_000 * len("sh -c echo 0")
    assert len(marshal(state).states) == 10_001
