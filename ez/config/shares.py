"""Shares of a workspace: the table `[shares]` of a settings file, a name and `SOURCE:TARGET` for each.

Only their form is checked here. SOURCE is what a share is of (`local:./data`, `/srv/data`, `nfs://server/path`,
`smb://server/share`, `s3://bucket`, `volume:NAME`), TARGET the path at which environments see it; with `:ro` behind it
for reading alone. An empty text leaves out the share of that name.
"""

from __future__ import annotations

import re

from ez.errors import ConfigError
from ez.names import is_name, shown

TABLE = "shares."
HELP = "what environments of the workspace see at a path: SOURCE:TARGET, as `nfs://server/data:/data:ro`"

_LONGEST = 2_000
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_OF_FILES = '`data = "/srv/data:/data"` below [shares]'


def check_share(key: str, text: str, origin: str) -> None:
    """Raises ConfigError for what can be no share, whatever it is of."""
    name = key.removeprefix(TABLE)
    if not is_name(name):
        raise ConfigError(f"not a name for a share, in {origin}: `{shown(name)}`", f"write it as {_OF_FILES}")
    if text and (len(text) > _LONGEST or _CONTROL.search(text) or not _is_pair(text)):
        raise ConfigError(f"not a share, in {origin}: `{shown(text)}`", f"write it as SOURCE:TARGET: {_OF_FILES}")
    if _has_password(text):
        raise ConfigError(f"a password in the share `{name}`, in {origin}", "leave it out: others see the file")


def _is_pair(text: str) -> bool:
    source, colon, target = re.sub(r":r[ow]$", "", text).rpartition(":")
    parts = target.removeprefix("~").strip("/").split("/")
    return bool(colon and source and target.startswith(("/", "~/"))) and not {"", ".", ".."} & set(parts)


def _has_password(text: str) -> bool:
    if "://" not in text:
        return False
    from urllib.parse import urlsplit

    try:
        return urlsplit(text).password is not None
    except ValueError:
        return False
