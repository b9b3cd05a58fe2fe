"""What of a build cache goes first, and what stays whatever is asked for."""

from __future__ import annotations

from typing import Any

import pytest

from ez.build.engines.records import CacheRecord
from ez.build.pruning import TypeUsage, choose, usage

NOW = 1_000_000.0


def record(id: str, size: int = 10, age: float = 100.0, **options: Any) -> CacheRecord:
    values = {"type": "regular", "in_use": False, "shared": False, "mutable": False, "description": id, **options}
    return CacheRecord(id=id, size=size, created=NOW - age - 1, last_used=NOW - age, uses=1, **values)


CHAIN = (
    record("base", 50, 900),
    record("middle", 20, 500, parents=("base",)),
    record("top", 10, 100, parents=("middle",)),
    record("side", 30, 300, parents=("base",)),
    record("download", 40, 200, type="exec.cachemount"),
)


def chosen(*records: CacheRecord, **options: Any) -> list[str]:
    given = {"keep_bytes": None, "older_than": None, "everything": False, "now": NOW, **options}
    return [one.id for one in choose(records, **given)]


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ({}, ["side", "download", "top", "middle", "base"]),
        ({"keep_bytes": 150}, []),
        ({"keep_bytes": 149}, ["side"]),
        ({"keep_bytes": 100}, ["side", "download"]),
        ({"older_than": 250.0}, ["side"]),
        ({"older_than": 150.0, "keep_bytes": 119}, ["side", "download"]),
        ({"older_than": 1000.0}, []),
    ],
)
def test_the_longest_unused_go_first_and_none_before_what_grows_from_it(
    options: dict[str, Any], ids: list[str]
) -> None:
    assert chosen(*CHAIN, **options) == ids


def test_what_a_build_holds_stays_with_all_below_it() -> None:
    held = (record("base"), record("top", parents=("base",), in_use=True))
    assert chosen(*held) == chosen(*held, everything=True) == []


def test_what_images_share_and_what_is_the_engines_own_goes_only_with_everything() -> None:
    own = (record("shared", age=300, shared=True), record("own", age=200, type="internal"), record("free", age=50))
    assert chosen(*own) == ["free"]
    assert chosen(*own, everything=True) == ["shared", "own", "free"]


def test_sizes() -> None:
    found = usage((*CHAIN, record("image", 500, shared=True), record("now", 7, in_use=True)))
    assert (found.total, found.reclaimable) == (157, 150)
    assert found.types == (TypeUsage("regular", 6, 617, 110), TypeUsage("exec.cachemount", 1, 40, 40))
    assert usage(()).types == ()
