"""A repo's description -> image: frontends -> graph -> LLB -> BuildKit.

`from ez.build import Image` is the Python API, loaded when it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ez.build.python import Bind, Cache, Git, Http, Image, Local, Scratch, Secret, Tmpfs

__all__ = ["Bind", "Cache", "Git", "Http", "Image", "Local", "Scratch", "Secret", "Tmpfs"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
    return getattr(import_module("ez.build.python"), name)
