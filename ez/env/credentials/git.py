"""Git's credential helper for servers over https, answered by `git credential fill` at home.

The form of questions and answers is that of git-credential(1): lines of `key=value`, ended by an empty one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ez.env.credentials.answer import GIVEN, REFUSED, UNKNOWN, Answer, not_allowed, run_here
from ez.env.credentials.rules import Rule, Rules, git_server

_PASSED = ("path", "username")
_RETURNED = ("username", "password", "password_expiry_utc")
_LONGEST_VALUE = 2_000


def answer(question: bytes, rules: Rules, variables: Mapping[str, str], environment: str) -> Answer:
    asked = parse(question)
    server = git_server(f"{asked.get('protocol', '')}://{asked.get('host', '')}") if asked is not None else None
    if asked is None or server is None:
        return Answer("not an https server", REFUSED, stderr="ez: only servers over https are asked about at home\n")
    if not rules.allows(Rule("git", server)):
        return Answer(server, REFUSED, stderr=not_allowed(environment, "git", server))
    wanted = {"protocol": "https", "host": server.removeprefix("https://")}
    wanted |= {key: asked[key] for key in _PASSED if key in asked}
    found = _fill(wanted, variables)
    if found is None or not found.get("password"):
        return Answer(server, UNKNOWN, stderr=f"ez: no credential for {server} at home\n")
    told = "".join(f"{key}={found[key]}\n" for key in _RETURNED if key in found)
    return Answer(server, GIVEN, stdout=told.encode("utf-8", "surrogateescape"))


def parse(text: bytes) -> dict[str, str] | None:
    """Keys and values; None for what is no question of Git's. Each key counts once: two hosts are nobody's mistake."""
    if any(mark in text for mark in (b"\0", b"\r")):
        return None
    found: dict[str, str] = {}
    for line in text.decode("utf-8", "surrogateescape").split("\n"):
        key, equals, value = line.partition("=")
        if not line:
            continue
        if not equals or len(value) > _LONGEST_VALUE or key == "url":
            return None
        if key in found and not key.endswith("[]"):
            return None
        found[key] = value
    return found


def _fill(wanted: Mapping[str, str], variables: Mapping[str, str]) -> dict[str, str] | None:
    """What Git at home knows, without asking anybody on a terminal; None where that is another server's."""
    quiet = {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "", "SSH_ASKPASS": "", "GCM_INTERACTIVE": "auto"}
    question = "".join(f"{key}={value}\n" for key, value in wanted.items()) + "\n"
    command = ["git", "-c", "core.askPass=", "credential", "fill"]
    home = Path(variables.get("HOME", "/"))
    done = run_here(command, question.encode("utf-8", "surrogateescape"), {**variables, **quiet}, home)
    if done is None or done[0]:
        return None
    found = parse(done[1]) or {}
    same = all(found.get(key, wanted[key]) == wanted[key] for key in ("protocol", "host"))
    return found if same else None
