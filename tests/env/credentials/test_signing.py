"""What Git inside is told of the key that signs at home."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from ez.env.credentials.signing import signing_lines


def told(settings: Mapping[str, str], directory: Path) -> dict[str, str]:
    """What Git reads of the lines, `section.key` -> value."""
    file = directory / "gitconfig"
    file.write_text("\n".join([*signing_lines(lambda key: settings.get(key, ""), directory), ""]))
    listed = subprocess.run(
        ["git", "config", "--file", str(file), "--list", "--null"], capture_output=True, text=True, check=True
    ).stdout
    return dict(entry.partition("\n")[::2] for entry in listed.split("\0") if entry)


@pytest.mark.parametrize(("kind", "begins"), [("ed25519", "ssh-ed25519 AAAA"), ("ecdsa", "key::ecdsa-sha2-")])
def test_a_key_of_ssh_is_told_by_its_public_half(tmp_path: Path, kind: str, begins: str) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(tmp_path / "key")], check=True)
    public = (tmp_path / "key.pub").read_text().strip()
    for named in (str(tmp_path / "key.pub"), str(tmp_path / "key"), "key", f"key::{public}", public):
        found = told({"gpg.format": "ssh", "user.signingkey": named, "commit.gpgsign": "true"}, tmp_path)
        assert found["user.signingkey"].startswith(begins), named
        assert public.split()[1] in found["user.signingkey"]
        assert (found["gpg.format"], found["commit.gpgsign"]) == ("ssh", "true")
        assert "tag.gpgsign" not in found
        assert "PRIVATE" not in "".join(found.values())


def test_a_key_of_gpg_is_told_as_it_is_and_signs_when_asked(tmp_path: Path) -> None:
    named = 'Ann "A" \\ <ann@example.org>'
    assert told({"user.signingkey": named, "commit.gpgsign": "true"}, tmp_path) == {
        "user.signingkey": named, "gpg.program": "/usr/local/lib/ez/gpg",
    }  # fmt: skip


@pytest.mark.parametrize("key", ["", "missing", "bad\nline", "/dev/null"])
def test_nothing_is_told_where_there_is_no_key(tmp_path: Path, key: str) -> None:
    assert told({"gpg.format": "ssh", "user.signingkey": key, "commit.gpgsign": "true"}, tmp_path) == {}
