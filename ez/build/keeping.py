"""What builds remember on this computer to save time: nobody has to be able to write it, and nobody else reads it."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path


def keep(path: Path, text: str) -> None:
    """Write `path`, whole or not at all, for this user alone; its directory is made. A full disk is no error."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        draft.replace(path)
    except OSError:
        with suppress(OSError):
            draft.unlink()
