"""What to do with the files of a move that was killed: finish it, and keep what is neither its start nor its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ez.env.source.wire import Reply, call, nul_list
from ez.events import Notice, Sink
from ez.ssh.host import Host


@dataclass(frozen=True)
class Repair:
    """Paths to move aside (someone's work, or half a file), to delete, and to write anew."""

    keep: tuple[str, ...]
    drop: tuple[str, ...]
    write: tuple[str, ...]


def recover(host: Host, env: str, reply: Reply, sink: Sink) -> None:
    """Finish what `reply` tells of. Afterwards the work tree is where the killed run was going."""
    contents = {}
    if reply.values["pending"] == "half":
        repair = plan_repair(
            wanted={path: status for status, path in reply.pairs("wanted")},
            not_base={path: status for status, path in reply.pairs("not-base")},
            not_target={path: status for status, path in reply.pairs("not-target")},
        )
        contents = {
            "keep": nul_list(f"./{path}" for path in repair.keep),
            "drop": nul_list(f"./{path}" for path in repair.drop),
            "write": nul_list(repair.write),
        }
    finished = call(host, "recover", [env], contents, sink)
    if "kept" in finished.values:
        text = f"files that an interrupted run left on `{host.name}` were moved to `{finished.values['kept']}`"
        sink(Notice(text, "warning"))


def plan_repair(wanted: Mapping[str, str], not_base: Mapping[str, str], not_target: Mapping[str, str]) -> Repair:
    """All three map paths to Git's status letters: what the move changes (`A`, `M`, `T`, `D`), and how the files
    differ from where it started and from where it goes (`D` for a missing file)."""
    keep, drop, write = [], [], []
    for path, status in wanted.items():
        if status == "D":
            if path not in not_base:
                drop.append(path)
            elif not_base[path] != "D":
                keep.append(path)
        elif path in not_target:
            write.append(path)
            if not_target[path] == "D":
                continue
            is_base = status != "A" and path not in not_base
            (drop if is_base else keep).append(path)
    return Repair(tuple(keep), tuple(drop), tuple(write))
