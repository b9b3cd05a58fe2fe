"""Tokens of a registry's token server, fetched here so that the engine sees no password.

Where a password goes is for the registry to say, and it is asked from here: an engine that names another token
server, or one that only it can reach, gets no token. Form: the distribution project's token authentication
specification, with its OAuth2 variant tried first. All functions block.
"""

from __future__ import annotations

import base64
import json
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.message import Message
from functools import cached_property
from http.client import HTTPException
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlencode, urlsplit

from ez.build.buildkit.session.credentials import Credentials
from ez.models import Network

_CLIENT = "ez"
_SECONDS = 10.0
_LONGEST_REPLY = 1 << 20
_LONGEST_LIFE = 365 * 86400
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
_NO_OAUTH = (401, 404, 405)
"""What token servers without the OAuth2 variant answer to it."""


@dataclass(frozen=True)
class Challenge:
    """Where a registry sends those who want a token."""

    realm: str
    service: str


@dataclass(frozen=True)
class Token:
    """`issued` in seconds since 1970, 0 where the server does not say; valid for `seconds` from then."""

    value: str
    issued: int
    seconds: int

    def __repr__(self) -> str:
        return f"Token(issued={self.issued}, seconds={self.seconds})"


class Refused(Exception):
    """The token server's answer is no token. The message holds no secret."""


class Registries:
    """HTTP from this computer: over TLS, which registries at loopback addresses need not have."""

    def __init__(self, network: Network) -> None:
        self._network = network

    @cached_property
    def _context(self) -> ssl.SSLContext:
        """Made when a registry is asked: most builds need none."""
        context = ssl.create_default_context()
        if self._network.ca_bundle:
            try:
                context.load_verify_locations(cadata=self._network.ca_bundle)
            except ssl.SSLError as error:
                raise Refused("`network.ca_bundle` holds no certificates") from error
        return context

    def challenge(self, registry: str) -> Challenge | None:
        """None where the registry cannot be reached from here, or does not use tokens."""
        for scheme in ("https", "http") if _is_loopback(registry) else ("https",):
            try:
                status, headers, _ = self._ask(f"{scheme}://{registry}/v2/", {})
            except Refused:
                continue
            found = _parsed(headers.get("WWW-Authenticate", "")) if status == 401 else None
            secure = found is not None and found.realm.startswith("https://")
            return found if secure or scheme == "http" else None
        return None

    def fetch(self, challenge: Challenge, scopes: Iterable[str], credentials: Credentials) -> Token:
        """Raises Refused."""
        username, secret = credentials
        if secret:
            status, _, body = self._ask(challenge.realm, {}, _oauth(challenge, scopes, credentials))
            if status not in _NO_OAUTH:
                return _token(challenge, status, body)
        query = urlencode([("service", challenge.service), *(("scope", scope) for scope in scopes)])
        separator = "&" if urlsplit(challenge.realm).query else "?"
        basic = base64.b64encode(f"{username}:{secret}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}"} if username and secret else {}
        status, _, body = self._ask(f"{challenge.realm}{separator}{query}", headers)
        return _token(challenge, status, body)

    def _ask(
        self, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None = None
    ) -> tuple[int, Message, bytes]:
        """Status, headers and body. Redirections are not followed: they could lead a password elsewhere."""
        data = urlencode(form).encode() if form is not None else None
        try:
            request = urllib.request.Request(url, data, {**headers, "User-Agent": _CLIENT})
            with self._opener(url).open(request, timeout=_SECONDS) as reply:
                return reply.status, reply.headers, reply.read(_LONGEST_REPLY)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read(_LONGEST_REPLY)
        except (OSError, HTTPException, ValueError) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else type(error).__name__
            raise Refused(f"`{urlsplit(url).netloc}` cannot be reached: {reason}") from None

    def _opener(self, url: str) -> urllib.request.OpenerDirector:
        network, host = self._network, urlsplit(url).hostname or ""
        proxies = {"http": network.http_proxy, "https": network.https_proxy, "no": network.no_proxy}
        direct = _is_loopback(host) or urllib.request.proxy_bypass_environment(host, proxies)  # type: ignore[attr-defined]
        used = {} if direct else {name: url for name, url in proxies.items() if url and name != "no"}
        return urllib.request.build_opener(
            urllib.request.ProxyHandler(used), urllib.request.HTTPSHandler(context=self._context), _NoRedirection()
        )


class _NoRedirection(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any, **options: Any) -> None:
        return None


def _parsed(header: str) -> Challenge | None:
    scheme, _, parameters = header.strip().partition(" ")
    found = dict(_PARAMETER.findall(parameters))
    if scheme.lower() != "bearer" or not found.get("realm", "").startswith(("http://", "https://")):
        return None
    return Challenge(found["realm"], found.get("service", ""))


def _oauth(challenge: Challenge, scopes: Iterable[str], credentials: Credentials) -> dict[str, str]:
    username, secret = credentials
    form = {"service": challenge.service, "scope": " ".join(scopes), "client_id": _CLIENT}
    if username:
        return {**form, "grant_type": "password", "username": username, "password": secret}
    return {**form, "grant_type": "refresh_token", "refresh_token": secret}


def _token(challenge: Challenge, status: int, body: bytes) -> Token:
    server = urlsplit(challenge.realm).netloc
    if status != 200:
        raise Refused(f"`{server}` gives no token: {status} {'unauthorized' if status == 401 else ''}".rstrip())
    try:
        reply = json.loads(body)
        value = reply.get("access_token") or reply["token"]
        seconds = min(int(reply.get("expires_in") or 60), _LONGEST_LIFE)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        raise Refused(f"`{server}` gives no token: its answer is none") from None
    return Token(str(value), _seconds_since_1970(reply.get("issued_at")), seconds)


def _seconds_since_1970(text: Any) -> int:
    try:
        return int(datetime.fromisoformat(str(text)).timestamp())
    except (ValueError, OverflowError):
        return 0


def _is_loopback(registry: str) -> bool:
    host = (urlsplit(f"//{registry}").hostname or "").lower()
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
