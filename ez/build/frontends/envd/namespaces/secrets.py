"""Secrets that a step sees, as words of a build file: Docker's spelling of `RUN --mount=type=secret`."""

from __future__ import annotations

import posixpath
import re

from ez.build.frontends.envd.language import Call
from ez.build.graph import Mount, SecretMount, SecretVariable

_SPELLING = "write it as `id=NAME,target=/root/.netrc` or `id=NAME,env=VARIABLE`"


def secrets(call: Call, entries: tuple[str, ...]) -> tuple[Mount, ...]:
    """`id=NAME`, with `target=FILE` (by default /run/secrets/NAME) or `env=VARIABLE`; `ez build --secret` says what it
    is. Raises DefinitionError."""
    return tuple(_secret(call, entry) for entry in entries)


def _secret(call: Call, entry: str) -> Mount:
    pairs = [part.partition("=") for part in entry.split(",")]
    fields = {key.strip(): value for key, equals, value in pairs if equals}
    name, target, variable = (fields.pop(key, "") for key in ("id", "target", "env"))
    if fields or len(pairs) > 2 or not re.fullmatch(r"[\w.-]+", name, re.ASCII) or not all(pair[1] for pair in pairs):
        raise call.wrong(f"install.python_packages: not a secret: `{entry}`", _SPELLING)
    if variable:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", variable):
            raise call.wrong(f"install.python_packages: not a name of a variable: `{variable}`", _SPELLING)
        return SecretVariable(variable, name)
    if target and (not target.startswith("/") or not target.isprintable()):
        raise call.wrong(f"install.python_packages: not an absolute path: `{target}`", _SPELLING)
    return SecretMount(posixpath.normpath(target or f"/run/secrets/{name}"), name)
