"""Questions from inside, answered by the real programs of a person's home."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from pathlib import Path

import pytest

from ez.env.credentials import git, gpg, registry
from ez.env.credentials.rules import Rule, Rules

TOKEN = "token-of-ann"
ALLOWED = Rule("git", "https://git.example.org")


@pytest.fixture
def rules(home: Path) -> Rules:
    return Rules(home / "records")


@pytest.fixture
def variables(home: Path) -> dict[str, str]:
    """A home whose Git has a credential for each of two servers."""
    lines = [f"https://ann:{TOKEN}@{host}" for host in ("git.example.org", "other.example.org")]
    (home / ".git-credentials").write_text("\n".join([*lines, ""]))
    (home / ".gitconfig").write_text("[credential]\n\thelper = store\n")
    return {"HOME": str(home), "PATH": os.environ["PATH"]}


def question(*lines: str) -> bytes:
    return "".join(f"{line}\n" for line in (*lines, "")).encode()


def test_git_gets_what_is_allowed_and_nothing_else(rules: Rules, variables: dict[str, str]) -> None:
    rules.change(add=[ALLOWED])
    found = git.answer(question("protocol=https", "host=git.example.org", "wwwauth[]=Basic"), rules, variables, "e")
    assert found.stdout.decode() == f"username=ann\npassword={TOKEN}\n"
    assert (found.name, found.use) == ("https://git.example.org", "given")
    assert TOKEN not in repr(found)

    refused = git.answer(question("protocol=https", "host=other.example.org"), rules, variables, "e")
    assert (refused.use, refused.stdout) == ("refused", b"")
    assert "ez env allow e git https://other.example.org" in refused.stderr


@pytest.mark.parametrize(
    "lines",
    [
        ("protocol=http", "host=git.example.org"),
        ("protocol=https", "host=git.example.org:443"),
        ("protocol=https", "host=git.example.org@other.example.org"),
        ("protocol=https", "host=git.example.org", "host=other.example.org"),
        ("protocol=https", "host=other.example.org", "url=https://git.example.org"),
        ("protocol=https", "host=git.example.org\0"),
        ("protocol=https", "host=git.example.org\r"),
        ("protocol=https", "host=git.example.org."),
        ("protocol=https", "path=git.example.org"),
        ("protocol=https", "host"),
    ],
)
def test_git_is_refused_what_only_looks_alike(lines: tuple[str, ...], rules: Rules, variables: dict[str, str]) -> None:
    rules.change(add=[ALLOWED])
    assert git.answer(question(*lines), rules, variables, "e").stdout == b""


def test_nothing_at_home_is_no_answer_and_nobody_is_asked(rules: Rules, variables: dict[str, str]) -> None:
    rules.change(add=[Rule("git", "https://new.example.org")])
    found = git.answer(question("protocol=https", "host=new.example.org"), rules, variables, "e")
    assert (found.use, found.stdout, found.code) == ("unknown", b"", 0)


def test_a_registry_gets_its_own_login_alone(rules: Rules, home: Path) -> None:
    auth = base64.b64encode(f"ann:{TOKEN}".encode()).decode()
    config = home / "config.json"
    config.write_text(json.dumps({"auths": {"ghcr.io": {"auth": auth}, "https://index.docker.io/v1/": {"auth": auth}}}))
    rules.change(add=[Rule("registry", "ghcr.io"), Rule("registry", "ghcr.io.evil.example")])
    given = registry.answer(b"ghcr.io\n", rules, config, "e")
    assert json.loads(given.stdout) == {"ServerURL": "ghcr.io", "Username": "ann", "Secret": TOKEN}
    for name in (
        "ghcr.io.evil.example",
        "docker.io",
        "ghcr.io/x",
        "evil@ghcr.io",
        "ghcr.io\0",
        "Ghcr.io",
        "ghcr.io.",
        "",
    ):
        refused = registry.answer(name.encode(), rules, config, "e")
        assert TOKEN not in refused.stdout.decode(), name
        assert refused.code == 1
    rules.change(add=[Rule("registry", "docker.io")])
    assert json.loads(registry.answer(b"https://index.docker.io/v1/", rules, config, "e").stdout)["Secret"] == TOKEN


def test_gpg_signs_commits_with_the_allowed_key_and_does_nothing_else(rules: Rules, home: Path, tmp_path: Path) -> None:
    gnupg = home / "g"
    gnupg.mkdir(mode=0o700)
    variables = {"HOME": str(home), "PATH": os.environ["PATH"], "GNUPGHOME": str(gnupg)}
    try:
        make = ["gpg", "--batch", "--passphrase", "", "--quick-generate-key", "ann@example.org", "ed25519", "sign"]
        subprocess.run(make, env=variables, check=True, capture_output=True)
        commit = b"tree 0000000000000000000000000000000000000000\nauthor a <a> 0 +0000\n\nx\n"
        words = ["--status-fd=2", "-bsau", "ann@example.org"]
        assert gpg.answer(words, commit, rules, variables, "e").use == "refused"
        rules.change(add=[Rule("gpg", "ann@example.org")])
        signed = gpg.answer(words, commit, rules, variables, "e")
        assert (signed.code, signed.use) == (0, "signed")
        assert signed.stdout.startswith(b"-----BEGIN PGP SIGNATURE-----")
        assert "SIG_CREATED" in signed.stderr
        for other in (["--status-fd=2", "-d", "ann@example.org"], ["--export-secret-keys"], [*words, "--output=x"]):
            assert gpg.answer(other, commit, rules, variables, "e").use == "refused"
        assert gpg.answer(words, b"pay 100 to eve\n", rules, variables, "e").use == "refused"
    finally:
        subprocess.run(["gpgconf", "--kill", "all"], env=variables, check=False, capture_output=True)
