"""Which extensions an editor gets inside: those of `devcontainer.json` and those of the person's own list."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ez.errors import ConfigError
from ez.names import shown
from ez.ssh.base import CommandHost

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,99}\.[A-Za-z0-9][A-Za-z0-9._-]{0,99}(?:@[A-Za-z0-9][A-Za-z0-9.+-]{0,49})?")
MOST = 200
"""Extensions of one repo."""

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
class Wanted:
    """`ids` as `publisher.name` or `publisher.name@version`; `refused` is what looked like none. `note` is what was
    written down when the editor was made ready last."""

    ids: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    note: str = ""


def own_extensions(text: str) -> tuple[str, ...]:
    """The person's list from the setting `editor.extensions`. Raises ConfigError for what is no extension."""
    words = tuple(text.replace(",", " ").split())
    for word in words:
        if not _ID.fullmatch(word):
            what = f"`editor.extensions` has what is no extension: `{shown(word)}`"
            raise ConfigError(what, "write each as publisher.name, with spaces between them")
    return words


def wanted_extensions(host: CommandHost, workdir: str, own: Iterable[str], note: str) -> Wanted:
    """Those of the repo and the person's, without those that the repo takes back with a `-`; one round trip. `note` is
    a file below the home inside."""
    text = host.script(_READ, [workdir, str(LARGEST), note], timeout=60).text
    noted, _, document = text.partition("\n")
    listed = of_devcontainer(document)
    removed = {name[1:].lower() for name in listed if name.startswith("-")}
    named = [name for name in listed if not name.startswith("-")]
    fine = [name for name in named if _ID.fullmatch(name)]
    ids = {name.partition("@")[0].lower(): name for name in (*fine, *own)}
    kept = tuple(name for plain, name in ids.items() if plain not in removed)
    return Wanted(kept[:MOST], tuple(name for name in named if not _ID.fullmatch(name))[:MOST], noted.strip())


def of_devcontainer(text: str) -> tuple[str, ...]:
    """`customizations.vscode.extensions`, or the older `extensions`, of a file that may say anything."""
    try:
        document = json.loads(without_comments(text))
    except (ValueError, RecursionError):
        return ()
    found: object = document
    for key in ("customizations", "vscode", "extensions"):
        found = found.get(key) if isinstance(found, dict) else None
    if not isinstance(found, list):
        found = document.get("extensions") if isinstance(document, dict) else None
    names = found if isinstance(found, list) else []
    return tuple(name.strip() for name in names if isinstance(name, str) and name.strip())


_TOKENS = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_TRAILING = re.compile(r'("(?:[^"\\\n]|\\.)*")|,(?=\s*[}\]])', re.DOTALL)


def without_comments(text: str) -> str:
    """JSON with comments and commas at ends, as plain JSON."""
    bare = _TOKENS.sub(lambda found: found.group() if found.group().startswith('"') else " ", text)
    return _TRAILING.sub(lambda found: found.group(1) or "", bare)
