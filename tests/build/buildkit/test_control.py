"""The control API beside building, on every engine: workers, the cache and its pruning, history, warnings."""

import asyncio
import signal
import time
import uuid
from contextlib import suppress
from pathlib import Path

import pytest
from grpclib.exceptions import GRPCError

from ez.build.buildkit.client import Place, Returned, Wanted, solve
from ez.build.buildkit.failures import build_failed
from ez.build.buildkit.gateway import Gateway, Part
from ez.build.buildkit.messages import control
from ez.build.buildkit.status import Progress
from ez.build.cache import disk_usage, prune
from ez.build.engine import Address, buildkit_version, engine_info, history, workers
from ez.build.engines.records import BuildRecord
from ez.build.graph import CacheMount
from ez.build.llb.platform import Platform
from ez.build.solve import build
from ez.cli.output import warning_line
from ez.errors import EngineError, StepError
from ez.events import Event, VertexLog, VertexWarning
from tests.testbed.shell import wait_until

from .conftest import SMALL, Engine, Recorder, define, plainly, relayed, sh, upgraded
from .matrix import feature

pytestmark = pytest.mark.engine


def test_the_worker_tells_the_image_store(every_engine: Engine) -> None:
    (worker,) = workers(every_engine.address)
    info = engine_info(every_engine.address)
    assert worker.platforms[0] == f"{info.os}/{info.architecture}"
    assert bool(worker.snapshotter) == (info.store == "containerd")
    assert bool(buildkit_version(every_engine.address)) != info.version.startswith("20.")


@feature("usage")
def test_what_is_in_the_cache_and_removing_it(every_engine: Engine) -> None:
    marker = uuid.uuid4().hex
    mounts = (CacheMount("/cache", f"ez-test-{marker}"),)
    begun = time.time()
    every_engine.build(define(sh(SMALL, f"cat /lib/x86_64-linux-gnu/libc.so.6 >/cache/{marker}", mounts=mounts)))
    engine = every_engine.address

    (record,) = (one for one in disk_usage(engine) if one.type == "exec.cachemount" and marker in one.description)
    assert record.size >= 1_000_000
    assert record.mutable
    assert not record.in_use
    assert not record.shared
    assert record.last_used is not None
    assert abs(record.created - begun) < 60
    assert abs(record.last_used - begun) < 60

    assert prune(engine, ids=[record.id], keep_bytes=10**15) == (), "all of it is less than that"
    assert prune(engine, ids=[record.id], older_than=3600) == (), "it was used a moment ago"
    assert prune(engine, ids=[record.id], types=["source.local", "regular"]) == (), "it is of another type"
    assert prune(engine, ids=["no such; record"], everything=True) == ()
    assert prune(engine, ids=[], everything=True) == (), "no record is not every record"
    (removed,) = prune(engine, ids=[record.id], types=["regular", "exec.cachemount"], keep_bytes=1)
    assert (removed.id, removed.size) == (record.id, record.size)
    assert record.id not in {one.id for one in disk_usage(engine)}


@feature("history")
def test_the_history_of_builds(every_engine: Engine) -> None:
    """An engine that keeps none says so at once."""
    begun = time.time()
    history(every_engine.address)
    known = sh(SMALL, f"true {uuid.uuid4()}")
    every_engine.build(define(known))
    with pytest.raises(StepError):
        every_engine.build(define(sh(known, "exit 3")))

    def failures() -> list[BuildRecord]:
        records = history(every_engine.address)
        assert sorted(record.created for record in records) == [record.created for record in records]
        return [record for record in records if record.created > begun - 1 and "exit code: 3" in record.error]

    wait_until(lambda: bool(failures()), "the build is remembered", timeout=10)
    failed = failures()
    assert all(record.completed is not None and record.completed >= record.created for record in failed)
    assert all(0 < record.cached_steps < record.steps for record in failed)


@feature("warnings")
def test_a_warning_comes_with_its_place(every_engine: Engine) -> None:
    """As frontends give it, in a build of nothing: the message has the fields of the one that comes back."""
    warning = control.VertexWarning(
        vertex=f"sha256:{0:064}", level=1, short=b"an old word", detail=[b"use a new one"], url="https://example.com"
    )
    warning.info.filename = "Dockerfile"
    warning.ranges.add().start.line = 7
    sink = Recorder()

    async def body(gateway: Gateway) -> Returned:
        for _ in range(2):
            await gateway._call("Warn", warning, control.BytesMessage)
        return Returned((Part(Platform(), "", b"{}"),))

    place = Place(every_engine.address, direct=every_engine.docker_socket is not None)
    try:
        asyncio.run(solve(place, Wanted(), (), "", Progress(sink), body))
    except GRPCError as error:
        raise build_failed(error, Progress(sink), {}) from error
    told = VertexWarning(
        f"sha256:{0:064}", "an old word", "Dockerfile", 7, detail=("use a new one",), url="https://example.com"
    )
    assert [event for event in sink.events if isinstance(event, VertexWarning)] == [told]
    assert warning_line(told) == "an old word (Dockerfile:7)"


@feature("cache-mount")
def test_a_cache_mount_is_the_same_for_one_platform(every_engine: Engine) -> None:
    """The engine takes this one's programs for another platform's that it can run too."""
    mounts = (CacheMount("/cache", f"ez-test-{uuid.uuid4()}"),)
    seen = []
    for platform in ("linux/amd64", "linux/386", "linux/amd64"):
        script = f"if test -e /cache/x; then echo there; else echo x >/cache/x; fi # {uuid.uuid4()}"
        sink = Recorder()
        every_engine.build(define(sh(SMALL, script, mounts=mounts)), platforms=(platform,), sink=sink)
        seen.append(sink.lines)
    assert seen == [[], [], ["there"]]


@feature("lost")
def test_a_connection_cut_in_the_middle(every_engine: Engine, tmp_path: Path) -> None:
    direct = every_engine.docker_socket is not None
    target = every_engine.docker_socket or every_engine.socket
    with relayed(target, tmp_path / "d.sock", connect=upgraded if direct else plainly) as (path, cut):

        class Cutter(Recorder):
            def __call__(self, event: Event) -> None:
                super().__call__(event)
                if "running" in self.lines:
                    cut()

        begun = time.monotonic()
        step = sh(SMALL, f"echo running; sleep 60; echo {uuid.uuid4()}")
        with pytest.raises(EngineError, match="broke off"):
            build(define(step), Address.unix(path), "ez-test/cut:1", sink=Cutter())
        assert time.monotonic() - begun < 10


@feature("cancel")
def test_an_interrupted_build_leaves_nothing_running(every_engine: Engine) -> None:
    """The computers are containers of this one: their processes are seen here."""
    marker = f"86400.{uuid.uuid4().int % 10**9}"

    def interrupt(event: Event) -> None:
        if isinstance(event, VertexLog):
            wait_until(lambda: runs(marker), "the step runs", timeout=20)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        every_engine.build(define(sh(SMALL, f"echo running; sleep {marker}")), sink=interrupt)
    wait_until(lambda: not runs(marker), "the step is gone", timeout=20)


def runs(marker: str) -> bool:
    """Whether a `sleep` with that argument runs on this computer, in whatever container."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if entry.read_bytes().split(b"\0")[:2] == [b"sleep", marker.encode()]:
                return True
    return False


def test_questions_to_something_else(tmp_path: Path) -> None:
    for question in (workers, disk_usage, prune, history):
        with pytest.raises(EngineError, match="no Docker Engine"):
            question(Address.unix(tmp_path / "none.sock"))
