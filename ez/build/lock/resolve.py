"""A lock made on an engine: what the names of a build file stand for now."""

from __future__ import annotations

import io
import json
import re
import secrets
import tarfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ez.build.definition import Definition
from ez.build.engines.address import Address
from ez.build.frontends.inputs import Inputs
from ez.build.graph import (
    BindMount,
    CopyAction,
    Files,
    GitSource,
    HttpSource,
    ImageConfig,
    ImageSource,
    Run,
    Scratch,
    State,
    walk,
)
from ez.build.image.shell import command
from ez.build.llb.reference import normalise, registry_of
from ez.build.lock.apply import apply_known, is_commit, lacking, python_versions, unused
from ez.build.lock.lockfile import Lock, LockedGit, LockedHttp, LockedImage, LockedPython
from ez.build.lock.pip_calls import PipCall, pip_call
from ez.build.order import STREAM, Output
from ez.errors import BuildError
from ez.events import Sink, null_sink

_SUM = re.compile(rb"\\?([0-9a-f]{64})\b")
_COMMIT = re.compile(rb"[0-9a-f]{40}")

BuildInto = Callable[..., object]
"""`ez.build.solve.build` with the caller's network, secrets and agents: `(definition, engine, reference, *, outputs,
platforms, sink)`."""


@dataclass(frozen=True)
class Locked:
    """A lock, and what of the definition cannot be locked, as phrases."""

    lock: Lock
    left: tuple[str, ...]


def lock(
    definition: Definition,
    engine: Address,
    build: BuildInto,
    *,
    previous: Lock | None = None,
    upgrade: bool = False,
    platforms: Iterable[str] = (),
    docker_config: Path | None = None,
    sink: Sink = null_sink,
) -> Locked:
    """Find out on `engine` what `definition`, loaded without its lock, stands for.

    What `previous` has is kept; with `upgrade` everything is looked up anew, and what the definition does not ask for
    any more goes. `platforms` (`linux/arm64`; the engine's own if none) are those that Python packages are locked for.
    Packages are resolved in the image as it is before their step, so what lies below it is built on the way.

    Raises what `build` raises, StepError for an image that is neither in a registry nor in the engine, whose registry
    does not answer or does not let the person in, and that was locked and is not in its registry any more.
    """
    inputs = Inputs(Path(definition.context))
    kept = Lock() if upgrade or previous is None else previous
    had = frozenset(one.reference for one in (previous or kept).images if one.digest)
    found = _Locker(definition, engine, build, inputs, docker_config, had, sink).found(kept, tuple(platforms))
    return Locked(found, tuple(_left(definition.state, found, inputs)))


def outdated(definition: Definition, current: Lock) -> tuple[tuple[str, ...], Lock]:
    """Of `definition`, loaded without its lock: what `current` lacks, as phrases, and what of it is not asked for."""
    inputs = Inputs(Path(definition.context))
    known, included = {(one.url, one.ref) for one in current.git}, included_of(definition)
    missing = dict.fromkeys(
        [
            *(one.what for one in lacking(definition.state, current, inputs)),
            *(f"the included repository `{one.url}`" for one in included if (one.url, one.ref) not in known),
        ]
    )
    needless = unused(definition.state, current, inputs)
    kept = {(one.url, one.ref) for one in included}
    return tuple(missing), replace(needless, git=tuple(one for one in needless.git if (one.url, one.ref) not in kept))


def included_of(definition: Definition) -> tuple[LockedGit, ...]:
    """What a definition includes, as far as that can change."""
    return tuple(LockedGit(one.url, one.ref, one.commit) for one in definition.includes if not is_commit(one.ref))


def with_included(git: tuple[LockedGit, ...], definition: Definition) -> tuple[LockedGit, ...]:
    found = {(one.url, one.ref): one for one in (*git, *included_of(definition))}
    return tuple(found[key] for key in sorted(found))


class _Locker:
    def __init__(
        self,
        definition: Definition,
        engine: Address,
        build: BuildInto,
        inputs: Inputs,
        docker_config: Path | None,
        had: frozenset[str],
        sink: Sink,
    ) -> None:
        self._definition = definition
        self._engine = engine
        self._build = build
        self._inputs = inputs
        self._docker_config = docker_config or Path.home() / ".docker" / "config.json"
        self._had = had
        self._sink = sink

    def found(self, lock: Lock, platforms: tuple[str, ...]) -> Lock:
        """Each kind with the ones before already locked, since later ones grow from them."""
        states = walk(self._definition.state)
        own, images = self._images(lock, [one for one in states if isinstance(one, ImageSource)])
        lock = replace(lock, images=images)
        git = self._git(lock, [one for one in states if isinstance(one, GitSource)])
        lock = replace(lock, git=with_included(git, self._definition))
        lock = replace(lock, http=self._http(lock, [one for one in states if isinstance(one, HttpSource)]))
        for call, _ in _calls(self._definition.state, self._inputs).values():
            for platform in platforms or (own,):
                lock = self._with_packages(lock, call, platform, own)
        return lock

    def _images(self, lock: Lock, sources: list[ImageSource]) -> tuple[str, tuple[LockedImage, ...]]:
        """The engine's own platform, and the images."""
        known = {one.reference: one for one in lock.images}
        wanted = {normalise(one): one for one in sources if "@" not in one.reference}
        missing = {one: image for one, image in wanted.items() if one not in known or not known[one].digest}
        platform, digests = _asked(self._engine, missing, self._docker_config, self._had)
        for reference, digest in digests.items():
            known[reference] = LockedImage(reference, digest)
        return platform, tuple(known[reference] for reference in sorted(known))

    def _git(self, lock: Lock, sources: list[GitSource]) -> tuple[LockedGit, ...]:
        known = {(one.url, one.ref): one for one in lock.git}
        for source in sources:
            key = (source.url, source.ref)
            if key not in known and not source.commit:
                whole = replace(source, subdirectory="", keep_git_directory=True)
                head = _COMMIT.match(self._file(whole, "/.git/HEAD"))
                if head is None:
                    raise BuildError(f"cannot tell the commit of `{source.url}`", "name a commit as its `ref`")
                known[key] = LockedGit(*key, head[0].decode())
        return tuple(known[key] for key in sorted(known))

    def _http(self, lock: Lock, sources: list[HttpSource]) -> tuple[LockedHttp, ...]:
        """Sums are made on the engine, in one of the definition's own images; a large file stays there."""
        known = {one.url: one for one in lock.http}
        images = [one for one in walk(self._definition.state) if isinstance(one, ImageSource)]
        for source in sources:
            if (source.url in known and known[source.url].checksum) or source.checksum:
                continue
            if not images:
                known[source.url] = LockedHttp(source.url, "")
                continue
            mounts = (BindMount("/run/ez-download", replace(source, filename="file")),)
            argv = ("/bin/sh", "-c", "sha256sum /run/ez-download/file >/ez-sum")
            run = Run(images[0], argv, mounts=mounts, network=False, note=source.note)
            found = _SUM.match(self._file(run, "/ez-sum", lock))
            if found is None:
                raise BuildError(f"cannot tell the checksum of `{source.url}`", "write it in the build file")
            known[source.url] = LockedHttp(source.url, f"sha256:{found[1].decode()}")
        return tuple(known[url] for url in sorted(known))

    def _with_packages(self, lock: Lock, call: PipCall, platform: str, own: str) -> Lock:
        versions = python_versions(self._definition.state)
        for one in lock.python:
            if (one.asked, one.platform) == (call.asked, platform) and (not versions or one.version in versions):
                return lock
        step = _calls(apply_known(self._definition.state, lock, self._inputs), self._inputs)[call.asked][1]
        argv = command("resolve", arguments=call.arguments)
        # The time of asking is part of the step, or the engine would give the answer of the last time.
        run = replace(step, argv=argv, env=(*step.env, ("EZ_LOCK", secrets.token_hex(8))))
        other = "" if platform == own else platform
        found = _packages(call, self._file(run, "/ez-lock.json", platform=other), platform)
        others = [one for one in lock.python if _key(one) != _key(found)]
        return replace(lock, python=tuple(sorted([*others, found], key=_key)))

    def _file(self, state: State, path: str, lock: Lock = Lock(), platform: str = "") -> bytes:
        """The file `path` of `state`, made on the engine."""
        state = apply_known(Files(Scratch(), (CopyAction(state, path, "/file"),)), lock, self._inputs)
        wanted = replace(self._definition, state=state, config=ImageConfig())
        stream = io.BytesIO()
        output = Output("tar", STREAM, stream=stream)
        self._build(
            wanted, self._engine, "", outputs=(output,), platforms=(platform,) if platform else (), sink=self._sink
        )
        stream.seek(0)
        with tarfile.open(fileobj=stream) as archive:
            for member in archive:
                content = archive.extractfile(member)
                if content is not None:
                    return content.read()
        raise BuildError(f"the engine did not give `{path}`", "run the same command again")


def _calls(state: State, inputs: Inputs) -> dict[tuple[str, ...], tuple[PipCall, Run]]:
    """The calls of pip by what they ask for, each with the first step that makes it."""
    found: dict[tuple[str, ...], tuple[PipCall, Run]] = {}
    for one in walk(state):
        if isinstance(one, Run) and (call := pip_call(one, inputs)) and call.asked:
            found.setdefault(call.asked, (call, one))
    return found


def _packages(call: PipCall, data: bytes, platform: str) -> LockedPython:
    try:
        found = json.loads(data)
        version = str(found["version"])
        packages = [line for one in found["packages"] if (line := _pinned(one))]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BuildError("the base image's pip does not say what it would install", "name another image") from error
    return LockedPython(
        asked=call.asked,
        platform=platform,
        version=version,
        packages=tuple(sorted(packages, key=str.lower)),
        unlocked=call.unlocked,
    )


def _pinned(package: Mapping[str, str]) -> str:
    """A line of a requirements file; empty for what has no hash or is a file of the image."""
    name, url = package["name"], package["url"]
    named = f"{name} @ {url}" if url else f"{name}=={package['version']}"
    sha256 = package["sha256"]
    return f"{named} --hash=sha256:{sha256}" if sha256 and "file://" not in named else ""


def _key(one: LockedPython) -> tuple[tuple[str, ...], str, str]:
    return one.asked, one.platform, one.version


def _asked(
    engine: Address, images: Mapping[str, ImageSource], docker_config: Path, had: frozenset[str]
) -> tuple[str, dict[str, str]]:
    """The engine's platform, and the registry's digest of each image, empty for one that only the engine has: its
    registry says that it is not there, and it is none of those that it `had`."""
    import asyncio

    from grpclib.exceptions import GRPCError

    from ez.build.buildkit import failures
    from ez.build.buildkit.builder import inquire
    from ez.build.buildkit.client import Place
    from ez.build.buildkit.gateway import Gateway
    from ez.build.buildkit.session.auth import Auth
    from ez.build.engine import dialect
    from ez.build.running import run

    async def digest(gateway: Gateway, reference: str, image: ImageSource) -> str:
        try:
            return (await gateway.image(reference, mode="pull")).digest
        except GRPCError as error:
            if failures.is_missing(reference, error) and reference not in had:
                with suppress(GRPCError):
                    await gateway.image(reference)
                    return ""
            raise failures.image_failed(reference, image, error) from error

    async def ask(gateway: Gateway) -> tuple[str, dict[str, str]]:
        worker = await gateway.ping()
        found = await asyncio.gather(*(digest(gateway, reference, image) for reference, image in images.items()))
        return str(worker.platform), dict(zip(images, found, strict=True))

    place = Place(engine, dialect(engine)[1])
    return run(inquire(place, ask, (Auth(docker_config, frozenset(map(registry_of, images))),)))


def _left(state: State, lock: Lock, inputs: Inputs) -> Iterable[str]:
    """What stays open, as phrases."""
    known = {one.reference for one in lock.images if one.digest} | {one.url for one in lock.http if one.checksum}
    for one in walk(state):
        match one:
            case ImageSource() if "@" not in one.reference and normalise(one) not in known:
                yield f"the image `{one.reference}` is in no registry, so it has no digest that others could find"
            case HttpSource() if not one.checksum and one.url not in known:
                yield f"the download `{one.url}`: the build has no image to sum it with; write its checksum"
            case _:
                continue
    for call, _ in _calls(state, inputs).values():
        for unlocked in call.unlocked:
            yield f"the package `{unlocked}` is the repo's own or Git's, and has no hash"
