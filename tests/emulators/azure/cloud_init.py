"""What cloud-init makes of the document that a machine was given: the part of it that is used here, as shell programs.

A first one runs before sshd starts (users, keys, host keys, files), a second one when the machine is up (packages,
commands), as cloud-init's stages do. `cloud-init status --wait` is there too.
"""

from __future__ import annotations

import base64
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.testbed.archive import Entry

DONE = frozenset(
    (
        "users",
        "ssh_authorized_keys",
        "ssh_keys",
        "ssh_deletekeys",
        "write_files",
        "packages",
        "package_update",
        "runcmd",
    )
)
TAKEN = frozenset(("disable_root", "ssh_pwauth", "growpart", "resize_rootfs", "preserve_hostname", "package_upgrade"))
"""What is as these say already, or makes no difference on a computer of the testbed."""

_UNITS = ("cloud-init.service", "cloud-final.service", "azure-network.service")
_GUEST = Path(__file__).parent / "guest"
_HOME = "/var/lib/cloud/instance"


@dataclass(frozen=True)
class FirstBoot:
    """The two programs, and the keys of the document that nobody here knows."""

    init: str
    final: str
    unknown: tuple[str, ...]


def understand(document: bytes, user: str, keys: Sequence[str]) -> FirstBoot:
    """`user` and `keys` are those of the machine's profile, for a document that says nothing of users.

    A shell script is run at the end. What is neither that nor #cloud-config is left alone, as cloud-init does.
    """
    text = document.decode()
    if text.startswith("#!"):
        return FirstBoot(_init({}, user, keys), _run_script(text), ())
    wanted = yaml.safe_load(text) if text.startswith("#cloud-config") else {"": ""} if text.strip() else {}
    if not isinstance(wanted, dict):
        wanted = {"": ""}
    unknown = tuple(sorted(set(wanted) - DONE - TAKEN))
    return FirstBoot(_init(wanted, user, keys), _final(wanted), unknown)


def entries(boot: FirstBoot) -> list[Entry]:
    """What is on the machine's disk before it boots for the first time."""
    found = [Entry("var/lib/cloud", None, 0o755), Entry("var/lib/cloud/instance", None, 0o755)]
    found += [Entry("var/lib/cloud/instance/init", boot.init, 0o700)]
    found += [Entry("var/lib/cloud/instance/final", boot.final, 0o700)]
    found += [Entry("usr/bin/cloud-init", (_GUEST / "cloud-init.sh").read_bytes(), 0o755)]
    units = "etc/systemd/system"
    for unit in _UNITS:
        found.append(Entry(f"{units}/{unit}", (_GUEST / unit).read_bytes()))
    wants = f"[Unit]\nWants={' '.join(_UNITS)}\n"
    found += [
        Entry(f"{units}/multi-user.target.d", None, 0o755),
        Entry(f"{units}/multi-user.target.d/cloud.conf", wants),
    ]
    return found


def _init(wanted: dict[str, Any], user: str, keys: Sequence[str]) -> str:
    lines = ["userdel --remove dev 2>/dev/null"]
    keys = [*keys, *wanted.get("ssh_authorized_keys", ())]
    usual = {"name": user, "sudo": "ALL=(ALL) NOPASSWD:ALL", "shell": "/bin/bash", "ssh_authorized_keys": keys}
    for one in wanted.get("users", ["default"]):
        lines += _user(usual if one == "default" else {"name": one} if isinstance(one, str) else one)
    lines += _host_keys(wanted.get("ssh_keys") or {})
    for file in wanted.get("write_files", ()):
        lines += _file(file)
    return _program(lines)


def _user(one: dict[str, Any]) -> list[str]:
    name = _quoted(one["name"])
    groups = one.get("groups", [])
    groups = groups.split(",") if isinstance(groups, str) else groups
    flags = ["--create-home", "--shell", _quoted(one.get("shell", "/bin/sh"))]
    flags += ["--groups", _quoted(",".join(group.strip() for group in groups))] if groups else []
    lines = [f"useradd {' '.join(flags)} {name} || exit 1"]
    if sudo := one.get("sudo"):
        rules = [sudo] if isinstance(sudo, str) else sudo
        text = "".join(f"{one['name']} {rule}\n" for rule in rules)
        lines += _file(
            {"path": "/etc/sudoers.d/90-cloud-init-users", "content": text, "permissions": "0440", "append": True}
        )
    if keys := one.get("ssh_authorized_keys"):
        path = f"/home/{one['name']}/.ssh/authorized_keys"
        lines += _file({"path": path, "content": "".join(f"{key}\n" for key in keys), "permissions": "0600"})
        folder = _quoted(f"/home/{one['name']}/.ssh")
        lines += [f"chmod 700 {folder}; chown -R {name}: {folder}"]
    return lines


def _host_keys(keys: dict[str, str]) -> list[str]:
    """Those of the document, else one made here."""
    lines = ["rm -f /etc/ssh/ssh_host_*"]
    for name, text in keys.items():
        kind, _, half = name.rpartition("_")
        path = f"/etc/ssh/ssh_host_{kind}_key{'.pub' if half == 'public' else ''}"
        lines += _file(
            {"path": path, "content": text.rstrip() + "\n", "permissions": "0600" if half == "private" else "0644"}
        )
    return lines if keys else [*lines, "ssh-keygen -q -A"]


def _file(one: dict[str, Any]) -> list[str]:
    path, content = str(one["path"]), one.get("content", "")
    encoding = str(one.get("encoding", ""))
    data = base64.b64decode(content) if encoding in ("b64", "base64") else str(content).encode()
    into = ">>" if one.get("append") else ">"
    target = _quoted(path)
    return [
        f"mkdir -p {_quoted(str(Path(path).parent))}",
        f"echo {base64.b64encode(data).decode()} | base64 -d {into}{target} || exit 1",
        f"chmod {one.get('permissions', '0644')} {target}",
        *([f"chown {_quoted(str(one['owner']))} {target}"] if "owner" in one else []),
    ]


def _final(wanted: dict[str, Any]) -> str:
    lines = []
    packages = wanted.get("packages") or []
    if wanted.get("package_update") or packages:
        lines.append("apt-get update -q || failed=yes")
    if packages:
        names = " ".join(_quoted(str(one)) for one in packages)
        lines.append(f"DEBIAN_FRONTEND=noninteractive apt-get install -q -y {names} || failed=yes")
    for command in wanted.get("runcmd") or []:
        text = command if isinstance(command, str) else " ".join(_quoted(str(word)) for word in command)
        lines.append(f"sh -c {_quoted(text)} || failed=yes")
    return _program([*lines, *_finished()])


def _run_script(text: str) -> str:
    lines = [
        *_file({"path": f"{_HOME}/script", "content": text, "permissions": "0700"}),
        f"{_HOME}/script || failed=yes",
    ]
    return _program([*lines, *_finished()])


def _finished() -> list[str]:
    return [f'echo "${{failed:-no}}" >{_HOME}/boot-finished']


def _program(lines: Sequence[str]) -> str:
    return "\n".join(["#!/bin/sh", "export PATH=/usr/sbin:/usr/bin:/sbin:/bin", *lines, ""])


def _quoted(text: str) -> str:
    return shlex.quote(text)
