"""The peer: `ansible-playbook` from PyPI, with a playbook that does to a machine what `ez compute prepare` does.

Its fastest settings: pipelining, kept connections, no facts that nobody reads, all machines at once. A machine needs
Python for it, which the playbook installs first.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scripts.benchmarks._person import REPOSITORY, Person
from tests.testbed import TestComputer

VERSION = "2.19.14"
_PLACE = REPOSITORY / ".testbed" / f"ansible-{VERSION}"
_INSTALL_PYTHON = "apt-get update -q && apt-get install -y -q --no-install-recommends python3 python3-apt"
_PYTHON = f"test -x /usr/bin/python3 || ({_INSTALL_PYTHON})"
_SETTINGS = {
    "log-driver": "json-file",
    "log-opts": {"max-size": "50m", "max-file": "3"},
    "builder": {"gc": {"enabled": True, "defaultKeepStorage": "20GB"}},
}
_TASKS: list[dict[str, Any]] = [
    {"name": "Python", "raw": _PYTHON, "changed_when": False},
    {
        "name": "packages",
        "apt": {"name": ["git", "docker.io", "iptables"], "update_cache": True, "cache_valid_time": 3600},
    },
    {"name": "the engine's settings", "slurp": {"src": "/etc/docker/daemon.json"}, "register": "settings"},
    {
        "name": "the engine's settings, merged",
        "copy": {
            "dest": "/etc/docker/daemon.json",
            "content": "{{ settings.content | b64decode | from_json | combine(wanted) | to_nice_json }}",
            "mode": "0644",
            "backup": True,
        },
        "notify": "restart",
    },
    {"name": "the service", "systemd": {"name": "docker", "state": "started", "enabled": True}},
    {
        "name": "the group",
        "user": {"name": "{{ ansible_user }}", "groups": "docker", "append": True},
        "register": "group",
    },
    {"meta": "flush_handlers"},
    {"name": "log in again", "meta": "reset_connection", "when": "group is changed"},
    {
        "name": "it works",
        "command": "docker info --format {{ '{{.ServerVersion}}' }}",
        "become": False,
        "changed_when": False,
    },
]
_PLAY = {
    "hosts": "all",
    "gather_facts": False,
    "become": True,
    "vars": {"wanted": _SETTINGS},
    "module_defaults": {"apt": {"install_recommends": False}},
    "tasks": _TASKS,
    "handlers": [{"name": "restart", "systemd": {"name": "docker", "state": "restarted"}}],
}


@dataclass(frozen=True)
class Ansible:
    """The `ansible-playbook` command of `person`."""

    person: Person
    command: str

    def __call__(self, computers: Sequence[TestComputer]) -> float:
        """Seconds of one command line that makes all `computers` ready."""
        inventory = self.person.home / "inventory.ini"
        inventory.write_text(
            "".join(
                f"box{one.number} ansible_host={one.host} ansible_user={one.user}"
                f" ansible_ssh_private_key_file={one.identity_file} ansible_python_interpreter=/usr/bin/python3"
                f" ansible_ssh_common_args='-F none -o UserKnownHostsFile={one.known_hosts}"
                " -o ControlMaster=auto -o ControlPersist=60s -o IdentitiesOnly=yes'\n"
                for one in computers
            )
        )
        play = self.person.home / "playbook.yml"
        return self.person.seconds(self.command, "--inventory", str(inventory), "--forks", "10", str(play))


def ansible(person: Person) -> Ansible:
    """Have it installed, and its playbook written."""
    command = _PLACE / "bin" / "ansible-playbook"
    if not command.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(_PLACE)], check=True)
        pip = [str(_PLACE / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, f"ansible-core=={VERSION}"], check=True)
    # JSON is YAML.
    (person.home / "playbook.yml").write_text(json.dumps([_PLAY], indent=2))
    (person.home / ".ansible.cfg").write_text(
        "[defaults]\ngathering = explicit\nretry_files_enabled = False\n[ssh_connection]\npipelining = True\n"
    )
    return Ansible(Person(person.home, {**person.environment, "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8"}), str(command))
