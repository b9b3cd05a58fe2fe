"""Where files come from, as BuildKit is asked for them."""

import json
from pathlib import Path
from typing import Any

import pytest

from ez.build.buildkit.messages import llb
from ez.build.graph import GitSource, HttpSource, ImageSource, Note, Position, State
from ez.build.llb.marshal import Marshalled, marshal
from ez.build.llb.platform import parse_platform, serves
from ez.errors import DefinitionError

CASES = Path(__file__).parents[2] / "cases" / "build"
NOTE = Note("", Position("build.envd", 4))


def source_of(state: State) -> tuple[Any, Marshalled]:
    marshalled = marshal(state)
    return llb.Op.FromString(getattr(marshalled.message, "def")[0]).source, marshalled


@pytest.mark.parametrize(("written", "gives"), json.loads((CASES / "platforms.json").read_text()))
def test_platforms(written: str, gives: str | None) -> None:
    if gives is not None:
        assert str(parse_platform(written)) == gives
        return
    with pytest.raises(DefinitionError, match="not a platform") as caught:
        parse_platform(written, NOTE)
    assert caught.value.line == 4


@pytest.mark.parametrize(
    ("named", "wanted", "expected"),
    [
        ("linux arm64 v8", "linux/arm64", True),
        ("linux amd64", "linux/amd64/v3", True),
        ("linux amd64 v3", "linux/amd64", False),
        ("linux amd64", "linux/arm64", False),
        ("windows amd64", "linux/amd64", False),
        ("linux arm v6", "linux/arm/v7", True),
        ("linux arm v7", "linux/arm/v6", False),
        ("linux arm", "linux/arm/v6", True),
        ("", "linux/arm64", True),
    ],
)
def test_what_an_image_says_it_is_for(named: str, wanted: str, expected: bool) -> None:
    config = dict(zip(("os", "architecture", "variant"), named.split(), strict=False))
    assert serves(config, parse_platform(wanted)) == expected


@pytest.mark.parametrize("case", json.loads((CASES / "git.json").read_text()), ids=lambda case: case["asked"]["url"])
def test_repositories(case: dict[str, Any]) -> None:
    asked = GitSource(**case["asked"], note=NOTE)
    if "error" in case:
        with pytest.raises(DefinitionError, match=case["error"].replace("*", r"\*")) as caught:
            marshal(asked)
        assert caught.value.line == 4
        assert "secret" not in str(caught.value)
        return
    source, marshalled = source_of(asked)
    assert source.identifier == case.get("identifier", source.identifier)
    assert source.attrs["git.fullurl"] == case.get("fullurl", source.attrs["git.fullurl"])
    assert ("source.git.subdir" in marshalled.capabilities) == ("needs" in case)


def test_what_a_repository_is_asked_with() -> None:
    commit = "0123456789" * 4
    over_ssh = GitSource("git@host:a", "main", commit=commit, known_hosts="host key", keep_git_directory=True)
    source, marshalled = source_of(over_ssh)
    assert dict(source.attrs) == {
        "git.fullurl": "git@host:a",
        "git.knownsshhosts": "host key",
        "git.mountsshsock": "default",
        "git.keepgitdir": "true",
        "git.checksum": commit,
    }
    assert {name for name in marshalled.capabilities if name.startswith("source")} == {
        "source.git",
        "source.git.fullurl",
        "source.git.knownsshhosts",
        "source.git.mountsshsock",
        "source.git.keepgitdir",
        "source.git.checksum",
    }
    plain, _ = source_of(GitSource("https://host/a"))
    assert plain.attrs["git.authtokensecret"] == "GIT_AUTH_TOKEN"


def test_one_file() -> None:
    checksum = f"sha256:{'a' * 64}"
    source, marshalled = source_of(HttpSource("https://host/a?b=c", "tool", checksum, mode=0o755, uid=3))
    assert source.identifier == "https://host/a?b=c"
    assert dict(source.attrs) == {
        "http.filename": "tool",
        "http.perm": "0755",
        "http.checksum": checksum,
        "http.uid": "3",
        "http.gid": "0",
    }
    assert "soruce.http.uidgid" in marshalled.capabilities


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (HttpSource("ftp://host/a", "a", note=NOTE), "not an HTTP address"),
        (HttpSource("https://me:secret@host/a", "a", note=NOTE), r"not an HTTP address: `https://\*\*\*@host/a`"),
        (HttpSource("https://host:x/a", "a", note=NOTE), "not an HTTP address"),
        (HttpSource("https://host/a", "../a", note=NOTE), "not a file name"),
        (HttpSource("https://host/a", "a", "sha256:abc", note=NOTE), "not a checksum"),
        (ImageSource("debian", platform="linux/pdp11", note=NOTE), "not a platform"),
    ],
)
def test_what_is_none_is_refused_where_it_is(wrong: State, said: str) -> None:
    with pytest.raises(DefinitionError, match=said) as caught:
        marshal(wrong)
    assert caught.value.line == 4
