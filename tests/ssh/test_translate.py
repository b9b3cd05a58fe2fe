"""No error of the library leaves the room."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import paramiko
import pytest

from ez.errors import HostError, HostKeyError, LinkLostError, LoginError
from ez.ssh.resolve import Resolved
from ez.ssh.translate import TABLE, connected, connecting

NEVER_RAISED_HERE = {
    "BERException": "old key formats are read by cryptography, whose errors `login` takes for no key",
    "SFTPError": "files travel by commands, not by sftp",
    "AuthFailure": "belongs to SSHClient's strategies, which are not used",
    "WindowsError": "Windows only",
}
DESTINATION = Resolved("box", "box", 22, "me", (), False, "", "", (), "", "box", ())


def exceptions() -> list[type[BaseException]]:
    """Every exception class that paramiko defines."""
    found = []
    for info in pkgutil.iter_modules(paramiko.__path__):
        if info.name in ("_winapi", "win_openssh", "win_pageant"):
            continue
        module = importlib.import_module(f"paramiko.{info.name}")
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if issubclass(kind, BaseException) and kind.__module__ == module.__name__:
                found.append(kind)
    return found


def test_every_exception_class_is_in_the_table() -> None:
    classes = exceptions()
    assert len(classes) > 15
    assert [kind for kind in classes if kind not in TABLE and kind.__name__ not in NEVER_RAISED_HERE] == []


@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: kind.__name__)
def test_each_row_gives_a_host_error_with_its_cause(kind: type[BaseException]) -> None:
    error = kind.__new__(kind)
    BaseException.__init__(error, "details")
    for context in (connecting(DESTINATION), connected("box")):
        with pytest.raises(HostError) as caught, context:
            raise error
        assert caught.value.__cause__ is error
        assert "`" in caught.value.message


@pytest.mark.parametrize(
    ("error", "while_connecting", "when_connected"),
    [
        (paramiko.AuthenticationException("no"), LoginError, LoginError),
        (paramiko.BadHostKeyException.__new__(paramiko.BadHostKeyException), HostKeyError, HostKeyError),
        (EOFError(), HostError, LinkLostError),
        (BrokenPipeError(32, "Broken pipe"), HostError, LinkLostError),
    ],
)
def test_subclasses_and_phases(
    error: Exception, while_connecting: type[HostError], when_connected: type[HostError]
) -> None:
    with pytest.raises(while_connecting), connecting(DESTINATION):
        raise error
    with pytest.raises(when_connected), connected("box"):
        raise error
