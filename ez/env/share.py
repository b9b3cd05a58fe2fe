"""The team's registry in the straight line: found instead of built, built from its cache, and given back to it.

What is built is given back by another process of ez, which outlives the one that a person waits for. It is told what to
do by a file, one for each environment and computer: removed when it is done, and left with the reason when it failed,
for the next run to tell. Where the process was killed the next run starts it again.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ez.build.definition import Definition
from ez.build.engines.address import Address
from ez.compute.ensure import ensure
from ez.compute.lock import named_lock
from ez.config import Settings
from ez.env.engine import engine_of
from ez.env.request import GoContext, Request
from ez.env.source import Source
from ez.env.steps import connect, image_reference
from ez.errors import BusyError, EzError
from ez.events import Notice, null_sink
from ez.models import Image
from ez.ssh.host import Host

if TYPE_CHECKING:
    from ez.build.share import Shelf

_MOST_ATTEMPTS = 3


@dataclass(frozen=True)
class Job:
    """An image to give to the team, with all that a process needs which comes later and knows nothing else.

    `directory`, `entry`, `arguments` and `fetched` are what the definition `digest` was loaded from; `failed` is why it
    ended, `attempts` how often it began.
    """

    id: str
    computer: str
    environment: str
    socket: str
    digest: str
    directory: str
    entry: str
    fetched: tuple[str, ...] | None
    agent: bool
    shelf: Shelf
    attempts: int = 0
    failed: str = ""
    arguments: tuple[tuple[str, str], ...] = ()


def ask(request: Request, context: GoContext, engine: Address, definition: Definition) -> Shelf | None:
    """What the team's registry has for the definition; None, with a warning, while it cannot be used.

    None without one, too. Raises UsageError for a setting that names none.
    """
    registry = context.settings.text("cache.registry")
    if not registry:
        return None
    from ez.build.share import look
    from ez.env.kept import team_name

    shelf = look(
        engine,
        registry,
        request.name,
        definition,
        cache=team_name(request.repo),
        docker_config=context.settings.docker_config,
        network=context.network,
    )
    if not shelf.trouble:
        return shelf
    context.sink(Notice(f"the team's registry is left out of this run: `{registry}` ({shelf.trouble})", "warning"))
    return None


def pull(
    request: Request, context: GoContext, engine: Address, definition: Definition, shelf: Shelf | None
) -> Image | None:
    """The finished image from the registry, None where there is none or, with a warning, it does not come."""
    if shelf is None or not shelf.found or request.rebuild:
        return None
    from ez.build import share

    reference = image_reference(request.name, definition.digest)
    options: dict[str, Any] = {"docker_config": context.settings.docker_config, "network": context.network}
    try:
        image = share.pull(definition, engine, reference, shelf, **options, sink=context.sink)
    except EzError as error:
        context.sink(Notice(f"the team's image is built here instead: {error.message}", "warning"))
        return None
    return replace(image, built=False)


def begin(
    request: Request, context: GoContext, host: Host, socket: str, definition: Definition, source: Source, shelf: Shelf
) -> None:
    """Have another process give what was built to the team; whatever fails there is told by the next run."""
    if context.detach is None or context.settings.text("cache.export") == "off":
        return
    job = Job(
        id=os.urandom(8).hex(),
        computer=host.name,
        environment=request.name,
        socket=socket,
        digest=definition.digest,
        directory=str(source.directory.absolute()),
        entry=request.entry,
        fetched=source.fetched,
        agent=request.agent,
        # What a rebuild made is under names of its own in the engine's cache.
        shelf=replace(shelf, cache="") if request.rebuild else shelf,
        arguments=request.arguments,
    )
    path = _path(context.settings, host.name, request.name)
    _write(path, job)
    context.detach(_command(path))


def tell(context: GoContext, computer: str, environment: str) -> None:
    """Say how the last time went where it failed, once, and go on with one that was interrupted."""
    path = _path(context.settings, computer, environment)
    job = _read(path)
    if job is None:
        return
    if job.failed or job.attempts >= _MOST_ATTEMPTS:
        context.sink(Notice(_failure(job), "warning"))
        path.unlink(missing_ok=True)
    elif context.detach is not None and not _is_running(context, job):
        context.detach(_command(path))


def failures(settings: Settings) -> tuple[str, ...]:
    """What could not be given to the team and has not been told yet, a sentence for each."""
    jobs = [_read(path) for path in sorted(_folder(settings).glob("*.json"))]
    return tuple(_failure(job) for job in jobs if job is not None and job.failed)


def run(path: Path, context: GoContext) -> None:
    """Do what the file at `path` says, in the process that was started for it. Raises what went wrong."""
    job = _read(path)
    if job is None:
        return
    with named_lock(context.settings.directories.locks, _lock(job), context.sink):
        job = _read(path)
        if job is None or job.failed:
            return
        job = replace(job, attempts=job.attempts + 1)
        _write(path, job)
        try:
            _give(job, context)
        except EzError as error:
            _finish(path, replace(job, failed=error.message))
            raise
        _finish(path, job)


def _give(job: Job, context: GoContext) -> None:
    """The image as it is in the engine; then its steps, from the same definition, while there still is that one."""
    from ez.build.frontends import Given
    from ez.build.load import load
    from ez.build.share import has_image, share_cache, share_image
    from ez.env.evaluate import digests
    from ez.env.given import fetcher

    settings = context.settings
    host = connect(ensure(job.computer, context.state), context)
    try:
        with engine_of(host, Address.unix(job.socket)) as engine:
            reference = image_reference(job.environment, job.digest)
            if has_image(engine, reference, job.digest):
                share_image(engine, reference, job.shelf, docker_config=settings.docker_config, sink=context.sink)
            definition = load(
                Path(job.directory),
                job.environment,
                entry=job.entry,
                fetched=job.fetched,
                digests=digests(settings),
                given=Given(job.arguments, fetch=fetcher(context)),
            )
            if definition.digest != job.digest:
                context.sink(Notice("the definition has changed since: its steps are not shared"))
                return
            share_cache(
                definition,
                engine,
                job.shelf,
                network=context.network,
                docker_config=settings.docker_config,
                agent_socket=settings.agent_socket if job.agent else None,
                sink=context.sink,
            )
    finally:
        host.close()


def _failure(job: Job) -> str:
    reason = job.failed or f"it was interrupted {job.attempts} times"
    return f"the last build of `{job.environment}` on `{job.computer}` was not given to the team's registry: {reason}"


def _finish(path: Path, job: Job) -> None:
    """Keep what failed, remove what is done; a newer build may have taken the file over."""
    now = _read(path)
    if now is None or now.id != job.id:
        return
    if job.failed:
        _write(path, job)
    else:
        path.unlink(missing_ok=True)


def _is_running(context: GoContext, job: Job) -> bool:
    try:
        with named_lock(context.settings.directories.locks, _lock(job), null_sink, wait=0):
            return False
    except BusyError:
        return True


def _lock(job: Job) -> str:
    return f"share.{job.computer}.{job.environment}"


def _command(path: Path) -> tuple[str, ...]:
    return ("env", "share", str(path))


def _folder(settings: Settings) -> Path:
    return settings.directories.state / "share"


def _path(settings: Settings, computer: str, environment: str) -> Path:
    return _folder(settings) / f"{computer}.{environment}.json"


def _read(path: Path) -> Job | None:
    """None where there is nothing that this version of ez can read."""
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    from ez.build.share import Shelf

    try:
        fetched = None if data["fetched"] is None else tuple(data["fetched"])
        arguments = tuple((str(name), str(value)) for name, value in data.get("arguments", ()))
        return Job(**{**data, "fetched": fetched, "shelf": Shelf(**data["shelf"]), "arguments": arguments})
    except (TypeError, KeyError, ValueError):
        return None


def _write(path: Path, job: Job) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{os.urandom(4).hex()}.new")
    with suppress(OSError):
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(asdict(job), file)
        draft.replace(path)
