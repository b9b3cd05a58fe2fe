"""Ports forwarded by this process, without a keeper, until it is interrupted."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from ez.env.link.connection import Connection
from ez.env.link.service import Keep
from ez.env.ports.forwards import Forward
from ez.env.ports.service import PortService
from ez.env.ports.wanted import Wanted, write_wanted
from ez.errors import HostUnreachableError, LinkLostError

_LONGEST_PAUSE = 15.0


def hold_open(
    keep: Keep,
    asked: Mapping[int, int],
    known: Wanted,
    *,
    tell: Callable[[Forward], None],
    say: Callable[[str], None],
) -> None:
    """Forward the ports `asked`, or each that a program opens where none is; connect again after each loss.

    `known` are ports that need nothing. `tell` gets each forward, `say` what the person is to read. Raises EzError
    where a port here is taken, HostUnreachableError where the environment cannot be entered at first.
    """
    write_wanted(keep.records, replace(known, asked={}))
    service = PortService(keep, follows=not asked, tell=tell)
    try:
        for port, here in asked.items():
            tell(service.want(port, here))
        _hold(service, keep, say)
    finally:
        service.close()


def _hold(service: PortService, keep: Keep, say: Callable[[str], None]) -> None:
    pause, is_first = 0.5, True
    while True:
        try:
            connection = Connection.open(keep)
        except LinkLostError as error:
            if is_first:
                raise HostUnreachableError(error.message, error.hint) from error
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            continue
        try:
            service.connected(connection)
            pause, is_first = 0.5, False
            while not connection.is_lost(5.0):
                pass
            say("the connection is lost; the ports stay, and ez makes it again")
        finally:
            service.lost()
            connection.close()
