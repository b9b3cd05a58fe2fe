"""Registry credentials from Docker's own config file and its helpers. They are handed over and never kept.

The file's form and the helpers' protocol (`docker-credential-NAME get`, the registry on stdin, JSON on stdout) are
the Docker CLI's.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from grpclib.const import Cardinality, Handler

from ez.build.buildkit.messages import auth

_HUB = "registry-1.docker.io"
_HUB_NAMES = ("https://index.docker.io/v1/", "index.docker.io", "docker.io")
_SECONDS_FOR_HELPER = 30.0
_HELPER_NAME = re.compile(r"[A-Za-z0-9._-]+")

Credentials = tuple[str, str]
"""A user name and a secret; without a name the secret is an identity token. Both empty for nobody."""

ANONYMOUS: Credentials = ("", "")


class Auth:
    """`config` is Docker's config file, `registries` are the hosts that the build reads images from.

    An engine may ask for any registry and may be somebody else's, so that it gets the credentials of those alone.
    Token requests are left to the engine, which falls back to credentials.
    """

    def __init__(self, config: Path, registries: Collection[str]) -> None:
        self._config = config
        self._registries = registries

    def methods(self) -> dict[str, Handler]:
        credentials = Handler(
            self._credentials, Cardinality.UNARY_UNARY, auth.CredentialsRequest, auth.CredentialsResponse
        )
        return {"/moby.filesync.v1.Auth/Credentials": credentials}

    async def _credentials(self, stream: Any) -> None:
        request = await stream.recv_message()
        wanted = (_HUB_NAMES[-1] if request.host == _HUB else request.host) in self._registries
        username, secret = await find_credentials(self._config, request.host) if wanted else ANONYMOUS
        await stream.send_message(auth.CredentialsResponse(username=username, secret=secret))


async def find_credentials(config: Path, registry: str) -> Credentials:
    """What `config` or its helper knows about `registry` (a host, with port), else `ANONYMOUS`."""
    settings = _read(config)
    names = _names(registry)
    helpers = settings.get("credHelpers")
    for name in names:
        helper = helpers.get(name) if isinstance(helpers, dict) else None
        if isinstance(helper, str):
            return await _from_helper(helper, name)
    if isinstance(helper := settings.get("credsStore"), str):
        for name in names:
            if (found := await _from_helper(helper, name)) != ANONYMOUS:
                return found
    return _from_file(settings, names)


def _read(config: Path) -> dict[str, Any]:
    try:
        settings = json.loads(config.read_bytes())
    except (OSError, ValueError):
        return {}
    return settings if isinstance(settings, dict) else {}


def _names(registry: str) -> tuple[str, ...]:
    """Under which names the registry's entry may be filed."""
    return (*_HUB_NAMES, registry) if registry in (_HUB, "docker.io") else (registry, f"https://{registry}")


def _from_file(settings: dict[str, Any], names: tuple[str, ...]) -> Credentials:
    entries = settings.get("auths")
    if not isinstance(entries, dict):
        return ANONYMOUS
    wanted = {_bare(name) for name in names}
    for name, entry in entries.items():
        if _bare(name) in wanted and isinstance(entry, dict):
            return _from_entry(entry)
    return ANONYMOUS


def _bare(name: str) -> str:
    """`https://host/v1/` and `host` are one."""
    return name.rpartition("://")[2].partition("/")[0]


def _from_entry(entry: dict[str, Any]) -> Credentials:
    if token := entry.get("identitytoken"):
        return "", str(token)
    if encoded := entry.get("auth"):
        try:
            username, _, secret = base64.b64decode(str(encoded)).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return ANONYMOUS
        return username, secret.rstrip("\0")
    return str(entry.get("username") or ""), str(entry.get("password") or "")


async def _from_helper(helper: str, registry: str) -> Credentials:
    """What `docker-credential-<helper>` answers; it fails for what it does not know."""
    if not _HELPER_NAME.fullmatch(helper):
        return ANONYMOUS
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            f"docker-credential-{helper}", "get", stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError:
        return ANONYMOUS
    try:
        answer, _ = await asyncio.wait_for(process.communicate(registry.encode()), _SECONDS_FOR_HELPER)
    except TimeoutError:
        return ANONYMOUS
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return _from_answer(answer) if process.returncode == 0 else ANONYMOUS


def _from_answer(answer: bytes) -> Credentials:
    try:
        found = json.loads(answer)
        username, secret = str(found["Username"]), str(found["Secret"])
    except (ValueError, KeyError, TypeError):
        return ANONYMOUS
    return ("", secret) if username == "<token>" else (username, secret)
