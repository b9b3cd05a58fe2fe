"""The one table from the errors of paramiko and the socket layer to ours.

A row has two columns: what the error means while a connection is being made, and what it means afterwards.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from paramiko import buffered_pipe, hostkeys, packet, pkey, ssh_exception

from ez.errors import EzError, HostError, HostKeyError, HostUnreachableError, LinkLostError, LoginError
from ez.ssh.resolve import Resolved


@dataclass(frozen=True)
class Row:
    connecting: type[HostError]
    connected: type[HostError]
    reason: str = ""
    """Said instead of the library's own text, which it adds nothing to."""


_NO_PATH = Row(HostUnreachableError, LinkLostError)
_NO_LOGIN = Row(LoginError, LoginError)

TABLE: dict[type[BaseException], Row] = {
    ssh_exception.BadHostKeyException: Row(HostKeyError, HostKeyError, "the host key is not the expected one"),
    hostkeys.InvalidHostKey: Row(HostKeyError, HostKeyError, "a pinned host key cannot be read"),
    ssh_exception.PasswordRequiredException: Row(LoginError, LoginError, "the key has a passphrase"),
    ssh_exception.BadAuthenticationType: Row(LoginError, LoginError, "it does not take public keys"),
    ssh_exception.PartialAuthentication: Row(LoginError, LoginError, "it wants more than a public key"),
    ssh_exception.UnableToAuthenticate: _NO_LOGIN,
    ssh_exception.AuthenticationException: _NO_LOGIN,
    pkey.UnknownKeyType: Row(LoginError, LoginError, "the key is of an unknown type"),
    ssh_exception.ChannelException: Row(HostError, HostError, "the SSH server refused a channel"),
    ssh_exception.IncompatiblePeer: Row(HostUnreachableError, LinkLostError, "no common SSH algorithm"),
    ssh_exception.MessageOrderError: Row(HostUnreachableError, LinkLostError, "SSH packets out of order"),
    ssh_exception.ProxyCommandFailure: Row(HostUnreachableError, LinkLostError, "the proxy command failed"),
    ssh_exception.CouldNotCanonicalize: _NO_PATH,
    ssh_exception.ConfigParseError: Row(HostError, HostError),
    ssh_exception.NoValidConnectionsError: _NO_PATH,
    ssh_exception.SSHException: _NO_PATH,
    packet.NeedRekeyException: _NO_PATH,
    buffered_pipe.PipeTimeout: Row(HostUnreachableError, LinkLostError, "no answer"),
    socket.gaierror: Row(HostUnreachableError, LinkLostError, "no such address"),
    TimeoutError: Row(HostUnreachableError, LinkLostError, "no answer"),
    ConnectionRefusedError: Row(HostUnreachableError, LinkLostError, "connection refused"),
    ConnectionResetError: Row(HostUnreachableError, LinkLostError, "connection reset"),
    OSError: _NO_PATH,
    EOFError: Row(HostUnreachableError, LinkLostError, "the connection was closed"),
}


@contextmanager
def connecting(resolved: Resolved) -> Iterator[None]:
    """Errors of the library on the way to a host leave as HostUnreachableError, HostKeyError or LoginError."""
    try:
        yield
    except EzError:
        raise
    except tuple(TABLE) as error:
        row = _row(error)
        message = f"{_WHILE_CONNECTING[row.connecting]}: `{resolved.target}` ({_reason(row, error)})"
        raise row.connecting(message, f"ssh -v {resolved.arguments}") from error


@contextmanager
def connected(name: str) -> Iterator[None]:
    """Errors of the library on a connection that was made leave as LinkLostError or HostError."""
    try:
        yield
    except EzError:
        raise
    except tuple(TABLE) as error:
        row = _row(error)
        if row.connected is LinkLostError:
            raise link_lost(name, _reason(row, error)) from error
        raise row.connected(f"SSH connection failed: `{name}` ({_reason(row, error)})") from error


def link_lost(name: str, reason: str) -> LinkLostError:
    return LinkLostError(f"connection lost: `{name}` ({reason})", "run the same command again; it goes on from here")


_WHILE_CONNECTING: dict[type[HostError], str] = {
    HostUnreachableError: "computer cannot be reached",
    HostKeyError: "host key refused",
    LoginError: "login refused",
    HostError: "SSH connection failed",
}


def _row(error: BaseException) -> Row:
    return next(TABLE[kind] for kind in type(error).__mro__ if kind in TABLE)


def _reason(row: Row, error: BaseException) -> str:
    if row.reason:
        return row.reason
    return (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__
