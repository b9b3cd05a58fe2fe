"""Machines that the person has: added by name, forgotten by name, never started or stopped."""

from __future__ import annotations

import re

from ez.errors import UsageError
from ez.events import Sink
from ez.models import Computer, SshEndpoint
from ez.names import check_name, shown
from ez.providers.base import Provider
from ez.providers.local import NAME as LOCAL

_ADDRESS = re.compile(
    r"(?:ssh://)?(?:(?P<user>.+)@)?(?:\[(?P<literal>[0-9A-Fa-f:.]+(?:%\w+)?)\]|(?P<host>[^:@\[\]/]+))(?::(?P<port>\d{1,5}))?/?",
    re.ASCII,
)
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]*\$?", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?", re.ASCII)
_FORM = "write it as `USER@HOST` or `USER@HOST:PORT`"


class OwnMachines(Provider):
    """The machines that `ez compute add` put into the index."""

    key = "byo"

    def add(self, name: str, endpoint: SshEndpoint) -> Computer:
        """Remember a machine, or its new address; `endpoint` has the host keys that the person confirmed.

        Raises UsageError for a name that cannot be used.
        """
        check_name("computer", name)
        if name == LOCAL:
            raise UsageError("`local` is this computer", "choose another name")
        with self.state.transaction():
            present = self.state.computer(name)
            if present and present.provider != "byo":
                raise UsageError(f"`{name}` is a computer of {present.provider}", "choose another name")
            computer = Computer(name, "byo", endpoint)
            self.state.save_computer(computer)
        return computer

    def delete(self, name: str, sink: Sink) -> None:
        """Forget it, and the environments on it; nothing on it is touched."""
        if self.find(name):
            self.state.delete_computer(name)


def parse_address(text: str, identity: str | None = None) -> SshEndpoint:
    """`[ssh://][USER@]HOST[:PORT]`, IPv6 addresses in brackets. Raises UsageError, also for a port out of range."""
    parts = _ADDRESS.fullmatch(text)
    if not parts or len(text) > 320:
        raise UsageError(f"not the address of a machine: `{shown(text)}`", _FORM)
    user, host, port = parts["user"], parts["literal"] or parts["host"], int(parts["port"] or 22)
    if user is not None and not _USER.fullmatch(user):
        raise UsageError(f"not a user name: `{shown(user)}`", _FORM)
    if not parts["literal"] and not _HOST.fullmatch(host):
        raise UsageError(f"not a host name: `{shown(host)}`", _FORM)
    if not 1 <= port <= 65535:
        raise UsageError(f"not a port: `{port}`", "use a port from 1 to 65535")
    return SshEndpoint(host, port, user, identity)
