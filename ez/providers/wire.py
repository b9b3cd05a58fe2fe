"""Reading what came over the wire: a field is what it should be or counts as not there, whatever an answer holds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_MOST = 1e9
"""No count, size or price of a cloud is larger."""


def mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> list[dict[str, Any]]:
    """The objects of a list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def texts(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def text(value: object) -> str:
    return value if isinstance(value, str) else ""


def number(value: object) -> float:
    """A number, also one that is written as text; 0 for what is none, or none that makes sense."""
    try:
        found = float(value) if isinstance(value, int | float | str) else 0.0
    except (ValueError, OverflowError):
        return 0.0
    return found if math.isfinite(found) and 0 <= found <= _MOST else 0.0
