"""The control API beside building, on every engine: workers, the cache and its pruning, history, warnings."""

import asyncio
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from ez.build.buildkit.client import Place, Returned, Wanted, solve
from ez.build.buildkit.gateway import Gateway, Part
from ez.build.buildkit.messages import control
from ez.build.buildkit.status import Progress
from ez.build.cache import disk_usage, prune
from ez.build.engine import Address, buildkit_version, engine_info, history, workers
from ez.build.graph import CacheMount
from ez.build.llb.platform import Platform
from ez.cli.output import warning_line
from ez.errors import EngineError, StepError
from ez.events import VertexWarning
from tests.testbed import TestComputer

from .conftest import BASE, Engine, Recorder, define, sh

pytestmark = pytest.mark.engine


def test_the_worker_tells_the_image_store(every_engine: Engine) -> None:
    (worker,) = workers(every_engine.address)
    info = engine_info(every_engine.address)
    assert worker.platforms[0] == f"{info.os}/{info.architecture}"
    assert bool(worker.snapshotter) == (info.store == "containerd")
    assert bool(buildkit_version(every_engine.address)) != info.version.startswith("20.")


def test_what_is_in_the_cache_and_removing_it(every_engine: Engine) -> None:
    marker = uuid.uuid4().hex
    mounts = (CacheMount("/cache", f"ez-test-{marker}"),)
    begun = time.time()
    every_engine.build(define(sh(BASE, f"head -c 1000000 /dev/zero >/cache/{marker}", mounts=mounts)))
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
    (removed,) = prune(engine, ids=[record.id], types=["regular", "exec.cachemount"], keep_bytes=1)
    assert (removed.id, removed.size) == (record.id, record.size)
    assert record.id not in {one.id for one in disk_usage(engine)}


def test_the_history_of_builds(every_engine: Engine) -> None:
    begun = time.time()
    with pytest.raises(StepError):
        every_engine.build(define(sh(sh(BASE, f"true {uuid.uuid4()}"), "exit 3")))
    if engine_info(every_engine.address).version.startswith("20."):
        with pytest.raises(EngineError, match="keeps no history of builds") as caught:
            history(every_engine.address)
        assert caught.value.hint == "update Docker Engine to 23 or later"
        return
    records = history(every_engine.address)
    assert sorted(record.created for record in records) == [record.created for record in records]
    failed = [record for record in records if record.created > begun - 1 and "exit code: 3" in record.error]
    assert failed
    assert all(record.completed is not None and record.completed >= record.created for record in failed)
    assert all(0 < record.cached_steps < record.steps for record in failed)


def test_a_warning_comes_with_its_place(ready: TestComputer, sockets: Any) -> None:
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

    place = Place(Address.unix(sockets("ready", lambda: ready)))
    asyncio.run(solve(place, Wanted(), (), "", Progress(sink), body))
    told = VertexWarning(
        f"sha256:{0:064}", "an old word", "Dockerfile", 7, detail=("use a new one",), url="https://example.com"
    )
    assert [event for event in sink.events if isinstance(event, VertexWarning)] == [told]
    assert warning_line(told) == "an old word (Dockerfile:7)"


def test_questions_to_something_else(tmp_path: Path) -> None:
    for question in (workers, disk_usage, prune, history):
        with pytest.raises(EngineError, match="no Docker Engine"):
            question(Address.unix(tmp_path / "none.sock"))
