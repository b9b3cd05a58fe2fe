"""What computers of the testbed do as machines do: start, restart and go down, and pretend to have NVIDIA cards."""

from collections.abc import Callable

import pytest

from tests.testbed import Hardware, TestComputer
from tests.testbed.shell import wait_until

pytestmark = pytest.mark.testbed

KEYRING = "http://127.0.0.1/cuda/repos/debian{}/x86_64/cuda-keyring_1.1-1_all.deb"
CUDA = "python3 -c 'import ctypes; print(ctypes.CDLL(\"libcuda.so.1\").cuInit(0))'"


def apt(computer: TestComputer, words: str, *, check: bool = True) -> str:
    """What `apt-get WORDS` says, its errors included."""
    done = computer.exec(f"DEBIAN_FRONTEND=noninteractive apt-get -y -q {words} 2>&1", timeout=180, check=check)
    return done.stdout


def add_repository(computer: TestComputer) -> None:
    """As NVIDIA's guide says."""
    address = KEYRING.format(computer.exec(". /etc/os-release && echo $VERSION_ID").stdout.strip())
    computer.exec(f"/usr/lib/apt/apt-helper download-file {address} /tmp/keyring.deb && dpkg -i /tmp/keyring.deb")
    apt(computer, "update")


@pytest.mark.parametrize("variant", ["bare", "bare-forky"])
def test_it_restarts_and_goes_down(computers: Callable[..., TestComputer], variant: str) -> None:
    """Debian testing's systemd needs a cgroup tree of its own on some hosts."""
    computer = computers(variant)
    first = computer.boot_id
    assert computer.ssh("cat /proc/sys/kernel/random/boot_id").stdout.strip() == first
    computer.exec("touch /run/gone /var/tmp/kept")
    computer.ssh("sudo reboot", check=False)
    computer.wait_for_reboot(first)
    second = computer.boot_id
    assert second not in ("", first)
    assert computer.exec("ls /run/gone /var/tmp/kept", check=False).stdout.split() == ["/var/tmp/kept"]
    computer.ssh("sudo poweroff", check=False)
    wait_until(lambda: not computer.runs, "it is switched off")
    computer.start()
    assert computer.boot_id not in ("", first, second)


def test_a_driver_from_kernel_to_cuda(computers: Callable[..., TestComputer]) -> None:
    """The headers are gone from the archive, nouveau has the card, and a newer driver comes under the loaded one."""
    computer = computers("gpu", hardware=Hardware(cards=("T4",), nouveau=True, kernel="moved", cloud="azure"))
    apt(computer, "update")
    old = computer.exec("uname -r").stdout.strip()
    assert computer.exec(f"apt-cache policy linux-headers-{old}").stdout == ""
    add_repository(computer)
    apt(computer, "install nvidia-driver-pinning-580")
    assert "was skipped since the" in apt(computer, "install nvidia-open")
    assert "FATAL: Module nvidia not found" in computer.exec("modprobe nvidia", check=False).stderr
    assert computer.exec("nvidia-smi", check=False).returncode == 9

    assert "Building initial module" not in apt(computer, "install linux-image-cloud-amd64 linux-headers-cloud-amd64")
    assert computer.exec("uname -r").stdout.strip() == old
    computer.reboot()
    new = computer.exec("uname -r").stdout.strip()
    assert new != old
    assert computer.exec("dkms status").stdout.strip() == f"nvidia/580.95.05, {new}, x86_64: installed"
    assert computer.exec("basename $(readlink /sys/bus/pci/devices/*/driver)").stdout.strip() == "nouveau"
    assert "No such device" in computer.exec("modprobe nvidia", check=False).stderr

    computer.exec("echo 'blacklist nouveau' >/etc/modprobe.d/none.conf && update-initramfs -u")
    computer.reboot()
    assert computer.exec("modinfo -F version nvidia").stdout.strip() == "580.95.05"
    assert "Open Kernel Module for x86_64  580.95.05 " in computer.exec("cat /proc/driver/nvidia/version").stdout
    assert "GPU 0: Tesla T4 (UUID: GPU-" in computer.exec("nvidia-smi -L").stdout
    query = "nvidia-smi --query-gpu=name,memory.total,compute_cap --format=csv,noheader,nounits"
    assert computer.exec(query).stdout.strip() == "Tesla T4, 15360, 7.5"
    assert computer.exec(CUDA).stdout.strip() == "0"

    apt(computer, "remove nvidia-driver-pinning-580")
    apt(computer, "install nvidia-open")
    mismatch = computer.exec("nvidia-smi", check=False)
    assert (mismatch.returncode, mismatch.stdout.splitlines()[0]) == (
        18,
        "Failed to initialize NVML: Driver/library version mismatch",
    )
    assert computer.exec(CUDA).stdout.strip() == "803"


def test_what_a_driver_is_refused_for(computers: Callable[..., TestComputer]) -> None:
    """A build that fails, a signature that is missing, a module of the wrong kind, switches without their manager."""
    computer = computers("gpu-bookworm", hardware=Hardware(cards=("V100", "V100"), secure_boot=True))
    apt(computer, "update")
    add_repository(computer)
    apt(computer, "install linux-headers-cloud-amd64 nvidia-driver-pinning-580")
    computer.fault("dkms-build")
    failed = apt(computer, "install nvidia-open", check=False)
    assert "Error! Bad return status for module build on kernel" in failed
    assert "post-installation script subprocess returned error exit status 10" in failed
    computer.fault("dkms-build", mended=True)
    computer.exec("dpkg --configure -a")
    assert "Key was rejected by service" in computer.exec("modprobe nvidia", check=False).stderr

    computer.exec("echo 0 >/var/lib/testbed/hardware/secure-boot")
    computer.reboot()
    assert "No such device" in computer.exec("modprobe nvidia", check=False).stderr
    assert "is not supported by open nvidia.ko" in computer.exec("dmesg").stdout
    apt(computer, "install cuda-drivers")
    computer.exec("modprobe nvidia")
    assert computer.exec("nvidia-smi -L | wc -l").stdout.strip() == "2"

    computer.exec(
        "echo '0000:00:09.0 10de 22a3 0000 068000 - 0 0 both 450 999 NVSwitch' >>/var/lib/testbed/hardware/cards"
    )
    computer.reboot()
    assert computer.exec(CUDA).stdout.strip() == "802"
    apt(computer, "install nvidia-fabricmanager")
    computer.fault("fabric")
    assert computer.exec("systemctl start nvidia-fabricmanager", check=False).returncode == 1
    computer.fault("fabric", mended=True)
    computer.exec("systemctl start nvidia-fabricmanager")
    assert computer.exec(CUDA).stdout.strip() == "0"
