"""Why a file most likely differs between two builds of the same thing."""

from __future__ import annotations

import re

_REASONS: tuple[tuple[str, str], ...] = (
    (r"/__pycache__/|\.pyc$", "compiled Python keeps the time of its source; leave it out or build with a timestamp"),
    (r"^/var/cache/ldconfig/", "ldconfig keeps times and inode numbers; remove it in the step"),
    (r"^/var/log/|\.log$", "a log; remove it in the step"),
    (r"^/etc/machine-id$|^/var/lib/dbus/machine-id$", "made at random; empty it in the step"),
    (r"^/etc/ssh/ssh_host_", "a host key must not be in an image; remove it in the step"),
    (r"^/etc/(g?shadow|passwd|group|subuid|subgid)-?$", "users or the day of a password differ"),
    (r"^/var/lib/dpkg/|^/var/lib/apt/extended_states", "other versions of packages, or in another order"),
    (r"^/var/(lib/apt/lists|cache/apt|cache/debconf)/", "a cache of apt; remove it in the step"),
    (r"/[^/]+\.dist-info/(RECORD|direct_url\.json|REQUESTED)$", "another wheel, or one built in this step"),
    (
        r"/site-packages/|/dist-packages/",
        "another version of a package, or one built in this step; lock it with `ez lock`",
    ),
    (r"^/(tmp|var/tmp)/|^/root/\.(cache|npm|local/share)|/\.cache/", "left behind by a tool; remove it in the step"),
    (r"\.(gz|tgz|zip|jar|whl|tar)$", "an archive keeps the times of its files"),
    (r"\.(a|o|so(\.[0-9.]+)?)$", "built in this step: a compiler put a time, a path or a random name into it"),
    (r"(^|/)\.wh\.", "removed in one of the builds alone"),
)
_TIME = "written at another moment; build with a timestamp on an engine that rewrites times"
_OTHERWISE = "the step writes something that depends on the clock, on chance or on the network"


def likely_reason(path: str, what: tuple[str, ...]) -> str:
    """One phrase for the file `path` that differs in `what` (see `ez.build.reproducible.check.FileDifference`)."""
    if what == ("time",):
        return _TIME
    return next((reason for pattern, reason in _REASONS if re.search(pattern, path)), _OTHERWISE)
