"""Carry a repo of this computer to another one, with its history and the work that is not committed.

The last carried state is kept there. What changed here since goes over; what changed there stays; where both changed,
nothing is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ez.env.source.git import git
from ez.env.source.recovery import recover
from ez.env.source.wire import Content, Reply, call, nul_list
from ez.env.source.work import Taken, Work, take
from ez.errors import SourceError
from ez.events import Notice, Sink
from ez.models import Checkout
from ez.names import shown
from ez.ssh.host import Host

CARRIED = "refs/ez/tree"
"""Keeps the objects of the last carried files from being collected."""

_LOOSE_AT_MOST = 500
"""Objects up to which a pack is taken apart there, as git-receive-pack(1) does with its unpackLimit."""


@dataclass(frozen=True)
class Again:
    """How work moves on that was migrated before: `known` says that this directory's was, `migrate` does it and says
    in a phrase what it did."""

    known: bool
    migrate: Callable[[], str]


@dataclass(frozen=True)
class There:
    """The other side. `base` is what was carried last, `now` what is there now (without its files)."""

    base: Work | None
    now: Work
    edited: bool


@dataclass(frozen=True)
class Plan:
    """`moves` are references with their new and old objects; `head`, `index` and `tree` where to go from `before`."""

    moves: tuple[tuple[str, str, str], ...]
    head: str
    index: str
    before: str
    tree: str


def carry(
    host: Host,
    path: Path,
    env: str,
    scratch: Path,
    files: Mapping[str, Content],
    sink: Sink,
    again: Again | None = None,
) -> tuple[Checkout, Reply]:
    """Bring the work at `path` to `~/ez/<env>` on `host`; the reply tells of the files named in `files`.

    One round trip when nothing changed, two when something goes over. A work tree that went there by migration goes on
    so: `again` does that. Raises SourceError, in particular where both sides changed the same.
    """
    taken = None if again and again.known else take(path, scratch)
    reply = call(host, "probe", [env], files, sink)
    if "migrated" in reply.values and again is not None:
        detail = again.migrate()
        reply = call(host, "probe", [env], files, sink) if detail else reply
        return _checkout(reply, read_there(reply).now, detail), reply
    taken = taken or take(path, scratch)
    if "pending" in reply.values:
        recover(host, env, reply, sink)
        reply = call(host, "probe", [env], files, sink)
    there = read_there(reply)
    for remark in taken.remarks:
        sink(Notice(remark))
    work = taken.work
    if there.base == work:
        return _checkout(reply, there.now, "kept the work done there" if _worked(there) else ""), reply
    plan = plan_carry(work, there, host.name)
    reply = _send(host, env, taken, there, plan, files, sink)
    _prune(taken)
    return _checkout(reply, work, "carried the changes" if there.base else "carried over"), reply


def read_there(reply: Reply) -> There:
    """The answer of `probe.sh`."""
    values = reply.values
    if values.get("tree") == "absent":
        return There(None, Work(), False)
    base = Work.load(values["state"]) if values.get("state") else None
    if values.get("state") and base is None:
        raise SourceError(
            "what ez noted about the carried files is damaged", "carry to a new environment with `--name`"
        )
    refs = {name: target for target, _, name in (ref.partition(" ") for ref in reply.all("ref"))}
    now = Work(
        head=reply.value("head"),
        commit=reply.value("commit"),
        index=reply.value("index"),
        refs=refs,
        shallow=tuple(sorted(values.get("shallow", "").split())),
    )
    return There(base, now, "edited" in values)


def plan_carry(work: Work, there: There, host: str) -> Plan:
    """What to change there. Raises SourceError where that would undo work done there."""
    base = there.base or Work()
    here_moved = (work.head, work.commit, work.index, work.tree) != (base.head, base.commit, base.index, base.tree)
    conflicts = _moved_there(work, there) if here_moved and there.base else []
    moves = []
    for name in sorted({*work.refs, *base.refs}):
        mine, before, theirs = work.refs.get(name, ""), base.refs.get(name, ""), there.now.refs.get(name, "")
        if mine in (before, theirs):
            continue
        if (theirs == before or name.startswith("refs/remotes/")) and (here_moved or name != there.now.head):
            moves.append((name, mine, theirs))
        else:
            conflicts.append(f"`{shown(name.partition('/')[2])}`")
    if conflicts:
        raise SourceError(
            f"changed here and on `{host}`: {', '.join(dict.fromkeys(conflicts))}; both are kept as they are",
            f"commit and push on `{host}` and pull here, or carry to a new environment with `--name`",
        )
    moves.append((CARRIED, work.tree, there.now.refs.get(CARRIED, "")))
    none = "0" * len(work.tree)
    return Plan(
        moves=tuple((name, new or none, old or none) for name, new, old in moves if new != old),
        head=(work.head or work.commit) if here_moved else "",
        index=work.index if here_moved else there.now.index,
        before=base.tree,
        tree=work.tree,
    )


def _moved_there(work: Work, there: There) -> list[str]:
    """What somebody did there to the branch that is checked out, in words."""
    base, now = there.base or Work(), there.now
    if (now.head, now.commit, now.index) == (work.head, work.commit, work.index):
        return []
    found = []
    if now.head != base.head:
        found.append("the branch that is checked out")
    elif now.commit != base.commit:
        found.append(f"`{shown(now.head.partition('/')[2] or 'HEAD')}`")
    elif now.index != base.index:
        found.append("the staged files")
    return found


def _worked(there: There) -> bool:
    base, now = there.base or Work(), there.now
    return there.edited or (now.head, now.commit, now.index) != (base.head, base.commit, base.index)


def _send(
    host: Host, env: str, taken: Taken, there: There, plan: Plan, files: Mapping[str, Content], sink: Sink
) -> Reply:
    work = taken.work
    pack = _pack(taken, there, plan)
    unset, add = _settings(work, there.base or Work())
    contents: dict[str, Content] = {
        **files,
        "refs": "".join(f"{name} {new} {old}\n" for name, new, old in plan.moves).encode("utf-8", "surrogateescape"),
        "head": plan.head.encode("utf-8", "surrogateescape") + b"\n",
        "index": plan.index.encode() + b"\n",
        "state": work.dump(),
        "expected": there.base.dump() if there.base else b"",
        "shallow": "".join(f"{commit}\n" for commit in work.shallow).encode(),
        "settings.unset": nul_list(unset),
        "settings.add": nul_list(part for pair in add for part in pair),
        "pack": pack,
    }
    return call(host, "apply", [env, plan.before, plan.tree, _unpacking(pack), taken.format], contents, sink)


def _pack(taken: Taken, there: There, plan: Plan) -> Path:
    """A file with the objects that the other side lacks, deltas against those it has."""
    wants = {new for _, new, _ in plan.moves if new.strip("0")}
    wants |= {found for found in (taken.work.commit, taken.work.index, taken.work.tree) if found}
    haves: set[str] = set()
    if set(there.now.shallow) == set(taken.work.shallow):
        base = there.base or Work()
        haves = _known(taken, {*there.now.refs.values(), there.now.commit, base.index, base.tree} - {""})
    lines = [*sorted(wants), *(f"^{have}" for have in sorted(haves))]
    path = Path(taken.variables["GIT_DIR"]) / "pack"
    with path.open("wb") as file:
        git(
            ["pack-objects", "--revs", "--thin", "--stdout", "--delta-base-offset", "-q"],
            directory=taken.top,
            variables=taken.variables,
            input="".join(f"{line}\n" for line in lines).encode(),
            output=file,
        )
    return path


def _known(taken: Taken, objects: Iterable[str]) -> set[str]:
    """Of `objects`, those that are here too."""
    listed = git(
        ["cat-file", "--batch-check=%(objectname)"],
        directory=taken.top,
        variables=taken.variables,
        input="".join(f"{found}\n" for found in objects).encode(),
    )
    return {line for line in listed.stdout.decode().splitlines() if " " not in line}


def _unpacking(pack: Path) -> str:
    """How the other side takes the pack, by the number of objects in its header (gitformat-pack(5))."""
    with pack.open("rb") as file:
        count = int.from_bytes(file.read(12)[8:], "big")
    if count == 0:
        return "none"
    return "unpack" if count <= _LOOSE_AT_MOST else "index"


def _settings(work: Work, base: Work) -> tuple[list[str], list[tuple[str, str]]]:
    """Settings that changed here: keys to unset, and keys with values to add."""
    changed = {key for key, _ in set(work.settings) ^ set(base.settings)}
    return sorted(changed), [(key, value) for key, value in work.settings if key in changed]


def _prune(taken: Taken) -> None:
    """Forget objects of uncommitted work that is no more; those of the last state stay for the next difference."""
    (Path(taken.variables["GIT_DIR"]) / "pack").unlink(missing_ok=True)
    git(["prune", "--expire=now"], directory=taken.top, variables=taken.variables, check=False)


def _checkout(reply: Reply, work: Work, detail: str) -> Checkout:
    return Checkout(reply.value("path"), work.commit, work.head.removeprefix("refs/heads/"), detail)
