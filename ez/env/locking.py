"""`ez lock`: what the names of a build file stand for, found out on a computer's engine and written beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ez.build.frontends import NOTHING_GIVEN, Given
from ez.build.frontends.inputs import Inputs
from ez.build.load import load
from ez.build.lock.apply import read_lock
from ez.build.lock.lockfile import NAME, Lock, lock_text
from ez.build.lock.resolve import lock, outdated
from ez.compute.ensure import ensure
from ez.env.engine import engine_on
from ez.env.files import write_whole
from ez.env.given import fetcher
from ez.env.request import GoContext, Request
from ez.env.steps import connect
from ez.errors import DefinitionError
from ez.events import Notice, step
from ez.models import Image

if TYPE_CHECKING:
    from ez.build.secrets import Secret, SshAgent


@dataclass(frozen=True)
class LockState:
    """Whether a lock fits its build file. `missing` is what the build file names and the lock does not; `unused` what
    it does not ask for, which may be another build file's."""

    path: str
    current: bool
    missing: tuple[str, ...]
    unused: tuple[str, ...]


@dataclass(frozen=True)
class LockChange:
    """A lock as it is now: the entries that are `new` in it or say something else, those that are `gone`, how many it
    has, and what of the build file cannot be locked (`left`)."""

    path: str
    new: tuple[str, ...]
    gone: tuple[str, ...]
    entries: int
    left: tuple[str, ...]


def check_lock(directory: Path, name: str, entry: str, given: Given = NOTHING_GIVEN) -> LockState:
    """Nothing is asked of an engine. Raises DefinitionError for a lock that cannot be read."""
    known = _read(directory)
    definition = load(directory, name, entry=entry, access=False, locked=False, given=_pinned(given, known))
    missing, unused = outdated(definition, known or Lock())
    return LockState(str(directory / NAME), known is not None and not missing, missing, tuple(_named(unused)))


def write_lock(
    request: Request,
    context: GoContext,
    *,
    upgrade: bool,
    platforms: tuple[str, ...],
    secrets: Mapping[str, Secret],
    agents: Mapping[str, SshAgent],
) -> LockChange:
    """Look up what the lock lacks, or with `upgrade` everything, on the engine of the computer; the directory stays
    here. `secrets` and `agents` are lent to the steps on the way. Raises what a build raises, EzError where the lock
    cannot be written, and without `upgrade` DefinitionError for one that cannot be read; the lock is then as it was."""
    directory = Path(request.repo.path or ".")
    before = _before(directory, context, upgrade)
    given = Given(request.arguments, fetch=fetcher(context, fresh=upgrade))
    pinned = _pinned(given, None if upgrade else before)
    definition = load(directory, request.name, entry=request.entry, access=False, locked=False, given=pinned)
    host = connect(ensure(request.computer, context.state), context)
    try:
        with step(context.sink, "lock", f"Look up what {request.entry} names") as report:
            with engine_on(host, context.settings) as engine:
                locked = lock(
                    definition,
                    engine,
                    partial(_build(request, context), secrets=secrets, agents=agents),
                    previous=before,
                    upgrade=upgrade,
                    platforms=platforms,
                    docker_config=context.settings.docker_config,
                    sink=context.sink,
                )
            old, new = set(_told(before or Lock())), set(_told(locked.lock))
            report.detail = f"{len(new - old)} new, {len(new & old)} as before"
            report.skipped = new == old
    finally:
        host.close()
    if locked.lock != before:
        write_whole(directory / NAME, lock_text(locked.lock).encode())
    told = tuple(tuple(sorted(some)) for some in (new - old, old - new))
    return LockChange(str(directory / NAME), told[0], told[1], len(new), locked.left)


def _before(directory: Path, context: GoContext, upgrade: bool) -> Lock | None:
    """The lock as it is. One that nobody can read is no reason not to make it anew."""
    try:
        return _read(directory)
    except DefinitionError as error:
        if not upgrade:
            raise
        context.sink(Notice(f"{error.message}; it is made anew", "warning"))
        return None


def _pinned(given: Given, known: Lock | None) -> Given:
    """`given`, with what is included at the commits that are locked already."""
    fetch, commits = given.fetch, {(one.url, one.ref): one.commit for one in (known.git if known else ())}
    if fetch is None or not commits:
        return given
    return replace(given, fetch=lambda url, ref, commit: fetch(url, ref, commit or commits.get((url, ref), "")))


def _build(request: Request, context: GoContext) -> partial[Image]:
    from ez.build.solve import build

    settings = context.settings
    return partial(
        build,
        network=context.network,
        agent_socket=settings.agent_socket if request.agent else None,
        docker_config=settings.docker_config,
    )


def _read(directory: Path) -> Lock | None:
    return read_lock(Inputs(directory))


def _named(known: Lock) -> Iterator[str]:
    yield from (one.reference for one in known.images)
    yield from (f"{one.url} {one.ref}".rstrip() for one in known.git)
    yield from (one.url for one in known.http)
    yield from (f"pip {' '.join(one.asked)} ({one.platform}, Python {one.version})" for one in known.python)


def _told(known: Lock) -> Iterator[str]:
    """Each entry with what it stands for."""
    yield from (f"{one.reference} {one.digest}".rstrip() for one in known.images)
    yield from (f"{one.url} {one.ref} {one.commit}" for one in known.git)
    yield from (f"{one.url} {one.checksum}".rstrip() for one in known.http)
    for one in known.python:
        where = f"({one.platform}, Python {one.version})"
        yield from (f"{package.partition(' --hash')[0]} {where}" for package in one.packages)
