"""What a repo's `devcontainer.json` says of editors. The file may say anything: what is no use is left out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ez.ssh.base import CommandHost

LARGEST = 1_000_000
"""Bytes of a `devcontainer.json` that are read."""

_READ = """\
# Read devcontainer.json. $1: the work directory. $2: how many bytes. $3: a note below the home, which comes first.
if [ -f "$HOME/$3" ]; then head -c 100 -- "$HOME/$3" | head -n 1; else echo; fi
cd -- "$1" || exit 0
for file in .devcontainer/devcontainer.json .devcontainer.json .devcontainer/*/devcontainer.json; do
    if [ -f "$file" ]; then head -c "$2" -- "$file"; exit 0; fi
done
"""


@dataclass(frozen=True)
class Customizations:
    """`extensions` as they are written there, `settings` by their names; `trouble` says why nothing could be read."""

    extensions: tuple[str, ...] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    trouble: str = ""


def read(host: CommandHost, workdir: str, note: str) -> tuple[str, Customizations]:
    """What was noted in a file below the home inside, and what the repo says; one round trip."""
    text = host.script(_READ, [workdir, str(LARGEST + 1), note], timeout=60).text
    noted, _, document = text.partition("\n")
    return noted.strip(), parse(document)


def parse(text: str) -> Customizations:
    """`customizations.vscode`, or what older files have at the top."""
    if len(text) > LARGEST:
        return Customizations(trouble=f"`devcontainer.json` is larger than {LARGEST // 1_000_000} MB, and not read")
    try:
        document = json.loads(without_comments(text), parse_constant=_refuse) if text.strip() else {}
    except (ValueError, RecursionError):
        return Customizations(trouble="`devcontainer.json` is not JSON, and not read")
    top = document if isinstance(document, dict) else {}
    found: object = top
    for key in ("customizations", "vscode"):
        found = found.get(key) if isinstance(found, dict) else None
    own = found if isinstance(found, dict) else {}
    names = own.get("extensions", top.get("extensions"))
    settings = own.get("settings", top.get("settings"))
    listed = names if isinstance(names, list) else []
    return Customizations(
        tuple(name.strip() for name in listed if isinstance(name, str) and name.strip()),
        settings if isinstance(settings, dict) else {},
    )


_TOKENS = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*|/\*.*?(?:\*/|\Z)', re.DOTALL)
_TRAILING = re.compile(r'("(?:[^"\\\n]|\\.)*")|,(?=\s*[}\]])', re.DOTALL)


def without_comments(text: str) -> str:
    """JSON with comments and commas at ends, as plain JSON."""
    bare = _TOKENS.sub(lambda found: found.group() if found.group().startswith('"') else " ", text)
    return _TRAILING.sub(lambda found: found.group(1) or "", bare)


def _refuse(constant: str) -> object:
    """`NaN` and its like, which editors do not read."""
    raise ValueError(constant)
