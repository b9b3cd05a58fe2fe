"""The one line that the person's own OpenSSH configuration gets."""

from __future__ import annotations

from pathlib import Path

from ez.errors import ConfigError
from ez.ssh.files import write_atomic


def add_include(user_config: Path, included: str) -> None:
    """Make `Include "included"` the first line, in front of any block that would make it conditional.

    Everything else stays byte for byte; a symbolic link is followed; a file that is not there is made (0600).
    """
    target, text = _read(user_config)
    line, rest = _line(included), _without(text, included)
    ending = b"\r\n" if rest.partition(b"\n")[0].endswith(b"\r") else b"\n"
    _write(target, line + ending + rest)


def remove_include(user_config: Path, included: str) -> None:
    """Take the line out again. A file that held nothing else is removed."""
    target, text = _read(user_config)
    rest = _without(text, included)
    if rest == text:
        return
    if not rest and not user_config.is_symlink():
        target.unlink()
    else:
        _write(target, rest)


def _line(included: str) -> bytes:
    return f'Include "{included}"'.encode()


def _without(text: bytes, included: str) -> bytes:
    line = _line(included)
    return b"".join(piece for piece in text.splitlines(keepends=True) if piece.rstrip(b"\r\n") != line)


def _read(user_config: Path) -> tuple[Path, bytes]:
    try:
        target = user_config.resolve()
        return target, target.read_bytes()
    except FileNotFoundError:
        return target, b""
    except (OSError, RuntimeError) as error:
        raise ConfigError(f"OpenSSH configuration cannot be read: `{user_config}`", f"ls -l {user_config}") from error


def _write(target: Path, text: bytes) -> None:
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = target.stat().st_mode & 0o7777 if target.exists() else 0o600
        write_atomic(target, text, mode)
    except OSError as error:
        raise ConfigError(f"OpenSSH configuration cannot be written: `{target}`", f"ls -ld {target.parent}") from error
