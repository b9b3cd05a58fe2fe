"""What a person may type for a repo, and what it becomes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ez.env.reference import canonical, check_ref, parse_reference, ssh_address, without_secret
from ez.errors import EzError, SourceError, UsageError


@pytest.mark.parametrize(
    ("text", "url", "name"),
    [
        ("git@github.com:o/r.git", None, "r"),
        ("github.com:o/r", None, "r"),
        ("me@example.org:~/Some Repo", None, "some-repo"),
        ("https://github.com/o/r", None, "r"),
        ("https://me@example.org:8443/o/r.git", None, "r"),
        ("HTTPS://example.org/o/r/", None, "r"),
        ("http://example.org/r", None, "r"),
        ("ssh://git@example.org:2222/srv/git/r.git", None, "r"),
        ("ssh://example.org/~me/r", None, "r"),
        ("ssh://git@[::1]:22/r", None, "r"),
        ("git@[fe80::1]:r.git", None, "r"),
        ("owner/name", "git@github.com:owner/name.git", "name"),
        ("owner/name.git", "git@github.com:owner/name.git", "name"),
    ],
)
def test_addresses(text: str, url: str | None, name: str, tmp_path: Path) -> None:
    found = parse_reference(text, tmp_path, "main")
    assert (found.url, found.path, found.name, found.ref) == (url or text, None, name, "main")


def test_github_without_a_key_is_read_over_https(tmp_path: Path) -> None:
    found = parse_reference("owner/name", tmp_path, github_over_ssh=False)
    assert found.url == "https://github.com/owner/name.git"


@pytest.mark.parametrize("text", [None, "", "."])
def test_nothing_is_the_current_directory(text: str | None, tmp_path: Path) -> None:
    found = parse_reference(text, tmp_path)
    assert (found.url, found.path) == (None, str(tmp_path))


def test_a_directory_wins_and_is_widened_to_its_work_tree(tmp_path: Path) -> None:
    (tmp_path / "owner/name/deep").mkdir(parents=True)
    (tmp_path / "git@host:x").mkdir()
    assert parse_reference("owner/name", tmp_path).path == str(tmp_path / "owner/name")
    assert parse_reference("git@host:x", tmp_path, name="x").path == str(tmp_path / "git@host:x")
    (tmp_path / "owner/.git").write_text("gitdir: elsewhere")
    found = parse_reference("owner/name/deep", tmp_path)
    assert (found.path, found.name) == (str(tmp_path / "owner"), "owner")
    (tmp_path / "link").symlink_to("owner")
    assert parse_reference("link", tmp_path).path == str(tmp_path / "owner")


def test_the_name_is_the_persons_own_where_given(tmp_path: Path) -> None:
    (tmp_path / "日本").mkdir()
    with pytest.raises(UsageError, match="no environment name"):
        parse_reference("日本", tmp_path)
    assert parse_reference("日本", tmp_path, name="nihon").name == "nihon"
    assert parse_reference("git@h:日本", tmp_path, name="nihon").name == "nihon"
    with pytest.raises(UsageError, match="not a name"):
        parse_reference("o/r", tmp_path, name="-x")


@pytest.mark.parametrize(
    "text",
    [
        "git://example.org/r",
        "file:///etc",
        "ftp://example.org/r",
        "ext::sh -c id",
        "fd::17/x",
        "-oProxyCommand=id",
        "--upload-pack=id",
        "ssh://-oProxyCommand=id/r",
        "ssh://-oProxyCommand=id@h/r",
        "-oProxyCommand=id:r",
        "git@-oProxyCommand=id:r",
        "git@host:-r",
        "git@host:",
        "https://",
        "https:///r",
        "https://example.org",
        "https://example.org:99999/r",
        "https://exa mple.org/r",
        "https://$(id)/r",
        "git@$(id):r",
        "https://me:secret@example.org/r",
        "https://:secret@example.org/r",
        "ssh://git:secret@example.org/r",
        "https://ghp_secret@github.com/o/r",
        "git@host:a\nb",
        "a\0b",
        "x\x1b[31m",
        "https://example.org/" + "x" * 3000,
        "./missing",
        "missing",
        "~/missing",
        "a/b/c",
        "a" * 300,
        "a/" + "b" * 300 + "/c",
        ";id",
        "'",
    ],
)
def test_what_is_no_repo_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises((UsageError, SourceError)) as caught:
        parse_reference(text, tmp_path)
    assert "secret" not in caught.value.message + (caught.value.hint or "")
    assert caught.value.hint
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    "ref", ["main", "v1.0", "feature/ünï", "a'b", "$(id)", "refs/pull/1/head", "deadbeef", "a@b", "#1"]
)
def test_refs(ref: str) -> None:
    assert check_ref(ref) == ref


@pytest.mark.parametrize(
    "ref",
    [
        "", "-x", "--upload-pack=x", "a..b", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "@{-1}", "a@{0}", "@",
        ".a", "a/.b", "a.", "a.lock", "a.lock/b", "/a", "a/", "a//b", "a\nb", "a\x7f", "a\0", "x" * 251,
    ],
)  # fmt: skip
def test_what_is_no_ref_is_refused(ref: str) -> None:
    with pytest.raises(EzError):
        check_ref(ref)


def test_ways_to_write_one_repo_are_one() -> None:
    ways = [
        "git@Example.org:o/r.git",
        "https://example.org/o/r",
        "ssh://me@example.org:22/o/r.git/",
        "example.org:/o/r",
    ]
    assert {canonical(way) for way in ways} == {"example.org/o/r"}
    assert canonical("ssh://example.org:2222/o/r") == "example.org:2222/o/r"


def test_where_ssh_connects() -> None:
    assert ssh_address("git@example.org:o/r") == ("example.org", 22)
    assert ssh_address("ssh://example.org:2222/o/r") == ("example.org", 2222)
    assert ssh_address("https://example.org/o/r") is None


def test_secrets_are_cut_out() -> None:
    assert without_secret("https://me:secret@example.org/r") == "https://me@example.org/r"
    assert without_secret("https://ghp_0123456789@example.org/r") == "https://example.org/r"
    assert without_secret("https://example.org/a@b") == "https://example.org/a@b"
    assert without_secret("git@example.org:r") == "git@example.org:r"
