"""How a container becomes a machine that boots, restarts and can be switched off."""

from pathlib import Path

from .archive import Entry
from .docker import docker
from .shell import TestbedError, greets, wait_until

BOOT_COMMAND = "/usr/lib/testbed/switch-on"
"""What a computer's container runs; it ends in systemd."""

_BOOT_TIMEOUT = 60
_MARK_RESTART = "[Service]\nType=oneshot\nExecStart=/bin/touch /run/testbed/restarts\n"
_MACHINE = Path(__file__).parent / "machine"


def machine_flags() -> list[str]:
    """What systemd and a nested engine need, short of --privileged (which wants SYS_RESOURCE).

    A computer that restarts itself ends with an error code, and Docker starts it again.
    """
    flags = [
        "--cap-add=ALL", "--cap-drop=SYS_RESOURCE", "--restart=on-failure",
        *(f"--security-opt={part}=unconfined" for part in ("seccomp", "apparmor", "systempaths")),
        "--cgroupns=host", "--volume=/sys/fs/cgroup:/sys/fs/cgroup",
        "--env=container=docker", "--env=SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1",
        "--tmpfs=/run:exec", "--tmpfs=/tmp:exec",
    ]  # fmt: skip
    return [*flags, "--device=/dev/fuse"] if Path("/dev/fuse").exists() else flags


def boot_files() -> list[Entry]:
    """What is on a computer's disk before its first start: the programs of its power switch and its name servers.

    Those are the host's own: a nested engine would drop the bridge's resolver (on loopback).
    """
    return [
        Entry("usr/lib/testbed", None, 0o755),
        Entry("usr/lib/testbed/switch-on", (_MACHINE / "switch-on.sh").read_bytes(), 0o755),
        Entry("usr/lib/systemd/system-shutdown/testbed", (_MACHINE / "switch-off.sh").read_bytes(), 0o755),
        Entry("etc/systemd/system/systemd-reboot.service.d", None, 0o755),
        Entry("etc/systemd/system/systemd-reboot.service.d/testbed.conf", _MARK_RESTART),
        Entry("var/lib/testbed", None, 0o755),
        Entry("var/lib/testbed/resolv.conf", _name_servers()),
    ]


def boot_id(container: str) -> str:
    """Which boot of its this is; empty while it is switched off or has not come so far."""
    return docker("exec", container, "cat", "/run/testbed/boot_id", check=False).stdout.strip()


def wait_for_boot(container: str, host: str, port: int, before: str = "") -> None:
    """Return when the machine takes logins and its services have started, in another boot than `before`.

    TestbedError after a minute.
    """
    wait_until(lambda: boot_id(container) not in ("", before), f"{container[:12]} has started", _BOOT_TIMEOUT)
    wait_until(lambda: greets(host, port), f"sshd greets at {host}:{port}", _BOOT_TIMEOUT)
    # While /run/nologin is there, sshd takes keys and then says that the system is booting up.
    booted = docker("exec", container, "systemctl", "is-system-running", "--wait", timeout=_BOOT_TIMEOUT, check=False)
    if booted.stdout.strip() not in ("running", "degraded"):
        raise TestbedError(f"systemd in {container[:12]} is {booted.stdout.strip() or booted.stderr.strip()}")


def _name_servers() -> str:
    for path in (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf")):
        if path.exists():
            servers = [line for line in path.read_text().splitlines() if line.startswith("nameserver ")]
            if usable := [line for line in servers if not line.split()[1].startswith("127.")]:
                return "\n".join(usable) + "\n"
    raise TestbedError("no name server in /etc/resolv.conf that a container could reach")
