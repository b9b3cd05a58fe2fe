"""Signatures of commits and tags, made by GnuPG at home: what Git wants signed goes there, and no other call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ez.env.credentials.answer import REFUSED, SIGNED, UNKNOWN, Answer, not_allowed, run_here
from ez.env.credentials.rules import Rule, Rules, gpg_key

_OBJECTS = (b"tree ", b"object ")
"""How a commit and a tag begin, in Git's own form."""


def answer(
    words: Sequence[str], payload: bytes, rules: Rules, variables: Mapping[str, str], environment: str
) -> Answer:
    """`words` are those that Git calls `gpg.program` with to sign: `--status-fd=2 -bsau KEY`."""
    key = gpg_key(words[2]) if len(words) == 3 and list(words[:2]) == ["--status-fd=2", "-bsau"] else None
    if key is None or not payload.startswith(_OBJECTS):
        return Answer("not a commit or tag", REFUSED, 2, stderr="ez: only commits and tags are signed at home\n")
    if not rules.allows(Rule("gpg", key)):
        return Answer(key, REFUSED, 2, stderr=not_allowed(environment, "gpg", key))
    command = ["gpg", "--batch", "--status-fd=2", "-bsau", key]
    done = run_here(command, payload, variables, Path(variables.get("HOME", "/")))
    if done is None:
        return Answer(key, UNKNOWN, 2, stderr="ez: gpg cannot run at home\n")
    code, signature, status = done
    return Answer(key, UNKNOWN if code else SIGNED, code, signature, status.decode("utf-8", "replace"))
