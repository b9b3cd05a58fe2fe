"""Servers of files, real ones, that computers of the testbed reach at this machine's address on their bridge."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.testbed.shell import run

SMB_USER, SMB_PASSWORD = "nobody", "hunter2%(x)s;'$y"
"""A user that every Debian has. The password has what configuration files and shells trip over."""

KEY_ID, KEY_SECRET = "AKIAEZEXAMPLE", "s3cret/+key=value"

DAV_USER, DAV_PASSWORD = "ann", "dav-pass/word"

_CONFIG = """\
[global]
    server role = standalone server
    interfaces = {host}
    bind interfaces only = yes
    smb ports = {port}
    disable netbios = yes
    load printers = no
    passdb backend = tdbsam
    log file = {folder}/log
    private dir = {folder}
    lock directory = {folder}
    state directory = {folder}
    cache directory = {folder}
    pid directory = {folder}
    ncalrpc dir = {folder}/ncalrpc
[team]
    path = {files}
    read only = no
    force user = root
"""

_NFS_CONFIG = """\
NFS_CORE_PARAM { NFS_Port = %(port)s; Bind_addr = %(host)s; Protocols = 4; Enable_NLM = false; Enable_RQUOTA = false; }
NFSv4 { Graceless = true; RecoveryBackend = fs; RecoveryRoot = %(folder)s; Only_Numeric_Owners = true; }
EXPORT {
    Export_Id = 1; Path = %(files)s; Pseudo = /team; Access_Type = RW; Squash = No_Root_Squash;
    Protocols = 4; Transports = TCP; SecType = sys; FSAL { Name = VFS; }
}
"""


@dataclass
class Server:
    """A program that listens at `host` and `port`; its files are in `folder`."""

    command: Sequence[str]
    host: str
    port: int
    folder: Path
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        nowhere = subprocess.DEVNULL
        self.process = subprocess.Popen(
            self.command, stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                socket.create_connection((self.host, self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"{self.command[0]} does not answer")

    def stop(self) -> None:
        """With all of its children, as a machine that is switched off."""
        if self.process is not None:
            run("kill", "-9", "--", f"-{self.process.pid}", check=False)
            self.process.wait(10)
            self.process = None


def samba(folder: Path, host: str) -> Server:
    """An SMB server with the share `team`, whose files are `folder`/files."""
    files, port, config = folder / "files", free_port(host), folder / "smb.conf"
    for path in (files, folder / "ncalrpc"):
        path.mkdir(parents=True)
    config.write_text(_CONFIG.format(host=host, port=port, folder=folder, files=files))
    told = f"{SMB_PASSWORD}\n{SMB_PASSWORD}\n"
    run("smbpasswd", "-c", str(config), "-s", "-a", SMB_USER, stdin=told)
    command = ["/usr/sbin/smbd", "-F", "--no-process-group", "-s", str(config)]
    return Server(command, host, port, files)


def nfs_server(folder: Path, host: str) -> Server:
    """An NFS server in user space, NFS-Ganesha, with the export `/team`, whose files are `folder`/files."""
    files, port, config = folder / "files", free_port(host), folder / "ganesha.conf"
    files.mkdir(parents=True)
    config.write_text(_NFS_CONFIG % {"host": host, "port": port, "folder": folder, "files": files})
    command = ["ganesha.nfsd", "-F", "-f", str(config), "-L", str(folder / "log"), "-p", str(folder / "pid")]
    return Server(command, host, port, files)


def object_store(host: str, folder: Path) -> Server:
    """Amazon's API by moto; it believes every key."""
    port = free_port(host)
    return Server([sys.executable, "-m", "moto.server", "-H", host, "-p", str(port)], host, port, folder)


def webdav(folder: Path, host: str) -> Server:
    """A WebDAV server, rclone's own, that knows DAV_USER; what rclone serves it speaks."""
    folder.mkdir(parents=True)
    port = free_port(host)
    command = ["sh", "-c", 'RCLONE_USER=$1 RCLONE_PASS=$2 exec rclone serve webdav "$3" --addr "$4"', "sh"]
    return Server([*command, DAV_USER, DAV_PASSWORD, str(folder), f"{host}:{port}"], host, port, folder)


def free_port(host: str) -> int:
    with socket.socket() as listener:
        listener.bind((host, 0))
        return int(listener.getsockname()[1])
