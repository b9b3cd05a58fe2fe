"""What Docker's own config file and its helpers know about a registry.

The file's form and the helpers' protocol (`docker-credential-NAME get`, the registry on stdin, JSON on stdout) are
the Docker CLI's.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
from functools import partial
from pathlib import Path
from typing import Any

from ez.build.commands import output_of

HUB = "registry-1.docker.io"

_HUB_NAMES = ("https://index.docker.io/v1/", "index.docker.io", "docker.io")
_SECONDS_FOR_HELPER = 30.0
_LONGEST_ANSWER = 64 * 1024
_HELPER_NAME = re.compile(r"[A-Za-z0-9._-]+")

Credentials = tuple[str, str]
"""A user name and a secret; without a name the secret is an identity token. Both empty for nobody."""

ANONYMOUS: Credentials = ("", "")


async def find_credentials(config: Path, registry: str) -> Credentials:
    """What `config` or its helper knows about `registry` (a host, with port), else `ANONYMOUS`."""
    settings = await asyncio.to_thread(_read, config)
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
    return (*_HUB_NAMES, registry) if registry in (HUB, "docker.io") else (registry, f"https://{registry}")


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
    command = (f"docker-credential-{helper}", "get")
    ask = partial(output_of, command, given=registry.encode(), seconds=_SECONDS_FOR_HELPER, longest=_LONGEST_ANSWER)
    try:
        code, answer = await asyncio.to_thread(ask)
    except OSError:
        return ANONYMOUS
    return _from_answer(answer) if code == 0 else ANONYMOUS


def _from_answer(answer: bytes) -> Credentials:
    try:
        found = json.loads(answer)
        username, secret = str(found["Username"]), str(found["Secret"])
    except (ValueError, KeyError, TypeError):
        return ANONYMOUS
    return ("", secret) if username == "<token>" else (username, secret)
