"""Docker's credential helper (`docker-credential-ez get`), answered from Docker's own settings at home."""

from __future__ import annotations

import json
from pathlib import Path

from ez.env.credentials.answer import GIVEN, REFUSED, UNKNOWN, Answer, not_allowed
from ez.env.credentials.rules import HUB, Rule, Rules, registry

_NOT_FOUND = "credentials not found in native keychain\n"
"""What Docker takes for `there is none`, and goes on without."""


def answer(question: bytes, rules: Rules, docker_config: Path, environment: str) -> Answer:
    asked = question.decode("utf-8", "replace").removesuffix("\n")
    name = registry(asked)
    if name is None:
        return Answer("not a registry", REFUSED, 1, b"", _NOT_FOUND)
    if not rules.allows(Rule("registry", name)):
        # On stdout, where Docker looks for it; the person's part on stderr.
        return Answer(name, REFUSED, 1, _NOT_FOUND.encode(), not_allowed(environment, "registry", name))
    found = _find(docker_config, name)
    if found is None:
        return Answer(name, UNKNOWN, 1, _NOT_FOUND.encode())
    username, secret = found
    told = {"ServerURL": asked, "Username": username or "<token>", "Secret": secret}
    return Answer(name, GIVEN, stdout=json.dumps(told).encode())


def _find(docker_config: Path, name: str) -> tuple[str, str] | None:
    import asyncio

    from ez.build.buildkit.session.credentials import HUB as HUB_HOST
    from ez.build.buildkit.session.credentials import find_credentials

    username, secret = asyncio.run(find_credentials(docker_config, HUB_HOST if name == HUB else name))
    return (username, secret) if secret else None
