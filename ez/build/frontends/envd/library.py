"""envdlib, envd's public library, as a part of the language: to include it takes no network and no pin."""

from __future__ import annotations

import re

from ez.build.frontends.envd.namespaces import envdlib
from ez.build.includes import Included

_ADDRESS = re.compile(r"(https?://|git@|ssh://git@)github\.com[:/]tensorchord/envdlib(\.git)?/?", re.IGNORECASE)


def own_library(url: str, ref: str) -> Included | None:
    """What ez itself has for an include, without a commit; None for every other repo, and where a `ref` is named."""
    if ref or not _ADDRESS.fullmatch(url):
        return None
    names = (builtin.name for builtin in envdlib.BUILTINS)
    text = "".join(f"{name.rpartition('.')[2]} = {name}\n" for name in names)
    return Included(url, ref, "", (("envdlib.envd", text.encode()),))
