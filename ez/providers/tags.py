"""The tags of everything that ez makes in a cloud: they are the truth about it, and the same in all clouds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from ez.models import Workspace
from ez.names import is_name
from ez.providers.base import Order

WORKSPACE = "ez:workspace"
COMPUTER = "ez:computer"
OWNER = "ez:owner"
CREATE_ID = "ez:create-id"
EXPIRES = "ez:expires"
HOST_KEY = "ez:host-key"
USER = "ez:user"
DISK = "ez:disk"
IDLE = "ez:idle"
PRIVATE = "ez:private"

_CREATE_ID = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}", re.ASCII)
_HOST_KEY = re.compile(r"(?:ssh|ecdsa)-[a-z0-9-]+ [A-Za-z0-9+/]+=*(?: [ -~]*)?", re.ASCII)
_MOST_DISK = 1_000_000


@dataclass(frozen=True)
class Marks:
    """What the tags of a thing say; text is empty and numbers 0 where they say nothing. `expires` is Unix seconds,
    `disk` GiB; `idle_minutes` None where nothing is said."""

    workspace: str = ""
    computer: str = ""
    owner: str = ""
    create_id: str = ""
    expires: float = 0
    host_keys: tuple[str, ...] = ()
    user: str = ""
    disk: int = 0
    idle_minutes: int | None = None
    private: bool = False


def tags_of(order: Order, workspace: Workspace) -> dict[str, str]:
    """For the machine that is ordered and everything that is made for it alone."""
    tags = {
        WORKSPACE: workspace.name,
        COMPUTER: order.name,
        OWNER: order.owner,
        CREATE_ID: order.create_id,
        USER: order.user,
        DISK: str(order.disk),
        IDLE: str(order.idle_minutes),
    }
    if order.private:
        tags[PRIVATE] = "yes"
    if order.host_keys:
        tags[HOST_KEY] = order.host_keys[0]
    if order.expires:
        tags[EXPIRES] = timestamp(order.expires)
    return tags


def timestamp(seconds: float) -> str:
    """As `ez:expires` has it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def marks_of(tags: object) -> Marks:
    """Tags may have been changed by anybody, and become parts of addresses, file names and command lines: what is not
    such as ez writes it counts as not there, and what has no name or attempt of ez's was not made by ez."""
    if not isinstance(tags, Mapping) or not _is_named(tags.get(COMPUTER, ""), tags.get(CREATE_ID, "")):
        return Marks()
    told = {name: value for name, value in tags.items() if isinstance(value, str) and value.isprintable()}
    disk, user, host_key = told.get(DISK, ""), told.get(USER, ""), told.get(HOST_KEY, "")
    idle = told.get(IDLE, "")
    return Marks(
        told.get(WORKSPACE, ""),
        told.get(COMPUTER, ""),
        told.get(OWNER, ""),
        told.get(CREATE_ID, ""),
        _seconds(told.get(EXPIRES, "")),
        (host_key,) if _HOST_KEY.fullmatch(host_key) else (),
        user if _USER.fullmatch(user) else "",
        min(int(disk), _MOST_DISK) if disk.isascii() and disk.isdigit() and len(disk) < 10 else 0,
        int(idle) if idle.isascii() and idle.isdigit() and len(idle) < 6 else None,
        PRIVATE in told,
    )


def _is_named(computer: object, create_id: object) -> bool:
    """Empty where a thing is common to several machines."""
    if not isinstance(computer, str) or not isinstance(create_id, str):
        return False
    return (not computer or is_name(computer)) and (not create_id or _CREATE_ID.fullmatch(create_id) is not None)


def _seconds(text: str) -> float:
    try:
        read = datetime.fromisoformat(text)
        return max(0.0, (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return 0
