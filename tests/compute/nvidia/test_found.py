"""What `facts.sh` finds of cards: run for real on a made-up machine, and replies that are not what they should be."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ez.compute.facts import Facts
from ez.compute.nvidia.found import Gpu, Nvidia, Package, upstream
from tests.compute.values import BARE, told

SCRIPT = Path(__file__).parents[3] / "ez" / "compute" / "scripts" / "facts.sh"
OPEN = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build  (dvs-builder@U16-I3)"
CLOSED = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.261.03  Tue Jul  1 16:44:50 UTC 2025"

Tell = Callable[[], dict[str, str]]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The top of a machine: directories of a kernel, and nothing else."""
    for name in ("sys/bus/pci/devices", "proc/driver", "etc", "boot", "lib/modules", "var/lib/dpkg", "run", "bin"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


@pytest.fixture
def tell(tree: Path) -> Tell:
    """The lines of the parts about kernels and cards, with every path of the machine below `tree`."""
    text = SCRIPT.read_text().partition("# The parts run side by side")[0]
    for top in (
        "/sys/",
        "/proc/driver",
        "/proc/self",
        "/etc/",
        "/boot/",
        "/lib/modules",
        "/var/",
        "/run/",
        "/usr/lib/wsl",
    ):
        text = text.replace(f" {top}", f" {tree}{top}").replace(f'"{top}', f'"{tree}{top}')
        text = text.replace(f"<{top}", f"<{tree}{top}")
    text += "ez_gpus\nez_kernel\nez_kept\n"

    def run() -> dict[str, str]:
        path = f"{tree / 'bin'}:{os.environ['PATH']}"
        done = subprocess.run(
            ["sh", "-c", text, "sh", "W"], env={"PATH": path}, check=True, capture_output=True, text=True
        )
        assert done.stderr == ""
        lines = (line.removeprefix("W ").partition("=") for line in done.stdout.splitlines())
        return {key: value.strip() for key, _, value in lines}

    return run


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n")


def device(tree: Path, address: str, vendor: str, kind: str, model: str = "0x1eb8", driver: str = "") -> None:
    folder = tree / "sys" / "bus" / "pci" / "devices" / address
    for name, text in (("vendor", vendor), ("class", kind), ("device", model), ("subsystem_device", "0x12a2")):
        write(folder / name, text)
    if driver:
        (tree / "sys" / "drivers" / driver).mkdir(parents=True, exist_ok=True)
        (folder / "driver").symlink_to(tree / "sys" / "drivers" / driver)


def program(tree: Path, name: str, text: str) -> None:
    path = tree / "bin" / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def read(values: dict[str, str]) -> Facts:
    return told(**{key.replace(".", "__"): value for key, value in values.items() if key in BARE})


def test_a_machine_without_anything(tree: Path, tell: Tell) -> None:
    found = read(tell())
    assert (found.gpus, found.switches, found.nvidia) == ((), 0, Nvidia())
    assert (found.kernel_newest, found.kernel_headers, found.secure_boot, found.cloud) == ("", False, "off", "")
    assert (found.unfinished, found.watchdog) == (False, "")


def test_display_controllers_and_switches(tree: Path, tell: Tell) -> None:
    device(tree, "0000:00:1e.0", "0x10de", "0x030200", driver="nouveau")
    device(tree, "0000:00:1f.0", "0x1002", "0x120000", "0x74a1")
    device(tree, "0000:00:1d.0", "0x10de", "0x068000")
    device(tree, "0000:00:1c.0", "0x10de", "0x040300")
    device(tree, "0000:00:00.0", "0x8086", "0x060000")
    found = read(tell())
    assert found.gpus == (
        Gpu("0000:00:1e.0", "10de", "1eb8", "12a2", "nouveau"),
        Gpu("0000:00:1f.0", "1002", "74a1", "12a2"),
    )
    assert found.switches == 1


def test_a_driver_that_is_loaded(tree: Path, tell: Tell) -> None:
    device(tree, "0000:00:1e.0", "0x10de", "0x030200", driver="nvidia")
    write(tree / "proc/driver/nvidia/version", f"{OPEN}\nGCC version: gcc 12")
    program(tree, "modinfo", "echo 580.105.08")
    program(tree, "nvidia-ctk", 'printf "NVIDIA Container Toolkit CLI version 1.18.1\\ncommit: 9f31b56\\n"')
    write(tree / "etc/cdi/nvidia.yaml", "hostPath: /usr/lib/x86_64-linux-gnu/libcuda.so.580.95.05")
    write(tree / "var/lib/ez/gpu-proof", "580.95.05")
    status = [
        "Package: nvidia-open\nStatus: hold ok installed\nVersion: 580.95.05-1\n",
        "Package: nvidia-kernel-open-dkms\nStatus: install ok half-configured\nVersion: 580.95.05-1\n",
        "Package: libc6\nStatus: install ok installed\nVersion: 2.36-9\n",
    ]
    write(tree / "var/lib/dpkg/status", "\n".join(status))
    found = read(tell()).nvidia
    assert (found.driver, found.flavour, found.installed, found.source) == (
        "580.95.05",
        "open",
        "580.105.08",
        "packages",
    )
    assert (found.toolkit, found.cdi, found.proof) == ("1.18.1", True, "580.95.05")
    assert found.packages == (Package("nvidia-open", "580.95.05-1", held=True),)
    assert found.branch == 580
    assert found.works
    assert found.held

    # Another driver came, and the specification is still that of the one before.
    write(tree / "proc/driver/nvidia/version", CLOSED)
    found = read(tell()).nvidia
    assert (found.driver, found.flavour, found.cdi) == ("535.261.03", "proprietary", False)


def test_a_specification_of_a_driver_with_a_longer_version_is_another_one(tree: Path, tell: Tell) -> None:
    device(tree, "0000:00:1e.0", "0x10de", "0x030200")
    write(tree / "proc/driver/nvidia/version", OPEN.replace("580.95.05", "580.95"))
    write(tree / "etc/cdi/nvidia.yaml", "hostPath: /usr/lib/libcuda.so.580.95.05")
    assert not read(tell()).nvidia.cdi


def test_the_newest_kernel_of_the_same_kind(tree: Path, tell: Tell) -> None:
    program(tree, "uname", "echo 6.1.0-9-cloud-amd64")
    for name in ("6.1.0-9-cloud-amd64", "6.1.0-10-cloud-amd64", "6.1.0-38-amd64", "6.1.0-11-cloud-amd64"):
        (tree / "lib/modules" / name).mkdir()
    for name in ("6.1.0-9-cloud-amd64", "6.1.0-10-cloud-amd64", "6.1.0-38-amd64"):
        write(tree / "boot" / f"vmlinuz-{name}", "")
    write(tree / "lib/modules/6.1.0-9-cloud-amd64/build/Makefile", "")
    found = read(tell())
    assert (found.kernel_newest, found.kernel_headers) == ("6.1.0-10-cloud-amd64", True)


@pytest.mark.parametrize(
    ("value", "says"), [(b"\6\0\0\0\1", "on"), (b"\6\0\0\0\0", "off"), (b"", "unknown"), (None, "unknown")]
)
def test_secure_boot(tree: Path, tell: Tell, value: bytes | None, says: str) -> None:
    variables = tree / "sys/firmware/efi/efivars"
    variables.mkdir(parents=True)
    if value is not None:
        (variables / "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c").write_bytes(value)
    assert read(tell()).secure_boot == says


@pytest.mark.parametrize(
    ("table", "cloud"),
    [
        ({"sys_vendor": "Microsoft Corporation", "chassis_asset_tag": "7783-7084-3265-9085-8269-3286-77"}, "azure"),
        ({"sys_vendor": "Microsoft Corporation", "chassis_asset_tag": "1"}, ""),
        ({"sys_vendor": "Amazon EC2"}, "aws"),
        ({"sys_vendor": "Google", "product_name": "Google Compute Engine"}, "google"),
        ({"sys_vendor": "QEMU", "chassis_asset_tag": "OracleCloud.com"}, "oracle"),
    ],
)
def test_clouds(tree: Path, tell: Tell, table: dict[str, str], cloud: str) -> None:
    for name, text in table.items():
        write(tree / "sys/class/dmi/id" / name, text)
    assert read(tell()).cloud == cloud


def test_wsl(tree: Path, tell: Tell) -> None:
    program(tree, "uname", "echo 5.15.167.4-microsoft-standard-WSL2")
    write(tree / "usr/lib/wsl/lib/libcuda.so.1", "")
    found = read(tell())
    assert (found.place, found.nvidia.source) == ("wsl", "windows")


def test_what_ez_left_there(tree: Path, tell: Tell) -> None:
    write(tree / "etc/systemd/system/ez-prepare.service", "")
    write(tree / "etc/ez/watchdog.conf", "60 suspend 1")
    write(tree / "etc/apt/apt.conf.d/proxy", 'Acquire::http::Proxy "http://me:word@proxy:3128";')
    values = tell()
    assert not any("word" in value for value in values.values())
    found = read(values)
    assert (found.unfinished, found.watchdog, found.proxy) == (True, "60 suspend 1", True)


@pytest.mark.parametrize(
    ("values", "source"),
    [
        ({"nvidia.version": CLOSED}, "other"),
        ({"nvidia.version": CLOSED, "nvidia.runfile": "yes"}, "runfile"),
        ({"nvidia.packages": "nvidia-driver/535.261.03-1/install"}, "packages"),
        ({"nvidia.packages": "nvidia-persistenced/535.261.03-1/install"}, ""),
        ({"nvidia.packages": "nvidia-driver/535;reboot/install ../x/1/install $(x)/1/hold"}, ""),
        ({"nvidia.version": "nothing that is a version"}, ""),
    ],
)
def test_where_a_driver_came_from(values: dict[str, str], source: str) -> None:
    assert read(values).nvidia.source == source


def test_versions() -> None:
    assert upstream("1:580.95.05-0ubuntu0.24.04.2") == upstream("580.95.05-1") == "580.95.05"


def test_the_shell_is_posix() -> None:
    shell = shutil.which("dash") or "sh"
    subprocess.run([shell, "-n", SCRIPT], check=True)
