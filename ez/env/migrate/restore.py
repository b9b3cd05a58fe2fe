"""A saved repo as it was, in a new directory: commits, branches, stashes, the index, files, what was not finished.

Written with Git's plumbing on this computer. Nothing that the saved repo configures is run: its settings come from a
list of what is harmless, and its files are written byte for byte whatever attributes they have.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ez.env.migrate.plan import check, check_path
from ez.env.migrate.saved import Bundle, Group
from ez.env.migrate.settings import settings_to_add
from ez.env.migrate.values import Changes, Entry, Meta, Seen, Special
from ez.env.source.git import git, text
from ez.errors import EzError, Result, SourceError, UsageError
from ez.events import Notice, Sink
from ez.names import shown

_RAW = "* -filter -text -ident -working-tree-encoding\n"
_BASE, _SAVED = "refs/ez-base", "refs/ez-saved"
_ALL = f"{_SAVED}/ez/all"
_LOCAL, _ANY = {"GIT_ALLOW_PROTOCOL": "file"}, {"GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh"}


@dataclass(frozen=True)
class _Repo:
    """The one that is made at `place`."""

    place: Path

    @property
    def directory(self) -> Path:
        return self.place / ".git"

    def run(
        self,
        *args: str,
        input: bytes | None = None,
        variables: Mapping[str, str] | None = None,
        check: bool = True,
    ) -> Result:
        return git(args, directory=self.place, input=input, variables=variables, check=check)

    def read(self, *args: str, input: bytes | None = None) -> str:
        return text(self.run(*args, input=input).stdout)


def restore(folder: Path, group: Group, target: Path, others: Iterable[Path], sink: Sink) -> tuple[str, ...]:
    """Make `target`, which must not be there or be empty, what the repo was. `others` are repos of this computer that
    may have the commits below the saved ones; else they are asked of the repo's own remotes.

    Gives names that could not be restored, since nothing has their commits. Raises UsageError, SourceError, EzError.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"not an empty directory: `{target}`", "choose a new one: --to DIR")
    bases = tuple(other for other in others if (other / ".git").exists())
    made = [folder for folder in (target, *target.parents) if not folder.exists()]
    try:
        return _restore_all(folder, group, target, bases, sink)
    except BaseException:
        shutil.rmtree(made[-1] if made else target, ignore_errors=True)
        if not made:
            target.mkdir(exist_ok=True)
        raise


def _restore_all(folder: Path, group: Group, target: Path, bases: Iterable[Path], sink: Sink) -> tuple[str, ...]:
    left: list[str] = []
    for bundle in sorted(group.bundles, key=lambda each: each.module.count("/") if each.module else -1):
        if bundle.module:
            check_path(bundle.module)
        place = target / bundle.module
        left += _restore(folder / bundle.file, bundle, place, [other / bundle.module for other in bases], sink)
    return tuple(left)


def _restore(file: Path, bundle: Bundle, place: Path, bases: Iterable[Path], sink: Sink) -> list[str]:
    if place.is_symlink() or (place.exists() and not place.is_dir()):
        raise SourceError(f"in the way of the repo inside: `{shown(bundle.module)}`", "restore it elsewhere: --to DIR")
    repo = _Repo(place)
    try:
        place.mkdir(parents=True, exist_ok=True)
        repo.run("init", "-q", "--template=", f"--object-format={bundle.format}")
        for key, value in settings_to_add(bundle.settings, (), into_person=True):
            repo.run("config", "--add", key, value)
        _have_base(repo, file, bases, bundle, sink)
        _unbundle(repo, file)
        seen = _seen(repo)
        left = _names(repo, seen.meta)
        _stashes(repo, seen.meta)
        _files(repo)
        _index(repo, seen.special)
        _large(repo)
        for name, (_, blob) in seen.changes.state.items():
            (repo.directory / name).parent.mkdir(exist_ok=True)
            (repo.directory / name).write_bytes(repo.run("cat-file", "blob", blob).stdout)
        helpers = repo.read("for-each-ref", "--format=delete %(refname)", _BASE, _SAVED)
        repo.run("update-ref", "--stdin", input=helpers.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise EzError(f"cannot be written: `{place}`: {error.strerror}", "restore it elsewhere: --to DIR") from error
    return [f"{bundle.module}: {name}" if bundle.module else name for name in left]


def _have_base(repo: _Repo, file: Path, bases: Iterable[Path], bundle: Bundle, sink: Sink) -> None:
    """The commits that the bundle takes for granted."""
    wanted = "".join(f"{commit}\n" for commit in _wanted(file)).encode()

    def lacks() -> str:
        told = repo.read("cat-file", "--batch-check", input=wanted)
        return next((line.split(" ")[0] for line in told.splitlines() if line.endswith(" missing")), "")

    if not lacks():
        return
    for base in bases:
        repo.run("fetch", "-q", "--no-tags", str(base), f"+refs/*:{_BASE}/*", variables=_LOCAL, check=False)
        if not lacks():
            return
    added = settings_to_add(bundle.settings, (), into_person=True)
    for number, url in enumerate(value for key, value in added if key.startswith("remote.") and key.endswith(".url")):
        sink(Notice(f"the commits below the saved ones are asked of {shown(url)}"))
        repo.run("fetch", "-q", "--no-tags", "--", url, f"+refs/*:{_BASE}/{number}/*", variables=_ANY, check=False)
        if not lacks():
            return
    raise SourceError(
        f"the commits below the saved ones are in no repo that was asked: `{lacks()}`",
        "run it inside a clone of the repo",
    )


def _unbundle(repo: _Repo, file: Path) -> None:
    names = f"refs/*:{_SAVED}/*"
    done = repo.run("fetch", "-q", "--no-tags", "--update-shallow", str(file), names, variables=_LOCAL, check=False)
    if done.exit_code or repo.run("rev-parse", "-q", "--verify", _ALL, check=False).exit_code:
        said = shown(" ".join(done.last_lines(1)))
        raise SourceError(
            f"a bundle that is damaged, or none of ez's: `{file}`: {said}", "another one: ez env saved ls"
        )


def _wanted(file: Path) -> list[str]:
    """Commits that a bundle (gitformat-bundle(5)) lists as there already."""
    found: list[str] = []
    with file.open("rb") as lines:
        for line in lines:
            if line == b"\n":
                break
            if line.startswith(b"-"):
                found.append(line[1:].split()[0].decode("ascii", "replace"))
    return found


def _seen(repo: _Repo) -> Seen:
    """What was saved. Raises SourceError where that would lead out of the repo."""

    def entries(part: str) -> dict[str, Entry]:
        listed = repo.read("ls-tree", "-r", "-z", f"{_ALL}:{part}").split("\0")[:-1]
        pairs = (record.partition("\t") for record in listed)
        return {path: (about.split(" ")[0], about.split(" ")[2]) for about, _, path in pairs}

    special = repo.run("cat-file", "blob", f"{_ALL}:special").stdout
    seen = Seen(
        here=True,
        path="",
        meta=Meta.parse(repo.read("cat-file", "blob", f"{_ALL}:meta")),
        special=Special.parse(base64.b64encode(special).decode()),
        changes=Changes(entries("work"), entries("staged"), entries("state")),
    )
    check(seen)
    return seen


def _names(repo: _Repo, meta: Meta) -> list[str]:
    """Branches, tags, HEAD; those whose commits are nowhere are left out."""
    asked = "".join(f"{found}\n" for found in meta.refs.values()).encode()
    told = repo.read("cat-file", "--batch-check", input=asked).splitlines()
    there = [pair for pair, line in zip(meta.refs.items(), told, strict=True) if not line.endswith(" missing")]
    lines = "".join(f"create {name} {found}\n" for name, found in there)
    repo.run("update-ref", "--stdin", input=lines.encode("utf-8", "surrogateescape"))
    for name, goal in meta.symbolic.items():
        repo.run("symbolic-ref", name, goal)
    if meta.head:
        repo.run("symbolic-ref", "HEAD", meta.head)
    else:
        repo.run("update-ref", "--no-deref", "HEAD", meta.commit)
    return sorted(set(meta.refs) - {name for name, _ in there})


def _stashes(repo: _Repo, meta: Meta) -> None:
    if not meta.stash:
        return
    log = repo.directory / "logs" / "refs" / "stash"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes("".join(f"{line}\n" for line in meta.stash).encode("utf-8", "surrogateescape"))
    tip = meta.stash[-1].split(" ")[1]
    repo.run("cat-file", "-e", f"{tip}^{{commit}}")
    (repo.directory / "refs" / "stash").write_text(f"{tip}\n")


def _files(repo: _Repo) -> None:
    """Every file, whatever Git would convert."""
    attributes, index = repo.directory / "info" / "attributes", repo.directory / "ez.index"
    attributes.parent.mkdir(exist_ok=True)
    attributes.write_text(_RAW)
    repo.run("read-tree", f"{_ALL}:work", variables={"GIT_INDEX_FILE": str(index)})
    repo.run("checkout-index", "-q", "-a", "-f", variables={"GIT_INDEX_FILE": str(index)})
    index.unlink(missing_ok=True)
    attributes.unlink()


def _large(repo: _Repo) -> None:
    """Objects of LFS, which are called by what is in them."""
    if repo.run("rev-parse", "-q", "--verify", f"{_SAVED}/ez/lfs", check=False).exit_code:
        return
    for record in repo.read("ls-tree", "-z", f"{_SAVED}/ez/lfs").split("\0")[:-1]:
        about, _, name = record.partition("\t")
        data = repo.run("cat-file", "blob", about.split(" ")[2]).stdout
        if hashlib.sha256(data).hexdigest() != name:
            raise SourceError(f"an object of LFS is damaged: `{shown(name)}`", "restore it with `git fetch`")
        file = repo.directory / "lfs" / "objects" / name[:2] / name[2:4] / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


def _index(repo: _Repo, special: Special) -> None:
    repo.run("read-tree", f"{_ALL}:staged")
    stages = [record for records in special.unmerged.values() for record in records]
    repo.run("update-index", "-z", "--index-info", input=_nul(stages))
    if special.intended:
        names = ["--pathspec-from-file=-", "--pathspec-file-nul"]
        repo.run("--literal-pathspecs", "add", "-N", "-f", *names, input=_nul(special.intended))
    for option, paths in (("skip-worktree", special.skip), ("assume-unchanged", special.assume)):
        repo.run("update-index", f"--{option}", "-z", "--stdin", input=_nul(paths))
    repo.run("update-index", "-q", "--refresh", "--ignore-submodules", check=False)


def _nul(parts: Iterable[str]) -> bytes:
    return "".join(f"{part}\0" for part in parts).encode("utf-8", "surrogateescape")
