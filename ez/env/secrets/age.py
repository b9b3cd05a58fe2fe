"""Secrets in one file that the program `age` encrypts, for computers without a keyring.

Its key lies beside it, for the owner alone, as an SSH key without a passphrase does; `age-keygen` makes it. A key that
the person made before, with a passphrase or for a hardware token, is used as it is: age asks for it.
"""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from ez.env.link.places import make_private
from ez.errors import SecretError
from ez.ssh.files import write_atomic

_SECONDS = 120.0


def open_vault(directory: Path, variables: Mapping[str, str]) -> AgeVault:
    return AgeVault(make_private(directory), variables)


class AgeVault:
    kind = "age"

    def __init__(self, directory: Path, variables: Mapping[str, str]) -> None:
        self._file = directory / "secrets.age"
        self._key = directory / "secrets.key"
        self._variables = variables

    def get(self, name: str) -> bytes | None:
        return self._read().get(name)

    def set(self, name: str, value: bytes) -> None:
        self._write({**self._read(), name: value})

    def remove(self, name: str) -> None:
        kept = self._read()
        if kept.pop(name, None) is not None:
            self._write(kept)

    def _read(self) -> dict[str, bytes]:
        if not self._file.exists():
            return {}
        plain = self._run(["age", "--decrypt", "--identity", str(self._key), str(self._file)])
        try:
            return {str(name): base64.b64decode(value) for name, value in json.loads(plain).items()}
        except (ValueError, AttributeError, TypeError):
            raise SecretError(f"not a file of secrets: `{self._file}`", f"move it away: {self._file}") from None

    def _write(self, values: Mapping[str, bytes]) -> None:
        if not self._key.exists():
            made = self._run(["age-keygen"])
            write_atomic(self._key, made, 0o600)
        plain = json.dumps({name: base64.b64encode(value).decode() for name, value in values.items()}).encode()
        hidden = self._run(["age", "--encrypt", "--armor", "--identity", str(self._key)], plain)
        write_atomic(self._file, hidden, 0o600)

    def _run(self, command: Sequence[str], given: bytes = b"") -> bytes:
        try:
            done = subprocess.run(
                command, input=given, env=dict(self._variables), capture_output=True, timeout=_SECONDS, check=False
            )
        except FileNotFoundError as error:
            raise SecretError("neither a keyring nor the program `age` is here", "apt install age") from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SecretError(f"`{command[0]}` cannot run: {type(error).__name__}") from error
        if done.returncode:
            said = (done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"])[0]
            raise SecretError(f"`{command[0]}` failed: {said[:200]}", f"ls -l {self._key}")
        return done.stdout
