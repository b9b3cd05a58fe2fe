"""Secrets and agents as a person names them."""

import socket
import subprocess
import time
from pathlib import Path

import pytest

from ez.build import secrets
from ez.build.secrets import LARGEST, Secret, parse_secret, parse_ssh
from ez.errors import BuildError, SecretError, UsageError

CANARY = "canary-5c1f"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "file").write_text(f"{CANARY}\n")
    (tmp_path / "a,b").write_text(CANARY)
    return {"TOKEN": CANARY, "EMPTY": "", "PATH": "/usr/bin:/bin", "SSH_AUTH_SOCK": ""}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("id=x,env=TOKEN", CANARY),
        ("id=TOKEN", CANARY),
        ("type=env,id=x,src=TOKEN", CANARY),
        ("id=TOKEN,type=env", CANARY),
        ("id=x,env=EMPTY", ""),
        ("id=x,src={folder}/file", f"{CANARY}\n"),
        ("source={folder}/file,id=x,type=file", f"{CANARY}\n"),
        ("id={folder}/file", f"{CANARY}\n"),
        ('id=x,"src={folder}/a,b"', CANARY),
        ("id=x,cmd=cat {folder}/file", CANARY),
        ("id=x,type=command,src=printenv TOKEN", CANARY),
        ("""id=x,"cmd=printf '%s,%s' a 'b c'\"""", "a,b c"),
    ],
)
def test_a_secret_is_read_when_asked(tmp_path: Path, environment: dict[str, str], text: str, value: str) -> None:
    secret = parse_secret(text.replace("{folder}", str(tmp_path)), environment)
    assert secret.read() == value.encode()
    assert CANARY not in repr(secret)


def test_a_secret_that_is_kept_is_read_when_asked(environment: dict[str, str]) -> None:
    kept = {"KEPT": CANARY.encode, "TOKEN": CANARY.encode}
    for text in ("id=KEPT", "id=x,kept=KEPT", "id=x,type=kept,src=KEPT"):
        secret = parse_secret(text, environment, kept.get)
        assert secret.read() == CANARY.encode()
    assert parse_secret("id=TOKEN", environment, kept.get).kind == "env"

    def locked() -> bytes:
        raise SecretError("the keyring refused: KeyringLocked")

    with pytest.raises(BuildError, match="kept secret `KEPT`: the keyring refused"):
        parse_secret("id=KEPT", environment, {"KEPT": locked}.get).read()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "id=x,kept=ABSENT",
        "TOKEN",
        "id=",
        "id=x",
        "id=x,env=ABSENT",
        "id=x,src=/absent",
        "id=x,src=/etc",
        "id=x,cmd=absent-program",
        "id=x,cmd=",
        "id=x,cmd='",
        "id=x,env=TOKEN,src=/etc/hostname",
        "id=x,id=y,env=TOKEN",
        "id=x,type=file,env=TOKEN",
        "id=x,type=other,src=TOKEN",
        "id=x,colour=red",
        'id=x,"src=/etc/hostname',
    ],
)
def test_what_is_no_secret_is_refused_before_the_build(environment: dict[str, str], text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_secret(text, environment)
    assert CANARY not in caught.value.message


def test_a_secret_that_cannot_be_read_later(
    tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "_SECONDS_FOR_COMMAND", 0.3)
    (tmp_path / "large").write_bytes(bytes(LARGEST + 1))
    for kind, origin, words in (
        ("env", "ABSENT", "it is not set"),
        ("file", str(tmp_path / "gone"), "No such file"),
        ("file", str(tmp_path), "directory"),
        ("file", str(tmp_path / "large"), "more than"),
        ("command", "false", "exit code 1"),
        ("command", "absent-program", "No such file"),
        ("command", "yes", "more than"),
        ("command", f"sh -c 'echo {CANARY}; sleep 60 & wait'", "took too long"),
    ):
        started = time.monotonic()
        with pytest.raises(BuildError, match=words):
            Secret("x", kind, origin, environment).read()
        assert time.monotonic() - started < 5


def test_an_agent_is_a_socket_or_key_files(tmp_path: Path, environment: dict[str, str]) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        here = {"SSH_AUTH_SOCK": str(tmp_path / "s")}
        assert parse_ssh("default", here) == secrets.SshAgent("default", tmp_path / "s")
        assert parse_ssh("other", here) == secrets.SshAgent("other", tmp_path / "s")
        assert parse_ssh(f"x={tmp_path / 's'}", {}) == secrets.SshAgent("x", tmp_path / "s")
    key, locked = tmp_path / "key", tmp_path / "locked"
    for file, passphrase in ((key, ""), (locked, "word")):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", str(file)]
        subprocess.run(command, check=True, timeout=30)
    assert parse_ssh(f"x={key}", {}) == secrets.SshAgent("x", keys=(key,))
    for text, words in (
        ("default", "no SSH agent runs"),
        ("", "not an SSH agent"),
        ("x=", "no SSH agent runs"),
        ("x=,", "not an SSH agent"),
        (f"x={tmp_path}/absent", "no such agent or key file"),
        (f"x={tmp_path}/file", "not a private key"),
        (f"x={key},{tmp_path}", "cannot read the key file"),
        (f"x={locked}", "has a passphrase"),
    ):
        with pytest.raises(UsageError, match=words):
            parse_ssh(text, environment)
