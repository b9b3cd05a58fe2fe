"""The Python API: images as values, described by a chain of calls.

`Image("ubuntu:22.04").apt_install("make").with_python("3.12")` is a graph of `ez.build.graph` with an image
configuration, nothing more: nothing is read or run before `definition` or `build`.
"""

from __future__ import annotations

from ez.build.python.image import Image, Scratch
from ez.build.python.values import Bind, Cache, Git, Http, Local, Secret, Tmpfs

__all__ = ["Bind", "Cache", "Git", "Http", "Image", "Local", "Scratch", "Secret", "Tmpfs"]
