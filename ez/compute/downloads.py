"""Files that make a computer's installer and engine download the way the settings say."""

from __future__ import annotations

import re

from ez.compute.facts import OperatingSystem
from ez.models import Network

SETTINGS_FOLDER = "/var/lib/ez/prepare/settings"
"""Where the settings of a running job lie on the computer."""

_COMPONENTS = {"debian": "main", "ubuntu": "main restricted universe multiverse"}


def package_settings(system: OperatingSystem, need: Network) -> tuple[tuple[str, str], ...]:
    """apt's configuration for one job: proxies, and a mirror in place of the machine's own sources."""
    lines = []
    for scheme, proxy in (("http", need.http_proxy), ("https", need.https_proxy)):
        if proxy:
            lines.append(f'Acquire::{scheme}::Proxy "{_quoted(proxy)}";')
            lines += [f'Acquire::{scheme}::Proxy::{host} "DIRECT";' for host in _direct_hosts(need.no_proxy)]
    sources = _sources(system, dict(need.mirrors).get(f"apt.{system.id}", ""))
    if sources:
        # Lists of the machine's own sources are left as they are (apt.conf(5), List-Cleanup).
        lines += [
            f'Dir::Etc::sourcelist "{SETTINGS_FOLDER}/sources.list";',
            f'Dir::Etc::sourceparts "{SETTINGS_FOLDER}/sources.d";',
            'APT::Get::List-Cleanup "0";',
        ]
    if not lines:
        return ()
    files = [("apt.conf", "\n".join(lines) + "\n")]
    return (*files, ("sources.list", sources), ("sources.d/README", "")) if sources else tuple(files)


def proxy_settings(need: Network) -> tuple[tuple[str, str], ...]:
    """A systemd drop-in for the engine (systemd.exec(5): `%` is doubled, quotes and backslashes are escaped)."""
    if not (need.http_proxy or need.https_proxy):
        return ()
    lines = ["[Service]"]
    values = {"HTTP_PROXY": need.http_proxy, "HTTPS_PROXY": need.https_proxy, "NO_PROXY": need.no_proxy}
    for key, value in values.items():
        if value:
            escaped = re.sub(r'(["\\])', r"\\\1", _one_line(value)).replace("%", "%%")
            lines.append(f'Environment="{key}={escaped}"')
    return (("proxy.conf", "\n".join(lines) + "\n"),)


def _sources(system: OperatingSystem, mirror: str) -> str:
    if not mirror or system.id not in _COMPONENTS or not system.codename:
        return ""
    keyring = f"/usr/share/keyrings/{system.id}-archive-keyring.gpg"
    suites = (system.codename, f"{system.codename}-updates")
    line = f"deb [signed-by={keyring}] {_one_line(mirror)}"
    return "".join(f"{line} {suite} {_COMPONENTS[system.id]}\n" for suite in suites)


def _direct_hosts(no_proxy: str) -> list[str]:
    return [host for host in re.split(r"[\s,]+", no_proxy) if re.fullmatch(r"[\w.-]+", host, re.ASCII)]


def _quoted(value: str) -> str:
    """apt.conf(5) has no escape for a quote, and no proxy address needs one."""
    return _one_line(value).replace('"', "%22")


def _one_line(value: str) -> str:
    return "".join(value.split())
