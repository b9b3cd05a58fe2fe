"""`base`, `shell`, `run`, `git_config`: the builtins without a namespace."""

from __future__ import annotations

from ez.build.frontends.envd.language import Builtin, Call, Parameter, did_you_mean
from ez.build.frontends.envd.record import At, Commands, GitConfig, Record

SHELLS = ("bash", "zsh", "fish")
ORDERS = ("documented", "written")
STAGES = ("before-packages", "before-python-packages", "before-files", "last")
"""Where `run` may be placed in the documented order."""


def _base(record: Record, call: Call) -> None:
    """Image and order are kept where none is named; the mode is set by every call."""
    if call.string("order") not in ("", *ORDERS):
        raise call.wrong(f"base: not an order: `{call.string('order')}`", "use `documented` or `written`")
    if call.string("image"):
        record.image = At(call.string("image"), call.position)
    record.dev, record.base = call.bool("dev"), call.position
    record.order = call.string("order") or record.order


def _shell(record: Record, call: Call) -> None:
    shell = call.string("name").lower()
    if shell not in SHELLS:
        raise call.wrong(f"shell: not a shell that ez knows: `{shell}`", "use one of `bash`, `zsh`, `fish`")
    record.shell = shell


def _run(record: Record, call: Call) -> None:
    stage = call.string("stage")
    if stage not in STAGES:
        close = did_you_mean(stage, STAGES)
        raise call.wrong(f"run: not a stage: `{stage}`{close}", f"use one of {', '.join(f'`{one}`' for one in STAGES)}")
    if stage != "last" and record.order == "written":
        raise call.wrong("run: a stage has no meaning in the written order", "leave out `stage`")
    record.run.append(At(Commands(call.strings("commands"), call.bool("mount_host"), stage), call.position))


def _git_config(record: Record, call: Call) -> None:
    record.git = At(GitConfig(call.string("name"), call.string("email"), call.string("editor")), call.position)


def _include(record: Record, call: Call) -> None:
    """Answered by `ez.build.frontends.envd.interpreter` while the file runs; there is nothing to write down."""


BUILTINS = (
    Builtin(
        "base",
        _base,
        (
            Parameter("image", default=""),
            Parameter("dev", "bool", False),
            Parameter("order", default="", keyword_only=True),
        ),
    ),
    Builtin("shell", _shell, (Parameter("name"),), positional_only=True),
    Builtin(
        "run",
        _run,
        (
            Parameter("commands", "strings"),
            Parameter("mount_host", "bool", False),
            Parameter("stage", default="last", keyword_only=True),
        ),
    ),
    Builtin(
        "git_config",
        _git_config,
        (Parameter("name", default=""), Parameter("email", default=""), Parameter("editor", default="")),
    ),
    Builtin("include", _include, (Parameter("git", default=""), Parameter("ref", default="", keyword_only=True))),
)
