"""The SSH library's connection, but for one fault of it: a channel's end that comes while keys are exchanged anew."""

from __future__ import annotations

import threading

import paramiko
from paramiko.message import Message

from ez.ssh.wire import Wire


class Transport(paramiko.Transport):
    """The thread that reads also answers the end of a channel, and waits with it until keys are exchanged: which it
    does itself, so that it waits for itself until the connection fails. Here its answers are kept until then.

    Keys are exchanged anew each half gigabyte (paramiko, `Packetizer.REKEY_BYTES`).
    """

    def __init__(self, wire: Wire, *, window: int) -> None:
        """`window`: bytes that a channel takes in advance. Raises SSHException."""
        self._held: list[Message] = []
        super().__init__(wire, default_window_size=window)

    def _send_user_message(self, data: Message) -> None:
        if threading.current_thread() is self and not self.clear_to_send.is_set():
            self._held.append(data)
        else:
            super()._send_user_message(data)  # type: ignore[misc]

    def _parse_newkeys(self, m: Message) -> None:
        super()._parse_newkeys(m)  # type: ignore[misc]
        held, self._held = self._held, []
        for message in held:
            super()._send_user_message(message)  # type: ignore[misc]
