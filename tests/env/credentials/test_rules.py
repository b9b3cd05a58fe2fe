"""What an environment may ask for: names are compared letter by letter, and only plain ones are names at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from ez.env.credentials.rules import Rule, Rules, git_server, gpg_key, is_place, parse_rule, registry, server_of
from ez.errors import ConfigError, UsageError

NO_PLACES = [
    "",
    ".",
    "git.example.org.",
    ".git.example.org",
    "git..example.org",
    "git.example.org:",
    "git.example.org:0",
    "git.example.org:65536",
    "git.example.org:443:443",
    "user@git.example.org",
    "git.example.org/path",
    "git.example.org\\@evil.example.org",
    "git.example.org#x",
    "git.example.org?x",
    "git.example.org%00",
    "git.example.org\n",
    "git.example.org\nhost=evil",
    "git.example.org\0",
    "git.example.org ",
    "git_example.org",
    "-git.example.org",
    "g\u0131t.example.org",
    "gi\u212a.example.org",
    "[::1",
    "a" * 64 + ".org",
]  # fmt: skip


@pytest.mark.parametrize("text", NO_PLACES)
def test_what_is_no_host_and_port(text: str) -> None:
    assert not is_place(text)
    assert git_server(f"https://{text}") is None
    assert registry(text) is None


def test_hosts_with_and_without_a_port() -> None:
    for place in ("git.example.org", "localhost:8443", "127.0.0.1", "[::1]:5000", "xn--bcher-kva.example"):
        assert is_place(place)
        assert git_server(f"https://{place}") == f"https://{place}"


def test_only_servers_over_https_are_named_and_capitals_of_their_host_are_small() -> None:
    assert git_server("https://Git.Example.org") == "https://git.example.org"
    for address in ("http://git.example.org", "ssh://git.example.org", "git.example.org", "HTTPS://git.example.org"):
        assert git_server(address) is None
    # The sign for Kelvin becomes a plain k when it is made small.
    assert git_server("https://\u212aernel.org") is None


def test_docker_hub_has_several_names_and_others_have_one() -> None:
    for name in ("docker.io", "index.docker.io", "https://index.docker.io/v1/", "registry-1.docker.io"):
        assert registry(name) == "docker.io"
    assert registry("https://ghcr.io") == registry("ghcr.io") == "ghcr.io"
    for name in ("https://index.docker.io/v2/", "docker.io.evil.example", "Ghcr.io", "ghcr.io/team", "http://ghcr.io"):
        assert registry(name) != "docker.io"
        assert registry(name) in (None, "docker.io.evil.example")


def test_a_key_of_gpg_is_never_an_option() -> None:
    assert gpg_key("0123ABCD!") == "0123ABCD!"
    for name in ("Ann Example <ann@example.org>", "José O'Hara (work) <jo@example.org>", "<ann@example.org>"):
        assert gpg_key(name) == name
    for name in ("--output=x", "-u", "", "a\nb", "$(id)", "a\x1b[2J"):
        assert gpg_key(name) is None


def test_the_server_of_a_repo_is_that_of_its_address() -> None:
    assert server_of("https://git.example.org/a/b.git") == "https://git.example.org"
    assert server_of("https://ann:secret@git.example.org/a") == "https://git.example.org"
    for address in ("ssh://git@git.example.org/a", "git@git.example.org:a", "/srv/a", "https://[", ""):
        assert server_of(address) is None


def test_rules_are_added_removed_and_asked_for_exactly(tmp_path: Path) -> None:
    rules = Rules(tmp_path / "records")
    assert rules.all() == ()
    assert not rules.allows(Rule("agent"))
    rules.change(add=[parse_rule("git", "https://git.example.org"), parse_rule("agent", "")])
    assert rules.allows(Rule("git", "https://git.example.org"))
    for name in ("https://git.example.org:443", "https://git.example.or", "https://git.example.org.evil", "git"):
        assert not rules.allows(Rule("git", name))
    assert rules.change(remove=[Rule("agent")]) == (Rule("git", "https://git.example.org"),)
    assert (tmp_path / "records" / "allow.json").stat().st_mode & 0o777 == 0o600


def test_an_allow_list_that_cannot_be_read_allows_nothing(tmp_path: Path) -> None:
    for text in ("{", "[]", '{"rules": 1}', '{"rules": [1]}', "{}", "\xff"):
        (tmp_path / "allow.json").write_text(text)
        with pytest.raises(ConfigError):
            Rules(tmp_path).allows(Rule("agent"))


def test_what_one_repo_was_allowed_is_not_for_another(tmp_path: Path) -> None:
    rules = Rules(tmp_path)
    assert rules.repo() is None
    rules.begin("one", [Rule("agent")])
    rules.change(add=[Rule("gpg", "A")])
    assert rules.repo() == "one"
    rules.begin("two", [Rule("agent")])
    assert rules.all() == (Rule("agent"),)


@pytest.mark.parametrize(
    ("kind", "name"), [("ssh", ""), ("agent", "x"), ("git", "git.example.org"), ("registry", "a/b"), ("secret", "../x")]
)
def test_what_a_person_mistypes_is_told(kind: str, name: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_rule(kind, name)
    assert raised.value.hint
