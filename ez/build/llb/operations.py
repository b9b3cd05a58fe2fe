"""File actions, merge and diff as LLB. Sources are in `sources.py`, steps in `steps.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ez.build.buildkit.messages import llb
from ez.build.graph import (
    CopyAction,
    Diff,
    FileAction,
    Files,
    MkDirAction,
    MkFileAction,
    RmAction,
    State,
    SymlinkAction,
)
from ez.build.llb.encoding import EMPTY, Inputs, Operation, Output, encode

OutputOf = Callable[[State], Output | None]
"""Where a state that is already marshalled is found; None for the empty file system."""

_KEEP = -1
_NOW = -1


def files(state: Files, output_of: OutputOf) -> Operation:
    inputs = Inputs()
    base = inputs.number(output_of(state.base))
    origins = [
        inputs.number(output_of(action.origin)) if isinstance(action, CopyAction) else EMPTY for action in state.actions
    ]
    last = len(state.actions) - 1
    actions = []
    for position, (action, origin) in enumerate(zip(state.actions, origins, strict=True)):
        below = base if position == 0 else len(inputs) + position - 1
        output = 0 if position == last else EMPTY
        actions.append(llb.FileAction(input=below, secondary_input=origin, output=output, **_action(action)))
    capabilities = sorted({"file.base", *(name for action in state.actions for name in _capabilities(action))})
    return Operation(encode("file", llb.FileOp(actions=actions), inputs.messages()), tuple(capabilities))


def merge(layers: Iterable[Output]) -> Operation:
    inputs = Inputs()
    merged = [llb.MergeInput(input=inputs.number(layer)) for layer in layers]
    return Operation(encode("merge", llb.MergeOp(inputs=merged), inputs.messages()), ("mergeop",))


def diff(state: Diff, output_of: OutputOf) -> Operation:
    inputs = Inputs()
    lower = llb.LowerDiffInput(input=inputs.number(output_of(state.lower)))
    upper = llb.UpperDiffInput(input=inputs.number(output_of(state.upper)))
    return Operation(encode("diff", llb.DiffOp(lower=lower, upper=upper), inputs.messages()), ("diffop",))


def _action(action: FileAction) -> dict[str, Any]:
    match action:
        case CopyAction():
            return {"copy": _copy(action)}
        case MkDirAction():
            return {
                "mkdir": llb.FileActionMkDir(
                    path=action.path,
                    mode=action.mode,
                    make_parents=action.parents,
                    owner=_owner(action.uid, action.gid),
                    timestamp=_NOW,
                )
            }
        case MkFileAction():
            return {
                "mkfile": llb.FileActionMkFile(
                    path=action.path,
                    mode=action.mode,
                    data=action.data,
                    owner=_owner(action.uid, action.gid),
                    timestamp=_NOW,
                )
            }
        case RmAction():
            return {
                "rm": llb.FileActionRm(
                    path=action.path, allow_not_found=action.allow_missing, allow_wildcard=action.wildcard
                )
            }
        case SymlinkAction():
            return {"symlink": llb.FileActionSymlink(oldpath=action.target, newpath=action.path, timestamp=_NOW)}


def _capabilities(action: FileAction) -> tuple[str, ...]:
    match action:
        case CopyAction() if action.include or action.exclude:
            return ("file.copy.includeexcludepatterns",)
        case RmAction() if action.wildcard:
            return ("file.rm.wildcard",)
        case SymlinkAction():
            return ("file.symlink.create",)
        case _:
            return ()


def _copy(action: CopyAction) -> Any:
    return llb.FileActionCopy(
        src=_rooted(action.source),
        dest=_rooted(action.target),
        owner=_owner(action.uid, action.gid),
        mode=_KEEP if action.mode is None else action.mode,
        follow_symlink=action.follow,
        dir_copy_contents=action.contents,
        create_dest_path=True,
        allow_wildcard=action.wildcard,
        allow_empty_wildcard=action.allow_missing,
        include_patterns=action.include,
        exclude_patterns=action.exclude,
        timestamp=_KEEP,
    )


def _rooted(path: str) -> str:
    return path if path.startswith("/") else f"/{path}"


def _owner(uid: int | None, gid: int | None) -> Any:
    if uid is None and gid is None:
        return None
    return llb.ChownOpt(user=llb.UserOpt(by_id=uid or 0), group=llb.UserOpt(by_id=gid or 0))
