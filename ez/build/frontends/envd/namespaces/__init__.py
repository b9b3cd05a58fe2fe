"""The builtins of the language, one file per namespace."""

from __future__ import annotations

from ez.build.frontends.envd.language import Builtin
from ez.build.frontends.envd.namespaces import config, data, install, io, runtime, universe

BUILTINS: dict[str, Builtin] = {
    builtin.name: builtin for module in (universe, install, config, runtime, io, data) for builtin in module.BUILTINS
}

CONSTANTS: dict[str, str] = dict(data.CONSTANTS)
"""Strings of the language, by dotted name."""
