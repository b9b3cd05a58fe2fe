"""What logs in to a share: the lines in which a computer keeps it, and where this one does."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ez.config import Settings
from ez.env.shares.model import AZBLOB, AZURE_BLOBS, GCS, RCLONE, S3, SMB, Share
from ez.errors import EzError, UsageError
from ez.names import shown

if TYPE_CHECKING:
    from ez.env.secrets.store import Secrets

QUESTIONS = {
    SMB: "password",
    S3: "secret access key",
    AZBLOB: "account key or SAS",
    GCS: "service account's JSON",
    RCLONE: "section of rclone.conf",
}
"""What the secret of each kind is called."""

_NAME = "share-{}"
"""Of a login in a keyring."""


def unknown_kind(share: Share) -> None:
    """Raises UsageError for what nobody logs in to."""
    if not share.takes_login:
        raise UsageError(f"nobody logs in to it: `{shown(share.text)}`", "ez share ls")


def lines_of(share: Share, user: str, domain: str, secret: str) -> dict[str, str]:
    """Keys and values on one line each. Raises UsageError for what no server takes."""
    if share.kind in (SMB, S3) and not user:
        raise UsageError(f"who logs in to `{shown(share.text)}`?", "add --user NAME")
    if share.kind == RCLONE:
        return {"line": _checked(_section(secret))}
    if share.kind == GCS:
        return {"secret": _checked(_one_line_json(secret))}
    if share.kind == AZBLOB and "sig=" in secret:
        return {"sas": _checked(_sas_address(share, secret.strip()))}
    found = {"user": _checked(user), "secret": _checked(secret.strip("\r\n"))}
    return {**found, "domain": _checked(domain)} if domain else found


def store_here(settings: Settings, share: Share, lines: Mapping[str, str], *, lasts: bool) -> None:
    """Keep it for `ez share open`: in memory where this system has a place for that, to last in its keyring.

    Raises SecretError.
    """
    memory = _memory(settings)
    if memory is not None:
        (memory / share.credential).unlink(missing_ok=True)
    kept = _kept(settings)
    name = _NAME.format(share.credential)
    if any(known.name == name for known in kept.all()):
        kept.remove(name)
    text = "".join(f"{key}={value}\n" for key, value in lines.items())
    if text and (lasts or memory is None):
        kept.set(name, text.encode())
    elif text and memory is not None:
        memory.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(memory / share.credential, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)


def known_here(settings: Settings, credential: str) -> dict[str, str]:
    """What logs in, of that name; empty where nobody has. Raises SecretError for a keyring that is locked."""
    memory = _memory(settings)
    text = ""
    if memory is not None:
        with suppress(FileNotFoundError):
            text = (memory / credential).read_text("utf-8")
    kept, name = _kept(settings), _NAME.format(credential)
    if not text and any(known.name == name for known in kept.all()):
        text = kept.get(name).decode()
    return dict(line.partition("=")[::2] for line in text.splitlines())


def _memory(settings: Settings) -> Path | None:
    """A folder in memory of this person alone, until they log out."""
    runtime = settings.environment.get("XDG_RUNTIME_DIR", "")
    return Path(runtime) / "ez" / "credentials" if runtime.startswith("/") else None


def _kept(settings: Settings) -> Secrets:
    """Beside those of `ez secret`, which environments get."""
    from ez.env.secrets.store import Secrets

    return Secrets(settings.directories.config / "shares", settings.text("link.secrets"), settings.environment)


def _section(text: str) -> str:
    """rclone's lines in one, with tabs between them; what names the section is left out."""
    lines = [line.strip() for line in text.splitlines()]
    kept = [line for line in lines if "=" in line and not line.startswith(("[", "#", ";"))]
    if not any(line.partition("=")[0].strip() == "type" for line in kept):
        raise UsageError(
            "not a section of rclone.conf: it has no `type`", "rclone config show REMOTE | ez share login ..."
        )
    return "\t".join(kept)


def _sas_address(share: Share, text: str) -> str:
    """Of a container: what the cloud's pages give, with or without the address in front."""
    if text.startswith(("https://", "http://")):
        return text
    domain = dict(share.options).get("endpoint", AZURE_BLOBS)
    return f"https://{share.server}.{domain}/{share.place.split('/')[0]}?{text.lstrip('?')}"


def _one_line_json(text: str) -> str:
    import json

    try:
        return json.dumps(json.loads(text))
    except ValueError as error:
        raise UsageError("the service account's key is no JSON", "give the file as the cloud made it") from error


def _checked(text: str) -> str:
    if any(ord(mark) < 32 and mark != "\t" for mark in text) or len(text) > 60_000:
        raise EzError("a secret has line breaks or control characters", "give it on one line")
    return text
