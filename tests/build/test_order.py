"""Outputs and caches as people write them."""

from collections.abc import Callable

import pytest

from ez.build.order import Cache, Output, parse_cache_from, parse_cache_to, parse_output
from ez.build.share import check_registry, generation
from ez.errors import UsageError


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("out", Output("local", "out")),
        ("-", Output("tar", "-")),
        ("type=local,dest=out", Output("local", "out")),
        ("type=oci,dest=a.tar,compression=zstd", Output("oci", "a.tar", (("compression", "zstd"),))),
        ('type=docker,"dest=a,b.tar"', Output("docker", "a,b.tar")),
        ("type=docker,name=a/b", Output("engine", "a/b")),
        ("type=image,name=a/b,push=true", Output("registry", "a/b")),
        ("type=image,name=a/b", Output("engine", "a/b")),
        ("type=registry,ref=r.example/a", Output("registry", "r.example/a")),
        ("type=oci,dest=a,annotation.org.Example=B", Output("oci", "a", (("annotation.org.Example", "B"),))),
        ("type=cacheonly", Output("cacheonly")),
    ],
)
def test_outputs(text: str, output: Output) -> None:
    assert parse_output(text) == output


@pytest.mark.parametrize(
    "text",
    ["", "a,b", "type=", "type=zip,dest=a", "type=oci", "type=registry", "type=tar,dest=a,nonsense=1", "dest=a,dest=b"],
)
def test_what_is_no_output(text: str) -> None:
    with pytest.raises(UsageError):
        parse_output(text)


def test_caches() -> None:
    assert parse_cache_from("r.example/a") == Cache("registry", (("ref", "r.example/a"),))
    assert parse_cache_from("type=local,src=d") == Cache("local", (("src", "d"),))
    assert parse_cache_to("type=registry,ref=a,mode=max") == Cache("registry", (("mode", "max"), ("ref", "a")))
    assert parse_cache_to("type=inline") == Cache("inline")


@pytest.mark.parametrize(("parse", "text"), [
    (parse_cache_from, "type=inline"),
    (parse_cache_from, "type=registry"),
    (parse_cache_from, "type=gha"),
    (parse_cache_to, "type=local,src=d"),
    (parse_cache_to, "type=registry,ref=a,mode=most"),
])  # fmt: skip
def test_what_is_no_cache(parse: Callable[[str], Cache], text: str) -> None:
    with pytest.raises(UsageError):
        parse(text)


def test_a_teams_registry_is_a_name_without_a_tag() -> None:
    assert check_registry("r.example:5000/team/cache") == "r.example:5000/team/cache"
    for wrong in ("", "r.example/a:1", "r.example/a@sha256:" + "0" * 64, "r.example/A B", "--x"):
        with pytest.raises(UsageError):
            check_registry(wrong)


def test_generations_are_told_by_what_came_with_them() -> None:
    assert generation(()) == 8
    assert generation(("mergeop", "exec.mount.cache.content", "source.image")) == 13
    assert generation(("source.image.checksum", "exec.mount.cache.content")) == 25
