"""Why a computer rests or does not, and how it is kept awake: what its watchdog says, and a lease that it honours."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

from ez.errors import HostError
from ez.ssh.host import Host

GRACE_SECONDS = 300
"""Between the watchdog's announcement and the stop; see `scripts/idle.sh`."""

SIGNALS = {
    "login": "somebody works at a login, in an editor or a notebook",
    "processor": "its processors compute",
    "network": "it transfers data",
    "card": "its cards compute",
    "cell": "a cell of a notebook runs",
    "lease": "somebody wants it awake (ez compute keep)",
    "preparation": "ez prepares it",
}
"""What the watchdog calls work -> words."""


@dataclass(frozen=True)
class Idle:
    """`minutes` without work after which `action` follows, 0 where nothing does. `reasons` are the signals that it saw
    in the last minute, `idle_seconds` since when it saw none. `stops_in` seconds if nobody works from now on, None
    where it does not stop. `lease` (Unix seconds by its clock) is 0 without one; `rested` says when and why it rested
    last, `failed` why its cloud does not stop it. At `until` (the same) it stops whatever runs there, 0 for never.
    `saved`: when it rested last, and where it then put work that was nowhere else."""

    minutes: int = 0
    action: str = ""
    reasons: tuple[str, ...] = ()
    idle_seconds: int = 0
    stops_in: int | None = None
    lease: float = 0.0
    rested: str = ""
    failed: str = ""
    until: float = 0.0
    saved: str = ""


def why(host: Host) -> Idle:
    """Raises HostError."""
    program = files("ez.compute").joinpath("scripts", "idle-status.sh").read_text("utf-8")
    return parse(host.script(program, timeout=30).text)


def parse(text: str) -> Idle:
    """What `scripts/idle-status.sh` prints. What is no number counts as 0. The end of a machine's time counts no more
    for one that was started after it, but it stops when idle then, whatever was set."""
    told = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    minutes = _number(told.get("set_minutes", ""))
    lease, now = _number(told.get("lease", "")), _number(told.get("now", ""))
    reasons, idle = tuple(told.get("reasons", "").split()), _number(told.get("idle_seconds", ""))
    lease = lease if lease > now else 0
    until = _number(told.get("ends", ""))
    if until and until <= now - _number(told.get("uptime", "")):
        until, minutes = 0, minutes or 30
    until = max(until, lease) if until else 0
    stops = [_stops_in(told.get("stops_in", ""), minutes, idle, max(0, lease - now))] if minutes else []
    stops += [max(0, until - now)] if until else []
    return Idle(
        minutes=minutes,
        action=told.get("set_action", ""),
        reasons=reasons,
        idle_seconds=idle,
        stops_in=min(stops, default=None),
        lease=float(lease),
        rested=told.get("rested", ""),
        failed=told.get("failed", ""),
        until=float(until),
        saved=told.get("saved", ""),
    )


def keep_awake(host: Host, seconds: int) -> float:
    """Have the watchdog leave it alone for so long, 0 ends that; gives until when, in Unix seconds by its clock."""
    program = files("ez.compute").joinpath("scripts", "idle-lease.sh").read_text("utf-8")
    until = host.script(program, [str(seconds)], timeout=30).text.strip()
    if not until.isdigit():
        raise HostError(f"`{host.name}` does not say until when it stays awake: `{until[:60]}`")
    return float(until)


def _stops_in(announced: str, minutes: int, idle: int, leased: int) -> int:
    if announced:
        return _number(announced)
    return max(60 * minutes - idle, leased + 60 * minutes if leased else 0, 0) + GRACE_SECONDS


def _number(text: str) -> int:
    return int(text[:12]) if text.isascii() and text.isdigit() else 0
