"""The door at home to what is served inside: an HTTP server on loopback, in front of a unix socket.

Who comes with a ticket, good for once, gets a cookie; who comes with the cookie is let through. Every request, of
whatever method, has to name this door as its host (a page elsewhere that had its name point here does not) and as its
origin, where it names one. What is behind never sees the cookie, and the browser never sees what opens it: both
are changed here.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from html import escape
from pathlib import Path

from ez.env.http import BadRequest, Head, parse_head

TICKET_SECONDS = 120.0
OPEN = "/.ez/open"
_HEAD_SECONDS = 30.0
_CHUNK = 64 * 1024
_DROPPED = ("connection", "keep-alive", "proxy-connection", "forwarded", "x-real-ip", "cookie", "te", "expect")
_FORWARDED = "x-forwarded-"


class Gate:
    """`name` is the environment's, `clock` gives seconds, `host` stands for `NAME.localhost` in addresses. `upstream`
    is the local socket that leads inside; it, the `headers` that open what is there and the page to `start` with may
    change while the gate is open."""

    def __init__(self, name: str, port: int, clock: Callable[[], float] = time.monotonic, host: str = "") -> None:
        self.upstream: Path | None = None
        self.headers: tuple[tuple[str, str], ...] = ()
        self.start = "/"
        self.hint = f"ez env open {name}"
        self.last_used = clock()
        self.connections = 0
        self._clock = clock
        self._hosts = tuple(f"{host}:{port}" for host in (f"{name}.localhost", "localhost", "127.0.0.1", "[::1]"))
        self._shown = f"{host or f'{name}.localhost'}:{port}"
        self._cookie = f"ez-{port}"
        self._secret = secrets.token_urlsafe(32)
        self._tickets: dict[str, float] = {}

    @property
    def origin(self) -> str:
        """The address that people are given."""
        return f"http://{self._shown}"

    def ticket(self) -> str:
        """An address that lets its first visitor in."""
        self._forget_old()
        ticket = secrets.token_urlsafe(24)
        self._tickets[ticket] = self._clock() + TICKET_SECONDS
        return f"{self.origin}{OPEN}?ticket={ticket}"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, which carries one request, or a websocket."""
        self.connections += 1
        try:
            await self._answer(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            pass  # One of the two went away, or never came to the point.
        finally:
            self.connections -= 1
            self.last_used = self._clock()
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = parse_head(await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _HEAD_SECONDS))
        except BadRequest as error:
            await _say(writer, "400 Bad Request", str(error))
            return
        refusal = self._refusal(head)
        if refusal:
            await _say(writer, "403 Forbidden", refusal)
        elif head.target.partition("?")[0] == OPEN:
            await self._let_in(head, writer)
        elif not self._knows(head):
            await _say(writer, "403 Forbidden", f"This needs a new address: run `{self.hint}`.")
        else:
            await self._pass_on(head, reader, writer)

    def _refusal(self, head: Head) -> str:
        host = head.get("host").lower()
        if host not in self._hosts or not head.target.startswith("/") or head.method == "CONNECT":
            return "This is not where you think you are."
        origin = head.get("origin").lower()
        if origin and origin != f"http://{host}":
            return "Another page may not ask for this."
        return ""

    def _knows(self, head: Head) -> bool:
        given = [value for name, value in head.cookies if name == self._cookie]
        return any(hmac.compare_digest(value.encode("latin-1"), self._secret.encode()) for value in given)

    async def _let_in(self, head: Head, writer: asyncio.StreamWriter) -> None:
        self._forget_old()
        ticket = head.target.partition("ticket=")[2]
        good = head.method == "GET" and self._tickets.pop(ticket, None) is not None
        if not good:
            text = (
                f"This address was good for once, or for {TICKET_SECONDS:.0f} seconds: run `{self.hint}` for another."
            )
            await _say(writer, "403 Forbidden", text)
            return
        cookie = f"{self._cookie}={self._secret}; Path=/; HttpOnly; SameSite=Strict"
        # The page is the gate's own: the cookie of a visit that came from elsewhere is sent from there on.
        lines = (f"Set-Cookie: {cookie}", "Referrer-Policy: no-referrer", f"Refresh: 0;url={self.start}")
        await _say(writer, "200 OK", "Opening…", lines)

    def _forget_old(self) -> None:
        now = self._clock()
        self._tickets = {ticket: until for ticket, until in self._tickets.items() if until > now}

    async def _pass_on(self, head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.upstream is None:
                raise OSError
            inside, to_inside = await asyncio.open_unix_connection(str(self.upstream))
        except OSError:
            await self._say_none(writer)
            return
        try:
            to_inside.write(self._changed(head).encode())
            sending = asyncio.create_task(_pump(reader, to_inside, None if head.upgrades else head.length))
            receiving = asyncio.create_task(_pump(inside, writer, None))
            # A websocket ends with either side, a request with its answer.
            ends = {sending, receiving} if head.upgrades else {receiving}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if receiving.done() and not receiving.result():
                # OpenSSH is there, and nobody at the other end.
                await self._say_none(writer)
            for task in (sending, receiving):
                task.cancel()
            await asyncio.gather(sending, receiving, return_exceptions=True)
        finally:
            to_inside.close()

    async def _say_none(self, writer: asyncio.StreamWriter) -> None:
        text = f"The environment does not answer. This page tries again; `{self.hint}` starts what is served there."
        await _say(writer, "502 Bad Gateway", text, ("Refresh: 3",))

    def _changed(self, head: Head) -> Head:
        others = "; ".join(f"{name}={value}" for name, value in head.cookies if not name.startswith("ez-"))
        added = [("Connection", "Upgrade" if head.upgrades else "close"), *self.headers]
        if others:
            added.append(("Cookie", others))
        forwarded = [name.lower() for name, _ in head.headers if name.lower().startswith(_FORWARDED)]
        dropped = (*_DROPPED, *forwarded, *(() if head.upgrades else ("upgrade",)))
        return head.with_headers(added, dropped)


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter, limit: int | None) -> int:
    """Bytes as they come, `limit` of them at most, until either side ends; how many there were."""
    count = 0
    with suppress(OSError):
        while limit is None or count < limit:
            data = await source.read(_CHUNK if limit is None else min(_CHUNK, limit - count))
            if not data:
                break
            count += len(data)
            target.write(data)
            await target.drain()
    return count


async def _say(writer: asyncio.StreamWriter, status: str, text: str, lines: Sequence[str] = ()) -> None:
    body = f"<!doctype html><meta charset=utf-8><title>ez</title><p>{escape(text)}</p>\n".encode()
    head = [
        f"HTTP/1.1 {status}",
        "Content-Type: text/html; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'",
        "Connection: close",
        *lines,
    ]
    writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + body)
    await writer.drain()
