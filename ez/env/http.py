"""The head of an HTTP/1.1 request, read strictly: what two readers could understand differently is refused (RFC 9112,
6.3 and 11.2), since the server behind might understand the other one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

LARGEST_HEAD = 64 * 1024
_METHOD = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,32}")
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_TARGET = re.compile(r"\*|/[\x21-\x7e\x80-\xff]*|https?://[\x21-\x7e\x80-\xff]+")
_ONCE = ("host", "content-length", "transfer-encoding", "origin", "upgrade")


class BadRequest(Exception):
    """Not what a browser sends."""


@dataclass(frozen=True)
class Head:
    """A request line and its headers, in their order. `target` is a path, `*`, or a whole address as proxies get it."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    version: str = "HTTP/1.1"

    def all(self, name: str) -> tuple[str, ...]:
        return tuple(value for key, value in self.headers if key.lower() == name)

    def get(self, name: str) -> str:
        """The one value of a header, empty where there is none."""
        return next(iter(self.all(name)), "")

    @property
    def upgrades(self) -> bool:
        return self.get("upgrade").lower() == "websocket" and "upgrade" in _words(self.all("connection"))

    @property
    def length(self) -> int | None:
        """Bytes of the body, None where it comes in chunks."""
        return None if self.get("transfer-encoding") else int(self.get("content-length") or 0)

    @property
    def cookies(self) -> tuple[tuple[str, str], ...]:
        pairs = (part.strip().partition("=") for text in self.all("cookie") for part in text.split(";"))
        return tuple((name.strip(), value.strip()) for name, _, value in pairs if name.strip())

    def with_headers(self, headers: Iterable[tuple[str, str]], without: Iterable[str]) -> Head:
        """`headers` in the place of those, and without the named ones, all in lower case."""
        added = tuple(headers)
        gone = {*without, *(name.lower() for name, _ in added)}
        kept = tuple(pair for pair in self.headers if pair[0].lower() not in gone)
        return replace(self, headers=(*kept, *added))

    def encode(self) -> bytes:
        lines = [f"{self.method} {self.target} HTTP/1.1", *(f"{name}: {value}" for name, value in self.headers)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def parse_head(data: bytes) -> Head:
    """All up to the empty line. Raises BadRequest."""
    first, *lines = data.removesuffix(b"\r\n\r\n").decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or words[2] not in ("HTTP/1.1", "HTTP/1.0"):
        raise BadRequest("not a request of HTTP/1.1")
    if not _METHOD.fullmatch(words[0]) or not _TARGET.fullmatch(words[1]):
        raise BadRequest("a request line that cannot be")
    head = Head(words[0], words[1], tuple(_header(line) for line in lines), words[2])
    if any(len(head.all(name)) > 1 for name in _ONCE):
        raise BadRequest("a header is there twice")
    if not head.all("host"):
        raise BadRequest("it names no host")
    _check_framing(head)
    return head


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not _NAME.fullmatch(name) or any(mark in value for mark in "\r\n\0"):
        raise BadRequest("a header that cannot be")
    return name, value.strip(" \t")


def _check_framing(head: Head) -> None:
    length, coding = head.get("content-length"), head.get("transfer-encoding").lower()
    if head.all("transfer-encoding") and (coding != "chunked" or head.all("content-length") or head.version[-1] == "0"):
        raise BadRequest("a length that is said in two ways")
    if head.all("content-length") and not (length.isascii() and length.isdigit() and len(length) < 16):
        raise BadRequest("a length that cannot be")


def _words(values: Iterable[str]) -> set[str]:
    return {word.strip().lower() for value in values for word in value.split(",")}
