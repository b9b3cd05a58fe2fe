"""Secrets in the system's keyring: Secret Service, KWallet, macOS' Keychain, Windows' credential manager."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from ez.errors import SecretError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "ez"
_BYTES = "ez-base64:"
"""Before a value that is no text, or that begins like this."""

_UNSAFE = ("keyrings.alt", "keyring.backends.null", "keyring.backends.fail")
"""Backends that keep secrets in plain files, or nowhere."""


def open_vault() -> KeyringVault | None:
    """None where this system has no keyring, or none that is safe."""
    import keyring
    from keyring.errors import KeyringError

    try:
        backend = keyring.get_keyring()
        chosen = [
            one for one in getattr(backend, "backends", [backend]) if not type(one).__module__.startswith(_UNSAFE)
        ]
        return KeyringVault(chosen[0]) if chosen else None
    except (KeyringError, RuntimeError, OSError):
        return None


class KeyringVault:
    kind = "keyring"

    def __init__(self, backend: KeyringBackend) -> None:
        self._backend = backend

    def get(self, name: str) -> bytes | None:
        try:
            found = self._backend.get_password(SERVICE, name)
        except Exception as error:
            raise _failed(error) from None
        if found is None:
            return None
        return base64.b64decode(found.removeprefix(_BYTES)) if found.startswith(_BYTES) else found.encode()

    def set(self, name: str, value: bytes) -> None:
        try:
            self._backend.set_password(SERVICE, name, _as_text(value))
        except Exception as error:
            raise _failed(error) from None

    def remove(self, name: str) -> None:
        from keyring.errors import PasswordDeleteError

        try:
            self._backend.delete_password(SERVICE, name)
        except PasswordDeleteError:
            pass
        except Exception as error:
            raise _failed(error) from None


def _as_text(value: bytes) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = ""
    plain = text and not text.startswith(_BYTES) and "\0" not in text
    return text if plain else _BYTES + base64.b64encode(value).decode()


def _failed(error: Exception) -> SecretError:
    """Every backend has errors of its own; what they say may hold anything, so that only their kind is told."""
    return SecretError(f"the keyring refused: {type(error).__name__}", "unlock it, or: ez config set link.secrets age")
