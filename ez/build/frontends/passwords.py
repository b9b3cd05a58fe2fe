"""Passwords in addresses, which build files must not have: labels, logs and the image's history show the address."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ez.build.frontends.where import where
from ez.build.graph import Position
from ez.errors import DefinitionError

OWN_INDEX = "leave it out and set your own index: ez config set network.pip_index URL"
LENT = 'leave it out and lend it: `install.python_packages(..., secrets=["id=netrc,target=/root/.netrc"])`'

_ADDRESS = re.compile(r"(?P<scheme>https?://)(?P<who>[^/\s?#]*)@(?P<host>[^/\s?#@]*)", re.IGNORECASE)
_USER = re.compile(r"(?<=://)[^/@]*@")
_VARIABLE = re.compile(r"\$\{\w+\}", re.ASCII)
"""What pip puts a variable of the step in for."""


def refuse_passwords(call: str, texts: Iterable[str], position: Position | None, hint: str = OWN_INDEX) -> None:
    """Raise DefinitionError for the first web address among `texts` in which a password or a token is written."""
    for text in texts:
        for found in _ADDRESS.finditer(text):
            if _is_written(found["who"]):
                message = f"{call}: a password in the address `{found['scheme']}***@{found['host']}`"
                raise DefinitionError(message, hint, **where(position))


def without_user(url: str) -> str:
    """A web address without what it says of who asks, for labels."""
    return _USER.sub("", url)


def _is_written(who: str) -> bool:
    """A name alone is a token more often than not, `git` apart."""
    user, colon, password = who.partition(":")
    return who not in ("", "git") and not _VARIABLE.fullmatch(password if colon else user)
