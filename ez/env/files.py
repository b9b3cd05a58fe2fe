"""Files that a command writes for a person: whole or not at all."""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path

from ez.errors import EzError


def write_whole(path: Path, data: bytes) -> None:
    """Put `data` in the place of `path`, a link too, in one step; what was there stays where that fails.

    The modes of a file that was there are kept. A pipe or a device is written to. Raises EzError.
    """
    draft = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}")
    try:
        if path.is_file() or not path.exists():
            draft.write_bytes(data)
            if path.exists():
                draft.chmod(path.stat().st_mode & 0o7777)
            draft.replace(path)
        else:
            path.write_bytes(data)
    except OSError as error:
        hint = "name a file" if isinstance(error, IsADirectoryError) else f"ls -ld {path.parent}"
        raise EzError(f"cannot be written: `{path}`: {error.strerror}", hint) from error
    finally:
        with suppress(OSError):
            draft.unlink()
