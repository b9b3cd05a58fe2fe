"""What is made of a document, without a machine to run it."""

import pytest

from ez.providers.cloud_init import File, document, host_key
from tests.emulators.azure import cloud_init


def test_everything_that_ez_writes_is_understood() -> None:
    key = host_key()
    text = document("ana", key.public, key, files=[File("/etc/a", "b")], commands=[["touch", "/a b"]])
    boot = cloud_init.understand(text.encode(), "admin", [])
    assert boot.unknown == ()
    assert "useradd --create-home --shell /bin/bash ana" in boot.init
    assert "touch" in boot.final
    assert "admin" not in boot.init


def test_packages_of_other_tools_are_installed() -> None:
    boot = cloud_init.understand(b"#cloud-config\npackages: [git]\n", "ana", [])
    assert "apt-get install -q -y git" in boot.final


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("", ()),
        ("#cloud-config\nswap: {size: 1}\nbootcmd: [true]\n", ("bootcmd", "swap")),
        ("#cloud-config\n- a list\n", ("",)),
        ("no document at all", ("",)),
    ],
)
def test_what_is_not_known_is_named(text: str, unknown: tuple[str, ...]) -> None:
    boot = cloud_init.understand(text.encode(), "ana", ["ssh-ed25519 AAAA ana"])
    assert boot.unknown == unknown
    assert "useradd --create-home --shell /bin/bash ana" in boot.init
