"""Where a person's secrets are kept on this computer: the system's keyring, or a file that `age` encrypts.

The names, which are no secret, are kept beside, since keyrings do not list theirs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ez.env.link.places import make_private
from ez.errors import SecretError
from ez.ssh.files import locked, write_atomic

LARGEST = 64 * 1024
"""Bytes of a value."""

KINDS = ("auto", "keyring", "age")


class Vault(Protocol):
    """Keeps values by name. `get` gives None for what is not there, `remove` of that is no error; each raises
    SecretError where the vault is locked or broken. No error holds a value."""

    @property
    def kind(self) -> str: ...

    def get(self, name: str) -> bytes | None: ...

    def set(self, name: str, value: bytes) -> None: ...

    def remove(self, name: str) -> None: ...


@dataclass(frozen=True)
class Known:
    """A secret that is there: which vault has it, and when it was set last, in Unix seconds."""

    name: str
    kind: str
    updated: float


class Secrets:
    """All secrets of a person. `directory` is ez's own configuration directory."""

    def __init__(self, directory: Path, kind: str, variables: Mapping[str, str]) -> None:
        self._directory = directory
        self._kind = kind
        self._variables = variables

    @property
    def _index(self) -> Path:
        return self._directory / "secrets.json"

    def all(self) -> tuple[Known, ...]:
        """Raises SecretError."""
        try:
            entries = json.loads(self._index.read_bytes())
            return tuple(Known(str(name), str(one["kind"]), float(one["updated"])) for name, one in entries.items())
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise SecretError(
                f"the names of secrets cannot be read: `{self._index}`", f"remove {self._index}"
            ) from error

    def get(self, name: str) -> bytes:
        """Raises SecretError for one that is not there."""
        kinds = {known.name: known.kind for known in self.all()}
        value = self._vault(kinds[name]).get(name) if name in kinds else None
        if value is None:
            raise SecretError(f"no secret `{name}`", f"ez secret set {name}")
        return value

    def set(self, name: str, value: bytes) -> Known:
        if not value or len(value) > LARGEST:
            raise SecretError(f"a secret has 1 to {LARGEST} bytes, not {len(value)}", f"ez secret set {name} < FILE")
        make_private(self._directory)
        with locked(self._directory / "secrets.lock"):
            vault = self._vault(self._kind)
            vault.set(name, value)
            known = Known(name, vault.kind, time.time())
            for old in self.all():
                if old.name == name and old.kind != vault.kind:
                    self._vault(old.kind).remove(name)
            self._write([*(one for one in self.all() if one.name != name), known])
        return known

    def remove(self, name: str) -> bool:
        """False where there was none."""
        make_private(self._directory)
        with locked(self._directory / "secrets.lock"):
            found = [one for one in self.all() if one.name == name]
            for one in found:
                self._vault(one.kind).remove(name)
            self._write([one for one in self.all() if one.name != name])
        return bool(found)

    def _write(self, known: list[Known]) -> None:
        listed = {
            one.name: {"kind": one.kind, "updated": one.updated} for one in sorted(known, key=lambda one: one.name)
        }
        write_atomic(self._index, json.dumps(listed, indent=1).encode(), 0o600)

    def _vault(self, kind: str) -> Vault:
        from ez.env.secrets import age, keyrings

        if kind not in KINDS:
            raise SecretError(f"no such place for secrets: `{kind}`", "ez config set link.secrets auto")
        found = keyrings.open_vault() if kind != "age" else None
        if found is not None:
            return found
        if kind == "keyring":
            raise SecretError("this system has no keyring that is open", "ez config set link.secrets age")
        return age.open_vault(self._directory, self._variables)
