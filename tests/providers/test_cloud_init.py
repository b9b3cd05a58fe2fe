"""The first document of a machine: read back as cloud-init reads it."""

import pytest
import yaml
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key

from ez.errors import UsageError
from ez.providers.cloud_init import LIMIT, File, document, host_key

PERSON = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBguhtCowHdBNdg0TogFJ5fHZYy0raXgz58N+KwlQyx5"


def test_it_says_who_may_log_in_and_what_is_prepared() -> None:
    key = host_key()
    files = [File("/etc/ez", "tab\tand ü: #no comment\n", "0600")]
    commands = [["sh", "-c", "echo 'a: b'"]]
    text = document("ana", f"{PERSON} ana@laptop\n", key, files=files, commands=commands)
    assert text.startswith("#cloud-config\n")
    read = yaml.safe_load(text)
    assert read["users"] == [
        {
            "name": "ana", "shell": "/bin/bash", "lock_passwd": True, "sudo": "ALL=(ALL) NOPASSWD:ALL",
            "ssh_authorized_keys": [f"{PERSON} ana@laptop"],
        }
    ]  # fmt: skip
    assert (read["ssh_pwauth"], read["disable_root"], read["ssh_deletekeys"]) == (False, True, True)
    assert read["write_files"] == [{"path": "/etc/ez", "content": "tab\tand ü: #no comment\n", "permissions": "0600"}]
    assert read["runcmd"] == [["sh", "-c", "echo 'a: b'"]]
    assert read["ssh_keys"]["ed25519_public"] == key.public
    private = load_ssh_private_key(read["ssh_keys"]["ed25519_private"].encode(), None)
    assert private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode() == key.public


def test_what_is_not_asked_for_is_not_in_it() -> None:
    read = yaml.safe_load(document("ana", PERSON, host_key()))
    assert not {"write_files", "runcmd"} & set(read)


def test_keys_are_new_each_time_and_not_shown() -> None:
    first, second = host_key(), host_key()
    assert first.public != second.public
    assert "PRIVATE" in first.private
    assert "PRIVATE" not in repr(first)


@pytest.mark.parametrize(
    ("user", "key"),
    [
        ("", PERSON),
        ("root; rm", PERSON),
        ("Ana", PERSON),
        ("a" * 33, PERSON),
        ("ana", ""),
        ("ana", "ssh-ed25519"),
        ("ana", f"{PERSON}\nssh-ed25519 AAAA other"),
        ("ana", host_key().private),
    ],
    ids=range(8),
)
def test_odd_people_and_keys_are_refused(user: str, key: str) -> None:
    with pytest.raises(UsageError):
        document(user, key, host_key())


def test_a_document_that_a_cloud_does_not_take_is_refused() -> None:
    files = [File("/x", "x" * LIMIT)]
    with pytest.raises(UsageError, match="too much to prepare"):
        document("ana", PERSON, host_key(), files=files)
