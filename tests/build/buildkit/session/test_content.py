"""Blobs in directories of this computer, written and read by real engines; and what is refused."""

import asyncio
import base64
import hashlib
import json
import uuid
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest
from grpclib.exceptions import GRPCError

from ez.build.buildkit.messages import content
from ez.build.buildkit.session.content import Content, Store
from ez.build.buildkit.session.export import FileSend, ToDirectory
from ez.build.graph import CopyAction, Files, Scratch
from ez.build.ocilayout import blob_path, digest_of, record
from ez.errors import BuildError

from ..conftest import BASE, Engine, sh
from .solving import Asked, solved

CACHE = "local:/cache"
HELLO = b"hello"
DIGEST = f"sha256:{hashlib.sha256(HELLO).hexdigest()}"


@pytest.mark.engine
def test_a_local_cache_and_an_image_in_a_directory(both_stores: tuple[Engine, Engine], tmp_path: Path) -> None:
    written_by, read_by = both_stores
    cache, layout, out = tmp_path / "cache", tmp_path / "layout", tmp_path / "out"
    step = sh(BASE, f"cat /proc/sys/kernel/random/uuid > /once # {uuid.uuid4()}")
    state = Files(Scratch(), (CopyAction(step, "/once", "/once"),))
    stores = Content({CACHE: Store(cache, writable=True), "export": Store(layout, writable=True)})
    asked = Asked("oci", {"tar": "false"}, caches=(("local", {"dest": "/cache", "mode": "max"}),))
    reply = solved(written_by.address, state, (stores,), asked)
    assert digest_of(cache) is None
    record(cache, json.loads(reply["cache.manifest"]))
    record(layout, json.loads(base64.b64decode(reply["containerimage.descriptor"])), "example.org/a/b:c")
    digest = digest_of(cache)
    assert digest is not None
    assert digest_of(layout, "example.org/a/b:c") == digest_of(layout, "c") == reply["containerimage.digest"]

    for engine, imports in ((written_by, ()), (read_by, (("local", {"src": "/cache", "digest": digest}),))):
        with FileSend([ToDirectory(out / engine.name)]) as exported:
            services = (Content({CACHE: Store(cache)}), exported)
            solved(engine.address, state, services, Asked("local", imports=imports))
    once = [(out / engine.name / "once").read_text() for engine in both_stores]
    assert once[0] == once[1]

    for folder in (cache, layout):
        for blob in (folder / "blobs" / "sha256").iterdir():
            assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name


class Stream:
    """A call with these messages."""

    def __init__(self, *messages: Any, store: str = CACHE) -> None:
        self.metadata = {"buildkit-attachable-store-id": store}
        self.answers: list[Any] = []
        self._messages: Iterable[Any] = messages

    async def __aiter__(self) -> AsyncIterator[Any]:
        for message in self._messages:
            yield message

    async def recv_message(self) -> Any:
        return next(iter(self._messages))

    async def send_message(self, message: Any) -> None:
        self.answers.append(message)


def call(store: Store, method: str, *messages: Any, id: str = CACHE) -> list[Any]:
    stream = Stream(*messages, store=id)
    handler = Content({CACHE: store}).methods()[f"/containerd.services.content.v1.Content/{method}"]
    asyncio.run(handler.func(stream))
    return stream.answers


def writing(data: bytes, expected: str = "", *, offset: int = 0, total: int = 0) -> list[Any]:
    return [
        content.WriteContentRequest(action=0, ref="r"),
        content.WriteContentRequest(action=1, ref="r", data=data[:2]),
        content.WriteContentRequest(
            action=2, ref="r", data=data[2:], offset=offset or 2, expected=expected, total=total
        ),
    ]


def test_a_blob_is_written_and_read(tmp_path: Path) -> None:
    store = Store(tmp_path / "new", writable=True)
    answers = call(store, "Write", *writing(HELLO, DIGEST, total=5))
    assert [(answer.offset, answer.digest) for answer in answers] == [(0, ""), (2, ""), (5, DIGEST)]
    (info,) = call(store, "Info", content.InfoRequest(digest=DIGEST))
    assert (info.info.digest, info.info.size) == (DIGEST, 5)
    asked = content.ReadContentRequest(digest=DIGEST, offset=1, size=3)
    assert b"".join(answer.data for answer in call(store, "Read", asked)) == b"ell"
    asked = content.ReadContentRequest(digest=DIGEST)
    assert b"".join(answer.data for answer in call(Store(tmp_path / "new"), "Read", asked)) == HELLO
    with pytest.raises(GRPCError, match="already exists"):
        call(store, "Write", *writing(HELLO, DIGEST))


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        (writing(b"other", DIGEST), "the blob is"),
        (writing(HELLO, DIGEST, total=6), "5 bytes came of 6"),
        (writing(HELLO, DIGEST, offset=3), "a write at 3"),
        (writing(HELLO, "sha256:../../../../etc"), "not a digest"),
        (writing(HELLO)[:2], ""),
    ],
)
def test_a_blob_that_is_not_right_leaves_nothing(tmp_path: Path, messages: list[Any], words: str) -> None:
    store = Store(tmp_path, writable=True)
    if words:
        with pytest.raises(GRPCError, match=words):
            call(store, "Write", *messages)
    else:
        call(store, "Write", *messages)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_what_is_not_offered_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GRPCError, match="can only be read"):
        call(Store(tmp_path), "Write", *writing(HELLO))
    with pytest.raises(GRPCError, match="no store `local:/etc`"):
        call(Store(tmp_path), "Info", content.InfoRequest(digest=DIGEST), id="local:/etc")
    blob_path(tmp_path, DIGEST).parent.mkdir(parents=True)
    blob_path(tmp_path, DIGEST).symlink_to("/etc/hostname")
    with pytest.raises(GRPCError, match="not found"):
        call(Store(tmp_path), "Read", content.ReadContentRequest(digest=DIGEST))


def test_an_index_keeps_other_names(tmp_path: Path) -> None:
    blob_path(tmp_path, DIGEST).parent.mkdir(parents=True)
    blob_path(tmp_path, DIGEST).write_bytes(HELLO)
    record(tmp_path, {"digest": DIGEST, "size": 5}, "first")
    record(tmp_path, {"digest": DIGEST, "size": 5, "annotations": {"a": "b"}})
    record(tmp_path, {"digest": DIGEST, "size": 5})
    index = json.loads((tmp_path / "index.json").read_text())
    assert [entry["annotations"]["org.opencontainers.image.ref.name"] for entry in index["manifests"]] == [
        "first",
        "latest",
    ]
    assert (digest_of(tmp_path, "first"), digest_of(tmp_path, "second")) == (DIGEST, None)
    blob_path(tmp_path, DIGEST).unlink()
    assert digest_of(tmp_path) is None
    with pytest.raises(BuildError, match="describes no manifest"):
        record(tmp_path, {"digest": "sha256:x"})
    (tmp_path / "index.json").write_text("{")
    with pytest.raises(BuildError, match="not an OCI image layout"):
        digest_of(tmp_path)
