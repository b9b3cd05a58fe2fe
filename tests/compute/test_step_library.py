"""What step scripts share, with a machine's tools replaced by what they would say."""

import hashlib
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

LIBRARY = files("ez.compute").joinpath("scripts", "lib.sh").read_text("utf-8")

APT_CACHE = r"""
[ "$1" = policy ] || { echo " driver | 1:595.1-1 | r"; echo " driver | 1:580.95-1 | r"; exit; }
case "$2" in
driver) candidate=1:595.1-1 ;;
plain | linux-headers-6.1.0-37-cloud-amd64 | linux-image-cloud-amd64) candidate=2.0 ;;
mentioned) candidate='(none)' ;;
*) exit 0 ;;
esac
printf '%s:\n  Installed: (none)\n  Candidate: %s\n' "$2" "$candidate"
"""


def said(folder: Path, program: str, kernel: str = "6.1.0-37-cloud-amd64", depends: str = "") -> tuple[int, str]:
    """Exit code and output of `program` after the library."""
    tools = {"uname": f"echo {kernel}", "apt-cache": APT_CACHE, "dpkg-query": f"echo '{depends}'"}
    for name, text in tools.items():
        path = folder / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    (folder / "updated").touch()
    text = LIBRARY.replace("export PATH=", f"export PATH={folder}:") + "\n" + program
    environment = {"EZ_JOB": str(folder), "EZ_RUN": str(folder)}
    done = subprocess.run(["sh", "-c", text], capture_output=True, text=True, env=environment, timeout=20)
    return done.returncode, done.stdout.strip()


@pytest.mark.parametrize(
    ("groups", "chosen"),
    [
        ("plain", "plain"),
        ("missing|plain", "plain"),
        ("mentioned|plain", "plain"),
        ("plain,missing|driver", "driver"),
        ("plain,driver", "plain\ndriver"),
        ("missing|", ""),
        ("driver=595", "driver"),
        ("driver=580", "driver=1:580.95-1"),
        ("driver=59|plain", "plain"),
        ("linux-headers-KERNEL", "linux-headers-6.1.0-37-cloud-amd64"),
        ("linux-image-FLAVOUR", "linux-image-cloud-amd64"),
        ("plain' 'driver", "plain\ndriver"),
    ],
)
def test_the_first_alternative_that_can_be_had(tmp_path: Path, groups: str, chosen: str) -> None:
    assert said(tmp_path, f"choose_packages '{groups}'") == (0, chosen)


def test_none_that_can_be_had(tmp_path: Path) -> None:
    code, text = said(tmp_path, "choose_packages plain 'missing|mentioned'")
    assert code == 1
    assert text.splitlines()[1:] == [
        "@@ez error its package sources have none of: missing|mentioned",
        "@@ez there sudo apt-get update",
    ]


@pytest.mark.parametrize(
    ("kernel", "depends", "words", "flavour"),
    [
        ("6.1.0-37-cloud-amd64", "", "cloud-amd64", "cloud-amd64"),
        ("6.12.38+deb13-cloud-amd64", "", "cloud-amd64", "cloud-amd64"),
        ("5.10.0-35-amd64", "linux-image-amd64 linux-image-5.10.0-35-amd64 (= 5.10.237-1)", "amd64", "amd64"),
        ("6.8.0-1020-azure", "linux-image-azure linux-image-6.8.0-1020-azure, other", "azure", "azure"),
        (
            "6.8.0-60-generic",
            "linux-image-generic-hwe-22.04 linux-image-6.8.0-60-generic",
            "generic",
            "generic-hwe-22.04",
        ),
        ("6.8.0-60-generic", "linux-image-6.8.0-60-generic kmod", "generic", "generic"),
    ],
)
def test_the_kernel_s_names(tmp_path: Path, kernel: str, depends: str, words: str, flavour: str) -> None:
    assert said(tmp_path, "kernel_words $(uname -r); kernel_flavour", kernel, depends) == (0, f"{words}\n{flavour}")


def test_modules_of_a_virtual_kernel(tmp_path: Path) -> None:
    """Ubuntu's image for virtual machines of no cloud."""
    depends = "linux-image-virtual linux-image-6.8.0-60-generic"
    names = "names_in 'linux-modules-nvidia-580-server-open-FLAVOUR,nvidia-headless|linux-image-FLAVOUR'"
    assert said(tmp_path, names, "6.8.0-60-generic", depends) == (
        0,
        "linux-modules-nvidia-580-server-open-generic nvidia-headless linux-image-virtual",
    )


@pytest.mark.parametrize(("size", "header"), [(51, b"\x98\x33"), (525, b"\x99\x02\x0d")])
def test_the_fingerprint_of_a_key(tmp_path: Path, size: int, header: bytes) -> None:
    """RFC 4880, 12.2: the hash of 0x99, two bytes of length, and the packet."""
    body = bytes(number % 251 for number in range(size))
    (tmp_path / "key").write_bytes(header + body + b"other packets")
    wanted = hashlib.sha1(b"\x99" + size.to_bytes(2) + body, usedforsecurity=False).hexdigest().upper()
    assert said(tmp_path, f"key_fingerprint {tmp_path}/key") == (0, wanted)
    (tmp_path / "key").write_bytes(b"<html>")
    assert said(tmp_path, f"key_fingerprint {tmp_path}/key") == (1, "")
