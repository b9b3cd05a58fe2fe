"""A computer with a kernel of its own, which has what this machine's lacks: clients of NFS and of SMB.

It is User Mode Linux, Debian's kernel as a program, and starts in two seconds. Its files are those of this machine,
with memory over them; what it writes is gone with it. A cable leads to this machine and nowhere else.
"""

from __future__ import annotations

import ctypes
import struct
import subprocess
from pathlib import Path
from typing import Self

from .shell import TestbedError, run
from .world import REPOSITORY, World

PROGRAM = "linux.uml"
_FIRST = REPOSITORY / "tests" / "testbed" / "machine" / "boot-kernel.sh"
_PTRACE, _GETREGSET, _INVALID = 101, 0x4204, 22
_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2
_SIMPLE_STRINGS = "GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-AVX,-AVX512F,-AVX512VL,-AVX512BW,-AVX_Fast_Unaligned_Load"
"""It saves no AVX registers, see `_without_large_registers`."""


class KernelComputer:
    """Use it as a context manager. `folder` is seen inside as `/tmp/host`; this machine is at `gateway` there."""

    def __init__(self, world: World, folder: Path) -> None:
        self._folder = folder
        self._cable = f"ez-kernel{world.index}"
        self.gateway, self.address = (f"198.19.{world.index + 1}.{number}" for number in (1, 2))
        self._process: subprocess.Popen[bytes] | None = None
        self._count = 0

    def __enter__(self) -> Self:
        self._unplug()
        run("ip", "tuntap", "add", "dev", self._cable, "mode", "tap")
        run("ip", "address", "add", f"{self.gateway}/30", "dev", self._cable)
        run("ip", "link", "set", self._cable, "up")
        self._process = subprocess.Popen(
            [
                *(PROGRAM, "mem=192M", "quiet", "rootfstype=hostfs", "rootflags=/", "ro", "con=null", "con0=fd:0,fd:1"),
                *(f"vec0:transport=tap,ifname={self._cable},depth=64,gro=1", f"uml_dir={self._folder}/", "umid=kernel"),
                *(_SIMPLE_STRINGS, "init=/bin/sh", "--", str(_FIRST), self.address, str(self._folder)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            preexec_fn=_without_large_registers,
            start_new_session=True,
        )
        self.run("true")
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            run("kill", "-9", "--", f"-{self._process.pid}", check=False)
            self._process.communicate()
        self._unplug()

    def run(self, script: str, *, code: int | None = 0) -> str:
        """What a shell program prints there, as root. Raises TestbedError where it exits with another code."""
        self._count += 1
        (self._folder / "script").write_text(script)
        said = f"ended-{self._count}"
        self._say(f"sh /tmp/host/script >/tmp/host/said 2>&1 </dev/null; echo {said}=$?")
        exited = int(self._await(said))
        told = (self._folder / "said").read_text(errors="replace")
        if code is not None and exited != code:
            raise TestbedError(f"exit {exited} in {PROGRAM}:\n{told}")
        return told

    def _say(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()

    def _await(self, said: str) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        lines = []
        for line in self._process.stdout:
            lines.append(line.decode(errors="replace").strip())
            # Behind the shell's prompt.
            _, _, exited = lines[-1].partition(f"{said}=")
            if exited.isdigit():
                return exited
        raise TestbedError(f"{PROGRAM} ended:\n" + "\n".join(lines[-15:]))

    def _unplug(self) -> None:
        run("ip", "link", "delete", self._cable, check=False)


def _without_large_registers() -> None:
    """It asks for all registers of its processes, and fails where they are more than it knows of (AMX, Linux 6.1). Told
    that nobody has an answer, it takes those of the older question, which are SSE's."""
    words = (
        (0x20, 0, 0, 0),  # the system call's number
        (0x15, 0, 3, _PTRACE),
        (0x20, 0, 0, 16),  # its first argument
        (0x15, 0, 1, _GETREGSET),
        (0x06, 0, 0, 0x00050000 | _INVALID),
        (0x06, 0, 0, 0x7FFF0000),
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *word) for word in words))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(words), ctypes.addressof(code)))
    libc = ctypes.CDLL(None)
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) or libc.prctl(_SECCOMP, _FILTER, program, 0, 0):
        raise OSError("no filter of system calls")
