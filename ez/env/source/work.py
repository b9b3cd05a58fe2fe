"""The work in a directory of this computer, taken as one value without touching the directory.

Git does the reading: into an index, an object folder and a Git directory of ez's own, which borrow the repo's
objects. So staged, unstaged and untracked files become two trees, whatever filters, hooks or monitors the repo names.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ez.env.reference import without_secret
from ez.env.source.git import git, text
from ez.env.source.wire import nul_list
from ez.errors import SourceError
from ez.names import shown

LARGEST_UNTRACKED = 1 << 30
"""Bytes of files that Git does not know yet; more is data rather than work."""

_CARRIED_SETTING = re.compile(
    r"(remote\..+\.(url|pushurl|fetch)|branch\..+\.(remote|merge|rebase|pushremote)|user\.(name|email))", re.S
)
_FILE_SETTINGS = (
    "core.filemode",
    "core.symlinks",
    "core.ignorecase",
    "core.precomposeunicode",
    "core.autocrlf",
    "core.eol",
)


@dataclass(frozen=True)
class Work:
    """A repo and its work tree at one moment, in names of Git objects.

    `head` is the full name of the branch, empty where HEAD is detached; `commit` is empty before the first one.
    `index` and `tree` are trees: what is staged, and what the files are. `refs` maps full names to objects.
    """

    head: str = ""
    commit: str = ""
    index: str = ""
    tree: str = ""
    refs: Mapping[str, str] = field(default_factory=dict)
    shallow: tuple[str, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()

    def dump(self) -> bytes:
        return json.dumps(asdict(self), sort_keys=True).encode()

    @classmethod
    def load(cls, data: str) -> Work | None:
        """What `dump` wrote, None for nothing or for what is damaged."""
        try:
            read = json.loads(data)
            return cls(
                **{
                    **read,
                    "shallow": tuple(read["shallow"]),
                    "settings": tuple((str(key), str(value)) for key, value in read["settings"]),
                }
            )
        except (ValueError, TypeError, KeyError):
            return None


@dataclass(frozen=True)
class Repo:
    """A repo on this computer: its top directory, the Git directory of this work tree, and the shared one."""

    top: Path
    git: Path
    common: Path
    format: str
    settings: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Taken:
    """`work`, where its objects can be read from, and what stays behind."""

    work: Work
    format: str
    top: Path
    variables: Mapping[str, str]
    remarks: tuple[str, ...]


def take(path: Path, scratch: Path) -> Taken:
    """The work in the repo at `path`; `scratch` is a private directory that stays for the next time.

    Raises SourceError for what cannot be carried: no repo, a bare or partial one, unfinished merges, files that
    cannot be read, and untracked files of more than `LARGEST_UNTRACKED` bytes.
    """
    repo = _open(path)
    variables = _borrow(repo, scratch)
    index = _staged(repo, variables)
    tree, remarks = _files(repo, variables)
    head = text(git(["symbolic-ref", "-q", "HEAD"], directory=repo.top, check=False).stdout).strip()
    commit = git(["rev-parse", "-q", "--verify", "HEAD^{commit}"], directory=repo.top, check=False).stdout
    refs, stashed = _references(repo)
    shallow = (repo.common / "shallow").read_text().split() if (repo.common / "shallow").exists() else []
    work = Work(
        head=head,
        commit=text(commit).strip(),
        index=index,
        tree=tree,
        refs=refs,
        shallow=tuple(sorted(shallow)),
        settings=tuple(
            (key, without_secret(value))
            for key, value in repo.settings
            if _CARRIED_SETTING.fullmatch(key) and not ("url" in key and "::" in value)
        ),
    )
    if stashed:
        remarks = (*remarks, "stashes stay here")
    if (repo.top / ".gitmodules").exists():
        remarks = (*remarks, "submodules go as the commits they are at, without their files")
    return Taken(work, repo.format, repo.top, variables, remarks)


def _open(path: Path) -> Repo:
    asked = ["--absolute-git-dir", "--git-common-dir", "--is-bare-repository", "--show-object-format"]
    done = git(["rev-parse", *asked], directory=path, check=False)
    if done.exit_code != 0 and b"not a git repository" in done.stderr:
        raise SourceError(
            f"not a Git repo, so it cannot be carried: `{shown(str(path))}`", f"git init {shlex.quote(str(path))}"
        )
    if done.exit_code != 0:
        git(["rev-parse", *asked], directory=path)
    lines = text(done.stdout).splitlines()
    if len(lines) != 4:
        raise SourceError(f"a directory with a line break in its name: `{shown(str(path))}`", "rename it")
    if lines[2] == "true":
        raise SourceError(
            f"a bare repo has no files to work on: `{shown(str(path))}`", "clone it, then carry the clone"
        )
    top = Path(text(git(["rev-parse", "--show-toplevel"], directory=path).stdout).removesuffix("\n"))
    if top.resolve() != path.resolve():
        raise SourceError(
            f"only a part of a repo, which is carried as a whole: `{shown(str(path))}`",
            f"ez env go {shlex.quote(str(top))}, with a build file there",
        )
    settings = _settings(top)
    if any(key == "extensions.partialclone" or key.endswith(".promisor") for key, _ in settings):
        raise SourceError(
            f"a partial clone lacks files, so it cannot be carried: `{shown(str(top))}`", "clone it without `--filter`"
        )
    return Repo(top, Path(lines[0]), (path / lines[1]).resolve(), lines[3], settings)


def _settings(top: Path) -> tuple[tuple[str, str], ...]:
    listed = text(git(["config", "--local", "--list", "-z"], directory=top).stdout)
    entries = [entry.partition("\n") for entry in listed.split("\0") if entry]
    return tuple((key, value) for key, _, value in entries)


def _borrow(repo: Repo, scratch: Path) -> dict[str, str]:
    """Make `scratch` a Git directory that reads the repo's objects and writes none there; variables to use it."""
    for folder in ("objects/info", "info", "refs"):
        (scratch / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
    for lock in scratch.glob("*.lock"):
        lock.unlink()
    (scratch / "HEAD").write_text("ref: refs/heads/none\n")
    version = 0 if repo.format == "sha1" else 1
    config = ["[core]", f"repositoryformatversion = {version}", "bare = false", "looseCompression = 1"]
    config += [f"{key.partition('.')[2]} = {value}" for key, value in repo.settings if key in _FILE_SETTINGS]
    if version:
        config += ["[extensions]", f"objectformat = {repo.format}"]
    (scratch / "config").write_text("\n".join(config) + "\n")
    _copy(repo.common / "info" / "attributes", scratch / "info" / "attributes")
    _attribute(scratch, "* -filter")
    (scratch / "objects" / "info" / "alternates").write_bytes(
        os.fsencode(_quoted(str(repo.common / "objects"))) + b"\n"
    )
    _copy(repo.common / "info" / "exclude", scratch / "info" / "exclude")
    _copy(repo.common / "shallow", scratch / "shallow")
    _copy(repo.git / "index", scratch / "index")
    for shared in repo.git.glob("sharedindex.*"):
        _copy(shared, scratch / shared.name)
    return {
        "GIT_DIR": str(scratch),
        "GIT_WORK_TREE": str(repo.top),
        "GIT_INDEX_FILE": str(scratch / "index"),
    }


def _attribute(scratch: Path, line: str) -> None:
    with (scratch / "info" / "attributes").open("a") as file:
        file.write(f"\n{line}\n")


def _quoted(path: str) -> str:
    """A path as a line of `alternates`."""
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"' if path.startswith('"') else path


def _copy(origin: Path, target: Path) -> None:
    """With its time: Git compares the times of files with that of the index."""
    target.unlink(missing_ok=True)
    if origin.exists():
        shutil.copy2(origin, target)
        target.chmod(0o600)


def _staged(repo: Repo, variables: Mapping[str, str]) -> str:
    done = git(["write-tree"], directory=repo.top, variables=variables, check=False)
    if done.exit_code != 0:
        unmerged = git(["ls-files", "-u", "-z"], directory=repo.top, variables=variables).stdout
        if unmerged:
            name = text(unmerged.split(b"\0")[0].partition(b"\t")[2])
            raise SourceError(f"an unfinished merge cannot be carried: `{shown(name)}`", "git commit")
        git(["write-tree"], directory=repo.top, variables=variables)
    return text(done.stdout).strip()


def _files(repo: Repo, variables: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """The tree of all files that Git knows or would be told about, and what is left out of it."""
    top = repo.top
    git(["add", "-u", "--", "."], directory=top, variables=variables)
    listed = git(["ls-files", "-o", "-z", "--exclude-standard"], directory=top, variables=variables)
    untracked = [text(name) for name in listed.stdout.split(b"\0") if name]
    nested = [name for name in untracked if name.endswith("/")]
    names = [name for name in untracked if not name.endswith("/")]
    _check_size(top, names)
    if names:
        # Files that Git does not know go byte by byte; those it knows as a checkout would write them.
        _attribute(Path(variables["GIT_DIR"]), "* -text -ident -working-tree-encoding")
        adding = ["update-index", "--add", "--remove", "--replace", "-z", "--stdin"]
        git(adding, directory=top, variables=variables, input=nul_list(names))
    tree = text(git(["write-tree"], directory=top, variables=variables).stdout).strip()
    return tree, tuple(f"the repo inside this one stays here: `{shown(name)}`" for name in nested)


def _check_size(top: Path, names: list[str]) -> None:
    sizes = {}
    for name in names:
        try:
            sizes[name] = os.lstat(top / name).st_size
        except OSError:
            continue
    if sum(sizes.values()) > LARGEST_UNTRACKED:
        largest = max(sizes, key=lambda name: sizes[name])
        raise SourceError(
            f"more than {LARGEST_UNTRACKED >> 30} GiB of files that Git does not know, the largest: `{shown(largest)}`",
            f"name what is data in `{shown(str(top / '.gitignore'))}`",
        )


def _references(repo: Repo) -> tuple[dict[str, str], bool]:
    """Branches, tags and what is known of remotes, without symbolic ones; and whether there are stashes."""
    kinds = ["refs/heads", "refs/tags", "refs/remotes", "refs/stash"]
    listed = git(
        ["for-each-ref", "--format=%(objectname) %(refname) %(symref)", "--", *kinds], directory=repo.top
    ).stdout
    refs = {}
    for line in text(listed).splitlines():
        target, name, *symbolic = line.split(" ")
        if not any(symbolic):
            refs[name] = target
    return refs, refs.pop("refs/stash", None) is not None
