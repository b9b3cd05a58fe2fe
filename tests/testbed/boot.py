"""How a container becomes a machine that boots."""

from pathlib import Path

from .docker import docker
from .shell import TestbedError, greets, wait_until

_BOOT_TIMEOUT = 60


def machine_flags() -> list[str]:
    """What systemd and a nested engine need, short of --privileged (which wants SYS_RESOURCE)."""
    flags = [
        "--cap-add=ALL", "--cap-drop=SYS_RESOURCE",
        *(f"--security-opt={part}=unconfined" for part in ("seccomp", "apparmor", "systempaths")),
        "--cgroupns=host", "--volume=/sys/fs/cgroup:/sys/fs/cgroup",
        "--env=container=docker", "--env=SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1",
        "--tmpfs=/run:exec", "--tmpfs=/tmp:exec",
    ]  # fmt: skip
    return [*flags, "--device=/dev/fuse"] if Path("/dev/fuse").exists() else flags


def switch_on(container: str) -> None:
    """Start it, with the host's own name servers: a nested engine would drop the bridge's resolver (on loopback)."""
    docker("start", container)
    docker("exec", "-i", container, "sh", "-c", "cat >/etc/resolv.conf", stdin=_name_servers())


def wait_for_boot(container: str, host: str, port: int) -> None:
    """Return when the machine takes logins and its services have started; TestbedError after a minute."""
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
