"""One authenticated SSH connection: made with a pinned host key, watched, and opened channels on."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import paramiko
from paramiko import common
from paramiko.channel import Channel
from paramiko.message import Message

from ez.errors import HostKeyError, HostUnreachableError, LinkLostError
from ez.ssh.hostkeys import fingerprint, key_blob
from ez.ssh.login import login
from ez.ssh.resolve import Resolved
from ez.ssh.translate import connecting, link_lost
from ez.ssh.transport import Transport
from ez.ssh.wire import PING, Wire, dial, dial_through

WINDOW = 8 * 1024 * 1024
"""Bytes that a channel takes in advance: 64 Mbit/s at a round trip of one second."""

_PACKET = 32 * 1024
_ALGORITHMS = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}

logging.getLogger("paramiko").addHandler(logging.NullHandler())


class Opening:
    """A channel that was asked for. The answer is one round trip away; asking does not wait for it."""

    def __init__(self, transport: paramiko.Transport, channel: Channel, answered: threading.Event) -> None:
        self._transport = transport
        self._channel = channel
        self._answered = answered

    @property
    def usable(self) -> bool:
        """Not refused, closed or lost, as far as is known."""
        return not self._channel.closed and not self._refused()

    def wait(self) -> Channel:
        """The open channel. Raises ChannelException where the server refused it, SSHException when the link is lost."""
        while not self._answered.wait(1) and self._transport.is_active():
            pass
        if self._refused():
            error = self._transport.get_exception()
            raise error if isinstance(error, Exception) else paramiko.SSHException("the channel was not opened")
        return self._channel

    def _refused(self) -> bool:
        opened = self._transport._channels.get(self._channel.get_id())  # type: ignore[attr-defined]
        answered = self._answered.is_set() or not self._transport.is_active()
        return answered and opened is not self._channel


class Link:
    """A logged-in connection to `name`. Thread-safe."""

    def __init__(self, name: str, transport: paramiko.Transport, wire: Wire) -> None:
        self.name = name
        self._transport = transport
        self._wire = wire
        transport.packetizer.set_keepalive(PING, self._ping)

    @property
    def alive(self) -> bool:
        return self._transport.is_active() and not self._wire.ended

    def begin(self, kind: str, *fields: str | int) -> Opening:
        """Ask for a channel of any kind; `fields` are what the kind wants after the usual ones.

        The library itself can only open the kinds it knows, and Unix sockets are not among them
        (OpenSSH's PROTOCOL file, section 2.4).
        """
        if not self.alive:
            raise self.lost()
        channel, answered = self._register()
        message = Message()
        message.add_byte(common.cMSG_CHANNEL_OPEN)
        message.add_string(kind)
        message.add_int(channel.get_id())
        message.add_int(WINDOW)
        message.add_int(_PACKET)
        for field in fields:
            message.add_int(field) if isinstance(field, int) else message.add_string(field)
        self._transport._send_user_message(message)  # type: ignore[attr-defined]
        return Opening(self._transport, channel, answered)

    def lost(self) -> LinkLostError:
        if self._wire.gave_up:
            return link_lost(self.name, "no sign of life")
        return link_lost(self.name, self._wire.complaint() or "closed from the other side")

    def close(self) -> None:
        self._transport.close()
        self._wire.close()

    def _register(self) -> tuple[Channel, threading.Event]:
        """As `Transport.open_channel` does before it sends its message."""
        transport: paramiko.Transport = self._transport
        with transport.lock:
            number = transport._next_channel()  # type: ignore[attr-defined]
            channel = Channel(number)
            answered = transport.channel_events[number] = threading.Event()
            transport._channels.put(number, channel)  # type: ignore[attr-defined]
            transport.channels_seen[number] = True
            channel._set_transport(transport)  # type: ignore[attr-defined]
            channel._set_window(WINDOW, _PACKET)  # type: ignore[attr-defined]
        return channel, answered

    def _ping(self) -> None:
        """Ask for a sign of life; the library's own keepalive wants no reply and so proves nothing."""
        message = Message()
        message.add_byte(common.cMSG_GLOBAL_REQUEST)
        message.add_string("keepalive@openssh.com")
        message.add_boolean(True)
        self._transport._send_user_message(message)  # type: ignore[attr-defined]


def open_link(
    name: str,
    resolved: Resolved,
    host_keys: Sequence[str],
    *,
    environment: Mapping[str, str],
    agent_socket: Path | None,
    timeout: float,
) -> Link:
    """Connect, check the host key against the pinned `host_keys`, and log in.

    Raises HostUnreachableError, HostKeyError or LoginError. No byte of authentication is sent to a host whose key
    is not pinned. `timeout` in seconds counts for each of the TCP connection and the key exchange.
    """
    if not host_keys:
        raise _unknown(name, resolved)
    with connecting(resolved):
        transport, wire = _handshake(resolved, host_keys, environment, timeout)
        try:
            _check_host_key(name, resolved, transport, host_keys)
            login(transport, resolved, agent_socket=agent_socket)
        except BaseException:
            transport.close()
            wire.close()
            raise
    return Link(name, transport, wire)


def read_host_key(resolved: Resolved, *, environment: Mapping[str, str], timeout: float) -> str:
    """The key that a host shows, ed25519 before others; nothing is authenticated. Raises HostUnreachableError."""
    with connecting(resolved):
        transport, wire = _handshake(resolved, (), environment, timeout)
        try:
            return _key_line(transport)
        finally:
            transport.close()
            wire.close()


def _handshake(
    resolved: Resolved, host_keys: Sequence[str], environment: Mapping[str, str], timeout: float
) -> tuple[paramiko.Transport, Wire]:
    wire = _dial(resolved, environment, timeout)
    transport = Transport(wire, window=WINDOW)
    transport.banner_timeout = timeout
    # Ask for the pinned kinds first, but for the others too: a changed key is to be told from an unknown kind.
    options = transport.get_security_options()
    pinned = [name for key in host_keys for name in _ALGORITHMS.get(key.split()[0], (key.split()[0],))]
    wanted = [name for name in pinned if name in options.key_types]
    options.key_types = tuple(dict.fromkeys([*wanted, *options.key_types]))
    started = time.monotonic()
    try:
        transport.start_client(timeout=timeout)
        if time.monotonic() - started >= timeout and not transport.initial_kex_done:
            raise TimeoutError("no answer")
    except BaseException as error:
        transport.close()
        wire.close()
        if isinstance(error, Exception) and wire.complaint():
            message = f"computer cannot be reached: `{resolved.target}` ({wire.complaint()})"
            raise HostUnreachableError(message, f"ssh -v {resolved.arguments}") from error
        raise
    return transport, wire


def _dial(resolved: Resolved, environment: Mapping[str, str], timeout: float) -> Wire:
    if resolved.proxy:
        return dial_through(resolved.proxy, environment)
    return dial(resolved.host, resolved.port, timeout)


def _check_host_key(name: str, resolved: Resolved, transport: paramiko.Transport, host_keys: Sequence[str]) -> None:
    shown = _key_line(transport)
    if key_blob(shown) in {key_blob(key) for key in host_keys}:
        return
    expected = ", ".join(fingerprint(key) for key in host_keys)
    raise HostKeyError(
        f"host key is not the pinned one: `{resolved.target}` shows {fingerprint(shown)}, pinned is {expected}; "
        "the machine was reinstalled or replaced, or somebody listens in between",
        f"if you know why it changed: `ez compute add {name} {_destination(resolved)} --update-key`",
    )


def _unknown(name: str, resolved: Resolved) -> HostKeyError:
    return HostKeyError(f"host key is unknown: `{resolved.target}`", f"ez compute add {name} {_destination(resolved)}")


def _destination(resolved: Resolved) -> str:
    return f"{resolved.user}@{resolved.alias}" + (f":{resolved.port}" if resolved.port != 22 else "")


def _key_line(transport: paramiko.Transport) -> str:
    key = transport.get_remote_server_key()
    return f"{key.get_name()} {key.get_base64()}"
