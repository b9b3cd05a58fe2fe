"""Between which two places the work of an environment moves, and what people hear of it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ez.config import Settings
from ez.env.kept import cache_directory
from ez.env.migrate.inherit import inherit
from ez.env.migrate.loser import keep_loser
from ez.env.migrate.move import Moved, Order, move
from ez.env.migrate.side import Side
from ez.env.reference import canonical, without_secret
from ez.env.request import GoContext, Request
from ez.env.source.carry import Again
from ez.env.source.git import git, text
from ez.errors import SourceError, UsageError
from ez.events import Notice, Sink, null_sink
from ez.models import RepoRef
from ez.names import shown
from ez.ssh.host import Host
from ez.ssh.local import LocalHost

_NAMED = 10
"""Conflicts that a message lists."""


@dataclass(frozen=True)
class Take:
    """Where both sides changed the same, what `computer` has counts; what the other one has is saved in `folder`."""

    computer: str
    folder: Path


@dataclass(frozen=True)
class Journey:
    """One way of the work of an environment. `order` has the notes' key for the pair of places."""

    environment: str
    source: Side
    target: Side
    order: Order
    take: Take | None = None

    @property
    def back(self) -> Journey:
        return replace(self, source=self.target, target=self.source)


@dataclass(frozen=True)
class Migrated:
    """What `ez env up`, `home` and `sync` say with `--json`. `source` and `target` are computers; `paths` of files and
    `names` of references travelled, `bytes` of objects with them; `conflicts` changed on both sides and are kept as
    they are on both; `left` stays behind for another reason. `data` are volumes and caches that went along, `saved` the
    bundles of what lost."""

    environment: str
    source: str
    target: str
    tree: str
    changed: bool
    paths: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    bytes: int = 0
    dry_run: bool = False
    data: tuple[str, ...] = field(default=())
    saved: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """In a phrase, empty where nothing travelled."""
        parts = [
            _counted(len(self.paths), "file"),
            _counted(len(self.names), "branch or tag", "branches and tags"),
            _counted(len(self.data), "volume or cache", "volumes and caches"),
        ]
        return ", ".join(part for part in parts if part) or ("what is kept beside the files" if self.changed else "")


def between(
    settings: Settings, env: str, source: Side, target: Side, sink: Sink, included: Sequence[str] = ()
) -> Order:
    """How work moves between these two, either way."""
    places = sorted(f"{side.host.name}\n{side.path}" for side in (source, target))
    key = hashlib.sha256("\0".join([_installation(settings), env, *places]).encode("utf-8", "surrogateescape"))
    return Order(key.hexdigest()[:16], tuple(included), sink=sink)


def person_side(settings: Settings, path: Path, env: str) -> Side:
    """The person's own directory on this computer. What `ez env go` has carried from it is known, too."""
    host = LocalHost(environment=_plain(settings), home=settings.directories.home)
    place, notes = str(path.resolve()), _notes(settings, path)
    notes.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    cache = cache_directory(settings, "-", RepoRef(None, place, env))
    carried = sorted(str(each) for each in cache.parent.glob(f"*{cache.name[1:]}/carry.git/objects"))
    return Side(host, env, place, str(notes), "\n".join(carried))


def computer_side(host: Host, env: str) -> Side:
    """The work tree that ez made for the environment."""
    return Side(host, env)


def travel(journey: Journey) -> Migrated:
    """Move the work, and tell what stays. Raises SourceError, LinkLostError; conflicts are in the result."""
    saved: tuple[str, ...] = ()
    order = journey.order
    if journey.take is not None and not order.dry_run:
        order, saved = _decided(journey, journey.take)
    moved = move(journey.source, journey.target, order)
    for path in moved.left:
        order.sink(Notice(f"stays where it is: {shown(path)}"))
    return replace(_result(journey, moved), saved=saved)


def _decided(journey: Journey, take: Take) -> tuple[Order, tuple[str, ...]]:
    """Whose version counts, after what the other side has is saved. Raises UsageError for a computer that is none."""
    names = (journey.source.host.name, journey.target.host.name)
    if take.computer not in names:
        raise UsageError(
            f"--take is one of `{names[0]}` and `{names[1]}`, not `{shown(take.computer)}`", "name one of them"
        )
    found = move(journey.source, journey.target, replace(journey.order, dry_run=True)).conflicts
    if not found:
        return journey.order, ()
    wins = take.computer == names[0]
    loser = journey.target if wins else journey.source
    saved = keep_loser(loser, take.folder, journey.order.sink)
    for path in saved:
        journey.order.sink(Notice(f"what {loser.name} has is saved: {path}"))
    if not wins:
        journey.order.sink(Notice(f"{journey.target.name} counts for {_named(found)}: the way back brings that there"))
    return replace(journey.order, winner="source" if wins else "target"), saved


def bequeath(settings: Settings, journey: Journey, home: Path) -> None:
    """Between two computers: what the first had in common with the directory at home, the second has now, too."""
    person = person_side(settings, home, journey.environment)
    keys = [
        between(settings, journey.environment, person, side, null_sink).key for side in (journey.source, journey.target)
    ]
    inherit(journey.source, journey.target, keys[0], keys[1], journey.order.sink)


def refuse_conflicts(result: Migrated) -> None:
    """Raises SourceError where both sides changed the same; all else has travelled."""
    if not result.conflicts:
        return
    places = (result.source, result.target)
    line = f"ez env sync {result.environment}" if "local" in places else f"ez env up {result.environment}"
    raise SourceError(
        f"changed on `{places[0]}` and on `{places[1]}`: {_named(result.conflicts)}",
        "both are kept as they are: make one side like the other, or say whose counts: "
        f"`{line} --take {places[0]}`, or `--take {places[1]}`",
    )


def _named(conflicts: tuple[str, ...]) -> str:
    more = len(conflicts) - _NAMED
    return ", ".join(f"`{name}`" for name in conflicts[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def again_by(request: Request, context: GoContext, host: Host, moved: str | None) -> Again:
    """How `ez env go` brings the work of a directory that was migrated before; `moved` where that is done already."""
    known = request.repo.path is not None and _notes(context.settings, Path(request.repo.path)).is_dir()
    return Again(known, lambda: _bring_up(request, context, host) if moved is None else moved)


def _bring_up(request: Request, context: GoContext, host: Host) -> str:
    """Raises SourceError for conflicts."""
    source = person_side(context.settings, Path(request.repo.path or "."), request.name)
    target = computer_side(host, request.name)
    order = between(context.settings, request.name, source, target, context.sink)
    result = travel(Journey(request.name, source, target, order))
    refuse_conflicts(result)
    return result.words


def repo_around(here: Path, url: str) -> tuple[Path | None, bool]:
    """The top of the repo that `here` is in, if any, and whether it came from `url`."""
    around = next((above for above in (here, *here.parents) if os.path.lexists(above / ".git")), None)
    if around is None:
        return None, False
    origin = text(git(["config", "--get", "remote.origin.url"], directory=around, check=False).stdout).strip()
    try:
        return around, bool(origin) and canonical(without_secret(origin)) == canonical(url)
    except UsageError:
        return around, False


def _result(journey: Journey, moved: Moved) -> Migrated:
    return Migrated(
        journey.environment,
        journey.source.host.name,
        journey.target.host.name,
        journey.target.path or f"~/ez/{journey.environment}",
        moved.changed,
        moved.paths,
        moved.names,
        moved.conflicts,
        moved.left,
        moved.bytes,
        journey.order.dry_run,
    )


def _notes(settings: Settings, path: Path) -> Path:
    mark = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]
    return settings.directories.state / "migrate" / mark


def _installation(settings: Settings) -> str:
    """A random word of this installation, so that two laptops alike never take one another's notes for theirs."""
    file = settings.directories.state / "installation"
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = file.with_name(f".installation-{os.getpid()}")
        fresh.write_text(os.urandom(16).hex())
        try:
            os.link(fresh, file)
        except FileExistsError:
            pass
        fresh.unlink()
        return file.read_text().strip()


def _plain(settings: Settings) -> dict[str, str]:
    """The person's own environment: Git finds the ignore file and the trusted directories of their settings."""
    return {key: value for key, value in settings.environment.items() if not key.startswith("GIT_")}


def _counted(count: int, one: str, several: str = "") -> str:
    return f"{count} {one if count == 1 else several or one + 's'}" if count else ""
