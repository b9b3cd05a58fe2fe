"""The builtins of the language, one file per namespace."""

from __future__ import annotations

from ez.build.frontends.envd.language import Builtin
from ez.build.frontends.envd.namespaces import (
    config,
    data,
    envdlib,
    install,
    io,
    runtime,
    service,
    toolchains,
    universe,
)

_MODULES = (universe, install, toolchains, config, runtime, io, data, service, envdlib)

BUILTINS: dict[str, Builtin] = {builtin.name: builtin for module in _MODULES for builtin in module.BUILTINS}

CONSTANTS: dict[str, str] = dict(data.CONSTANTS)
"""Strings of the language, by dotted name."""
