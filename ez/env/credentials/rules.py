"""The allow-list of an environment: what is answered at home for it. Everything else is refused.

A rule is a kind and the one name that it is for; names are compared as they are, letter by letter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ez.env.link.places import make_private
from ez.env.secrets.wanted import check_secret_name
from ez.errors import ConfigError, UsageError
from ez.names import shown
from ez.ssh.files import locked, write_atomic

KINDS = ("agent", "git", "registry", "gpg", "secret")
HUB = "docker.io"

_HOST = r"(?!-)[a-z0-9-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9-]{1,63}(?<!-))*"
_PLACE = re.compile(rf"(?:{_HOST}|\[[0-9a-f:.]{{2,45}}\])(?::[1-9][0-9]{{0,4}})?")
_GPG_KEY = re.compile(r"[<=]?[^\W_].{0,199}")
_HUB_NAMES = ("https://index.docker.io/v1/", "index.docker.io", "registry-1.docker.io", HUB)


@dataclass(frozen=True, order=True)
class Rule:
    """`name` is `https://HOST[:PORT]` for `git`, `HOST[:PORT]` for `registry`, the key as Git has it for `gpg`, its
    name for `secret`, and empty for `agent`."""

    kind: str
    name: str = ""


class Rules:
    """Those of one environment, in a file of its `records` directory that is read anew for each question."""

    def __init__(self, records: Path) -> None:
        self._path = records / "allow.json"

    def repo(self) -> str | None:
        """The repo whose environment they are for; None where there are no rules. Raises ConfigError."""
        found = self._read()
        return None if found is None else str(found.get("repo", ""))

    def all(self) -> tuple[Rule, ...]:
        """Raises ConfigError for a file that cannot be read: what it allows is not guessed."""
        found = self._read()
        try:
            entries = found["rules"] if found is not None else ()
            return tuple(sorted({Rule(str(entry["kind"]), str(entry["name"])) for entry in entries}))
        except (KeyError, TypeError) as error:
            raise self._broken() from error

    def allows(self, rule: Rule) -> bool:
        return rule in self.all()

    def change(self, *, add: Iterable[Rule] = (), remove: Iterable[Rule] = ()) -> tuple[Rule, ...]:
        """Gives all rules that are there then."""
        make_private(self._path.parent)
        with locked(self._path.with_name("allow.lock")):
            rules = tuple(sorted((set(self.all()) | set(add)) - set(remove)))
            self._write(self.repo() or "", rules)
        return rules

    def begin(self, repo: str, rules: Iterable[Rule]) -> None:
        """Just these, for an environment of `repo`."""
        make_private(self._path.parent)
        with locked(self._path.with_name("allow.lock")):
            self._write(repo, rules)

    def _read(self) -> dict[str, Any] | None:
        try:
            found = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise self._broken() from error
        if not isinstance(found, dict):
            raise self._broken()
        return found

    def _write(self, repo: str, rules: Iterable[Rule]) -> None:
        listed = [{"kind": rule.kind, "name": rule.name} for rule in sorted(set(rules))]
        write_atomic(self._path, json.dumps({"repo": repo, "rules": listed}, indent=1).encode(), 0o600)

    def _broken(self) -> ConfigError:
        return ConfigError(f"the allow-list cannot be read: `{self._path}`", f"remove {self._path}")


def parse_rule(kind: str, name: str) -> Rule:
    """What a person typed. Raises UsageError."""
    if kind not in KINDS:
        raise UsageError(f"not a kind of question: `{shown(kind)}`", f"use one of {', '.join(KINDS)}")
    if kind == "agent":
        if name:
            raise UsageError(f"`agent` has no name: `{shown(name)}`", "ez env allow ENV agent")
        return Rule("agent")
    if kind == "secret":
        return Rule(kind, check_secret_name(name))
    found = {"git": git_server, "registry": registry, "gpg": gpg_key}[kind](name)
    if found is None:
        hint = {"git": "https://git.example.org", "registry": "registry.example.org", "gpg": "0123456789ABCDEF"}[kind]
        raise UsageError(f"not a name for `{kind}`: `{shown(name)}`", f"as `ez env allow ENV {kind} {hint}`")
    return Rule(kind, found)


def git_server(address: str) -> str | None:
    """`https://HOST[:PORT]` of exactly that form, else None; capital letters of the host are small ones."""
    if not address.isascii():
        return None  # Before anything is made small: some letters of other scripts become ASCII by that.
    scheme, _, place = address.partition("://")
    place = place.lower()
    return f"https://{place}" if scheme == "https" and is_place(place) else None


def server_of(repo: str) -> str | None:
    """The server of a repo's address over https, None for any other address."""
    from urllib.parse import urlsplit

    try:
        found = urlsplit(repo)
    except ValueError:
        return None
    return git_server(f"https://{found.netloc.rpartition('@')[2]}") if found.scheme == "https" else None


def registry(name: str) -> str | None:
    """`HOST[:PORT]` as registries are asked for, with or without `https://`, else None. Docker Hub has four names."""
    if name in _HUB_NAMES:
        return HUB
    place = name.removeprefix("https://")
    return place if is_place(place) else None


def gpg_key(name: str) -> str | None:
    """A key as Git's `user.signingkey` names it, else None. Never a word that begins with `-`."""
    return name if _GPG_KEY.fullmatch(name) and name.isprintable() else None


def is_place(text: str) -> bool:
    """Whether it is `HOST[:PORT]` and nothing else: no user, path, space or sign, no dot at its end."""
    if len(text) > 260 or not _PLACE.fullmatch(text):
        return False
    port = text.rpartition(":")[2] if not text.endswith("]") and ":" in text else ""
    return not port or int(port) <= 65535
