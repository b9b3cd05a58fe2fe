"""One LLB operation per state: sources, files, merge and diff. Steps are in `steps.py`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ez.build.buildkit.messages import llb
from ez.build.graph import (
    CopyAction,
    Diff,
    FileAction,
    Files,
    ImageSource,
    LocalSource,
    Merge,
    MkDirAction,
    MkFileAction,
    RmAction,
    State,
    content_of,
)
from ez.build.llb.encoding import EMPTY, Inputs, Output, encode
from ez.build.llb.reference import normalise

OutputOf = Callable[[State], Output | None]
"""Where a state that is already marshalled is found; None for the empty file system."""

_KEEP = -1
_NOW = -1


@dataclass(frozen=True)
class Operation:
    """An operation's bytes and the capabilities it relies on."""

    content: bytes
    capabilities: tuple[str, ...]


def image(source: ImageSource, platform: Any) -> Operation:
    """An image, the engine's own before the registry's on every engine, so that it also works offline."""
    body = llb.SourceOp(
        identifier=f"docker-image://{normalise(source)}",
        attrs={"image.resolvemode": "local"},
    )
    return Operation(encode("source", body, platform=platform), ("source.image",))


def local(source: LocalSource, unique: str) -> Operation:
    """Files of the session. `unique` differs in every build: equal operations of two builds would share one upload."""
    attrs = {"local.unique": unique, "local.sharedkeyhint": content_of((source.include, source.exclude))[:16]}
    capabilities = ["source.local", "source.local.unique", "source.local.sharedkeyhint"]
    if source.include:
        attrs["local.includepattern"] = json.dumps(source.include)
        capabilities.append("source.local.includepatterns")
    if source.exclude:
        attrs["local.excludepatterns"] = json.dumps(source.exclude)
        capabilities.append("source.local.excludepatterns")
    body = llb.SourceOp(identifier=f"local://{source.name}", attrs=attrs)
    return Operation(encode("source", body), tuple(capabilities))


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
    capabilities = ["file.base"]
    if any(isinstance(action, RmAction) and action.wildcard for action in state.actions):
        capabilities.append("file.rm.wildcard")
    return Operation(encode("file", llb.FileOp(actions=actions), inputs.messages()), tuple(capabilities))


def merge(state: Merge, output_of: OutputOf) -> Operation:
    inputs = Inputs()
    merged = [llb.MergeInput(input=inputs.number(output_of(layer))) for layer in state.inputs]
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


def _copy(action: CopyAction) -> Any:
    return llb.FileActionCopy(
        src=_rooted(action.source),
        dest=_rooted(action.target),
        owner=_owner(action.uid, action.gid),
        mode=_KEEP if action.mode is None else action.mode,
        follow_symlink=True,
        dir_copy_contents=action.contents,
        create_dest_path=True,
        allow_wildcard=action.wildcard,
        timestamp=_KEEP,
    )


def _rooted(path: str) -> str:
    return path if path.startswith("/") else f"/{path}"


def _owner(uid: int | None, gid: int | None) -> Any:
    if uid is None and gid is None:
        return None
    return llb.ChownOpt(user=llb.UserOpt(by_id=uid or 0), group=llb.UserOpt(by_id=gid or 0))
