"""Sizes and spans of time as people write and read them."""

from __future__ import annotations

import re
import time

from ez.errors import UsageError

_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)\s*([kmgt]?)(i?)b?", re.ASCII | re.IGNORECASE)
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}
_SPAN = re.compile(r"(?:(\d{1,9})w)?(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?", re.ASCII)
_SPAN_SECONDS = (7 * 86400, 86400, 3600, 60, 1)
_LEAST_IDLE, _MOST_IDLE = 5, 10_080
_LEAST_TTL, _MOST_TTL = 300, 366 * 86_400
LARGEST = 2**63 - 1
"""BuildKit counts bytes and nanoseconds in 64 bits."""


def parse_size(text: str, name: str) -> int:
    """Bytes: `20GB` is 20 * 10^9 and `20GiB` is 20 * 2^30. Raises UsageError naming the option or setting `name`."""
    match = _SIZE.fullmatch(text.strip())
    if match is None or (match[3] and not match[2]):
        raise UsageError(f"not a size for {name}: `{text[:60]}`", "write it as `20GB`, `512MiB` or `1.5TB`")
    size = int(float(match[1]) * (1024 if match[3] else 1000) ** _POWERS[match[2].upper()])
    if size > LARGEST:
        raise UsageError(f"too large for {name}: `{text[:60]}`", "write it as `20GB`, `512MiB` or `1.5TB`")
    return size


def parse_span(text: str, name: str) -> int:
    """Seconds: `7d`, `12h`, `1d12h`. Raises UsageError naming the option `name`."""
    match = _SPAN.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        raise UsageError(f"not a span of time for {name}: `{text[:60]}`", "write it as `7d`, `12h` or `1d12h`")
    parts = zip(match.groups("0"), _SPAN_SECONDS, strict=True)
    seconds = sum(int(number) * unit for number, unit in parts)
    if seconds * 10**9 > LARGEST:
        raise UsageError(f"too long for {name}: `{text[:60]}`", "write it as `7d`, `12h` or `1d12h`")
    return seconds


def parse_idle(text: str) -> int:
    """Minutes, 0 for never. Raises UsageError."""
    if text.strip().lower() in ("never", "off"):
        return 0
    minutes = parse_span(f"{text}m" if re.fullmatch(r"\d{1,6}", text) else text, "--idle-stop") // 60
    if not _LEAST_IDLE <= minutes <= _MOST_IDLE:
        raise UsageError(f"not a time for --idle-stop: `{text[:60]}`", "use 5m to 7d, or never")
    return minutes


def parse_ttl(text: str) -> int:
    """Seconds. Raises UsageError."""
    seconds = parse_span(text, "--ttl")
    if not _LEAST_TTL <= seconds <= _MOST_TTL:
        raise UsageError(f"not a time for --ttl: `{text[:60]}`", "use 5m to 366d")
    return seconds


def show_size(size: int) -> str:
    """Three digits and a decimal unit: `1.53 GB`."""
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 999.5:
            return f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.4g} TB"


def show_span(seconds: float) -> str:
    """The largest unit alone: `3 d`, `5 h`, `12 s`."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def show_moment(seconds: float) -> str:
    """Unix seconds by this computer's clock: `2026-11-22 18:30`."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def number_of(count: int, thing: str, things: str = "") -> str:
    """`1 file`, `2 files`."""
    return f"{count} {thing if count == 1 else things or f'{thing}s'}"


def counted(executed: int, cached: int, failed: int = 0) -> str:
    """What a build did, in words."""
    known = f"{cached} {'was' if cached == 1 else 'were'} known"
    ran = f"{number_of(executed, 'step')} ran"
    return f"{ran}, {failed} failed, {known}" if failed else f"{ran}, {known}"
