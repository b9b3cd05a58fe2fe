"""Which shares an environment has: those of the workspace, those asked for before, those asked for now."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from ez.config import PROJECT_FILE, Settings
from ez.env.probe import Container
from ez.env.shares.model import LOCAL, Share, parse_share
from ez.errors import UsageError
from ez.names import LONGEST, shown

LABEL = "ez.shares"
"""What a container says of its shares; they have no secrets."""

LEFT_OUT = "none"
"""The source that takes away what was at a path."""

_KEYS = (".ssh", ".gnupg", ".aws", ".azure", ".config/ez", ".config/gcloud", ".kube", ".local/share/keyrings")

Shares = tuple[Share, ...]


def asked(settings: Settings, flags: Sequence[str], here: Path) -> Shares:
    """The shares of the workspace and those of `--mount`, whose paths begin at `here`.

    Raises UsageError for one that cannot be, before anything is done.
    """
    found = [_of_workspace(settings, name, text) for name, text in settings.shares]
    for text in flags:
        target = _left_out(text)
        if target:
            found.append(Share("", LEFT_OUT, LEFT_OUT, target, "", flagged=True))
            continue
        share = parse_share("", text, flagged=True)
        found.append(_with_folder(share, here, below=None) if share.kind == LOCAL else share)
    targets = [share.target for share in found if share.flagged]
    for target in targets:
        if targets.count(target) > 1:
            raise UsageError(f"two shares have one path: `{shown(target)}`", "leave out one of them")
    return tuple(found)


def combined(wanted: Iterable[Share], current: Container | None, home: str) -> Shares:
    """With what `--mount` asked for at an earlier start; of two with one path the later one counts.

    `home` is what `~` is in the environment. Raises UsageError for paths in one another.
    """
    now = tuple(wanted)
    earlier = tuple(share for share in of_container(current) if share.flagged)
    of_workspace = tuple(share for share in now if not share.flagged)
    by_target: dict[str, Share] = {}
    for share in (*of_workspace, *earlier, *(share for share in now if share.flagged)):
        target = home + share.target[1:] if share.target.startswith("~/") else share.target
        by_target[target] = replace(share, target=target)
    kept = [share for _, share in sorted(by_target.items()) if share.kind != LEFT_OUT]
    _refuse_nested(kept)
    return _named(kept)


def of_container(container: Container | None) -> Shares:
    """What it says of its shares; nothing where that is none of ez's."""
    try:
        listed = json.loads(container.labels.get(LABEL, "[]")) if container else []
        return tuple(_from_label(entry) for entry in listed)
    except (ValueError, TypeError, AttributeError):
        return ()


def label(shares: Iterable[Share]) -> str:
    return json.dumps([asdict(share) for share in shares])


def _from_label(entry: dict[str, object]) -> Share:
    values = dict(entry)
    options = values.pop("options", [])
    if not isinstance(options, list):
        raise TypeError
    pairs = tuple((str(key), str(value)) for key, value in options)
    return Share(**values, options=pairs)  # type: ignore[arg-type]


def _of_workspace(settings: Settings, name: str, text: str) -> Share:
    share = parse_share(name, text)
    if share.kind != LOCAL:
        return share
    if settings.sources[f"shares.{name}"] != PROJECT_FILE:
        return _with_folder(share, settings.directories.home, below=None)
    assert settings.project is not None
    return _with_folder(share, settings.project, below=settings.project)


def _with_folder(share: Share, here: Path, *, below: Path | None) -> Share:
    """The folder of this computer, with its whole path. One that a repo names is in the repo, and no link leads out of
    it: others wrote that repo."""
    written = share.place
    if below is not None and (written.startswith(("/", "~")) or ".." in written.split("/")):
        raise UsageError(
            f"a repo may only share folders of its own: `local:{shown(written)}`", "write it as local:./FOLDER"
        )
    folder = Path(os.path.normpath(here / Path(written).expanduser()))
    real = Path(os.path.realpath(folder))
    if not real.is_dir():
        raise UsageError(f"no such folder on this computer: `{shown(str(folder))}`", "make it, or correct the share")
    _refuse_keys(real)
    if below is None:
        return replace(share, place=str(real))
    top = Path(os.path.realpath(below))
    if real != top / folder.relative_to(below):
        raise UsageError(f"a link leads the repo's share out of it: `local:{shown(written)}`", "remove that link")
    if not share.read_only and (".git" in real.relative_to(top).parts or (real / ".git").exists()):
        # What Git runs here is written there.
        raise UsageError(f"a repo may not share its own `.git`: `local:{shown(written)}`", "write :ro behind its path")
    return replace(share, place=str(real), below=str(top))


def _refuse_keys(folder: Path) -> None:
    """A whole home, or where a person's keys are: whoever is root on a computer would have them."""
    home = Path(os.path.realpath(Path.home()))
    keys = [home / name for name in _KEYS]
    if home.is_relative_to(folder) or any(folder.is_relative_to(place) for place in keys):
        raise UsageError(
            f"a computer would have your keys: `local:{shown(str(folder))}`", "share a folder of your work"
        )


def _left_out(text: str) -> str:
    source, _, target = text.partition(":")
    return target.rstrip("/") if source == LEFT_OUT and target.startswith(("/", "~/")) else ""


def _refuse_nested(shares: Sequence[Share]) -> None:
    targets = [share.target for share in shares]
    for target in targets:
        if any(target.startswith(f"{other}/") for other in targets):
            raise UsageError(f"a share in a share: `{shown(target)}`", "choose paths beside one another")


def _named(shares: Iterable[Share]) -> Shares:
    """With a name for each: its own, or the last part of its path."""
    taken = {share.name for share in shares if share.name}
    found = []
    for share in shares:
        name = share.name or _new_name(share.target, taken)
        taken.add(name)
        found.append(replace(share, name=name))
    return tuple(found)


def _new_name(target: str, taken: set[str]) -> str:
    base = re.sub(r"[^a-z0-9]+", "-", target.rsplit("/", 1)[-1].lower()).strip("-")[: LONGEST - 4].strip("-") or "share"
    names = [base, *(f"{base}-{number}" for number in range(2, 100))]
    return next(name for name in names if name not in taken)
