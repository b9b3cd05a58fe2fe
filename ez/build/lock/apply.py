"""The lock of a repo: what `ez.lock` says is put into a graph, compared with it, and found out on an engine.

With a lock the graph itself names digests, commits, checksums and hashes, so the definition's digest tells one lock
from another, and the same lock builds the same things from anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ez.build.frontends.inputs import Inputs
from ez.build.frontends.where import where
from ez.build.graph import (
    BindMount,
    Files,
    GitSource,
    HttpSource,
    ImageSource,
    MkFileAction,
    Note,
    Run,
    Scratch,
    State,
    walk,
)
from ez.build.llb.reference import normalise
from ez.build.lock.lockfile import NAME, Lock, LockedPython, parse_lock
from ez.build.lock.pip_calls import PipCall, pip_call
from ez.build.lock.rewrite import rewrite
from ez.errors import DefinitionError

_PLACE = "/dev/shm/ez-lock"
_FILE = "requirements.txt"
_NOTE = Note(f"packages of {NAME}")
_PYTHON_STEP = "ez-toolchain"
"""What `ez.build.image.python.python` calls its step; the version is its first argument."""

_COMMIT_LENGTH = 40
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64", "arm/v7": "armv7l", "386": "i686"}
"""What the kernel calls the architectures that Go names otherwise."""


@dataclass(frozen=True)
class Missing:
    """Something that a build file names and a lock does not: a phrase for it, and what asked."""

    what: str
    note: Note


def read_lock(inputs: Inputs) -> Lock | None:
    """The repo's lock, None if it has none. Raises DefinitionError for a broken one."""
    data = inputs.find(NAME)
    return None if data is None else parse_lock(data.decode("utf-8", "replace"))


def apply(state: State, lock: Lock, inputs: Inputs) -> State:
    """`state` with everything as it is locked. Raises DefinitionError, with its position, for what is not."""
    for missing in lacking(state, lock, inputs):
        raise DefinitionError(
            f"`{NAME}` does not have {missing.what}",
            "bring it up to date with `ez lock`",
            **where(missing.note.position),
        )
    return apply_known(state, lock, inputs)


def locked_commit(lock: Lock | None, url: str, ref: str) -> str:
    """The commit of an included repo. Raises DefinitionError for one that is not locked; a commit needs no lock."""
    if lock is None or is_commit(ref):
        return ref if is_commit(ref) else ""
    found = next((one.commit for one in lock.git if (one.url, one.ref) == (url, ref)), "")
    if not found:
        raise DefinitionError(
            f"`{NAME}` does not have the included repository `{url}` at `{ref or 'its default branch'}`",
            "bring it up to date with `ez lock`",
        )
    return found


def lacking(state: State, lock: Lock, inputs: Inputs) -> Iterator[Missing]:
    """What of `state` is not locked and could be, in the order of the steps."""
    versions = python_versions(state)
    known = _Known(lock)
    for one in walk(state):
        match one:
            case ImageSource() if "@" not in one.reference and normalise(one) not in known.images:
                yield Missing(f"the image `{one.reference}`", one.note)
            case GitSource() if _moves(one) and (one.url, one.ref) not in known.git:
                yield Missing(f"the repository `{one.url}` at `{one.ref or 'its default branch'}`", one.note)
            case HttpSource() if not one.checksum and one.url not in known.http:
                yield Missing(f"the download `{one.url}`", one.note)
            case Run() if (call := pip_call(one, inputs)) and call.asked:
                if what := _lacking_packages(call, lock.python, versions):
                    yield Missing(what, one.note)


def unused(state: State, lock: Lock, inputs: Inputs) -> Lock:
    """What is locked and `state` does not ask for: another build file's, or left from before."""
    states = walk(state)
    images = {normalise(one) for one in states if isinstance(one, ImageSource)}
    git = {(one.url, one.ref) for one in states if isinstance(one, GitSource)}
    http = {one.url for one in states if isinstance(one, HttpSource)}
    asked = {call.asked for one in states if isinstance(one, Run) and (call := pip_call(one, inputs))}
    return Lock(
        tuple(one for one in lock.images if one.reference not in images),
        tuple(one for one in lock.git if (one.url, one.ref) not in git),
        tuple(one for one in lock.http if one.url not in http),
        tuple(one for one in lock.python if one.asked not in asked),
    )


def apply_known(state: State, lock: Lock, inputs: Inputs) -> State:
    """As `apply`, with what is not locked left as it is."""
    known = _Known(lock)

    def change(one: State) -> State:
        match one:
            case ImageSource() if "@" not in one.reference and (digest := known.images.get(normalise(one))):
                return replace(one, reference=f"{one.reference}@{digest}")
            case GitSource() if _moves(one) and (commit := known.git.get((one.url, one.ref))):
                return replace(one, ref=commit)
            case HttpSource() if not one.checksum and (checksum := known.http.get(one.url)):
                return replace(one, checksum=checksum)
            case Run() if (call := pip_call(one, inputs)) and call.asked:
                entries = [entry for entry in lock.python if entry.asked == call.asked]
                return _locked_step(one, call, entries) if entries else one
            case _:
                return one

    return rewrite(state, change)


def python_versions(state: State) -> tuple[str, ...]:
    """The versions of Python (`3.11`) that the steps of `state` install."""
    asked = [one.argv[4] for one in walk(state) if isinstance(one, Run) and one.argv[3:4] == (_PYTHON_STEP,)]
    return tuple(".".join(version.split(".")[:2]) for version in asked)


class _Known:
    def __init__(self, lock: Lock) -> None:
        self.images = {one.reference: one.digest for one in lock.images}
        self.git = {(one.url, one.ref): one.commit for one in lock.git}
        self.http = {one.url: one.checksum for one in lock.http}


def is_commit(ref: str) -> bool:
    return len(ref) == _COMMIT_LENGTH and not set(ref) - set("0123456789abcdef")


def _moves(source: GitSource) -> bool:
    """Can another commit come for the same words?"""
    return not source.commit and not is_commit(source.ref)


def _lacking_packages(call: PipCall, entries: tuple[LockedPython, ...], versions: tuple[str, ...]) -> str:
    """What of `call` no entry has, as a phrase; empty if one has it all."""
    fitting = [entry for entry in entries if entry.asked == call.asked]
    if fitting:
        missing = [one for one in versions if all(entry.version != one for entry in fitting)]
        return f"the packages for Python {missing[0]}" if missing else ""
    known = {one for entry in entries for one in entry.asked}
    new = [one for one in call.asked if one not in known]
    if new:
        return ", ".join(f"`{one}`" for one in new[:5]) + (f" and {len(new) - 5} more" if len(new) > 5 else "")
    return f"`{', '.join(call.asked[:5])}` together"


def _locked_step(run: Run, call: PipCall, entries: list[LockedPython]) -> State:
    """The step with exactly the locked packages; after it, without dependencies, what could not be locked."""
    actions = (MkFileAction(f"/{_FILE}", _requirements(call, entries).encode()),)
    mount = BindMount(_PLACE, Files(Scratch(), actions, _NOTE))
    unlocked = bool(call.unlocked)
    arguments = ("--no-deps", "--require-hashes", *call.options, "-r", f"{_PLACE}/{_FILE}")
    # Of a call made of two steps the first is never the last (see ez/build/image/scripts/pip.sh).
    head = (call.head[0].replace("last", "late") if unlocked else call.head[0], *call.head[1:])
    locked = replace(run, argv=(*run.argv[:4], *head, *arguments), mounts=(*run.mounts, mount))
    if not unlocked:
        return locked
    return replace(run, base=locked, argv=(*run.argv[:4], *call.head, "--no-deps", *call.arguments))


def _requirements(call: PipCall, entries: list[LockedPython]) -> str:
    """A requirements file for every platform that is locked; on others its one line cannot be met."""
    lines = list(call.lines)
    others = []
    for entry in sorted(entries, key=lambda one: (one.platform, one.version)):
        architecture = entry.platform.partition("/")[2]
        machine = _MACHINES.get(architecture, architecture)
        marker = f'platform_machine == "{machine}" and python_version == "{entry.version}"'
        others.append(f'(platform_machine != "{machine}" or python_version != "{entry.version}")')
        for package in entry.packages:
            name, hashes = package.split(" --hash=", 1)
            lines.append(f"{name} ; {marker} --hash={hashes}")
    lines.append(f"ez.lock-is-not-for-this-platform==0 ; {' and '.join(others)} --hash=sha256:{'0' * 64}")
    return "\n".join([*lines, ""])
