"""`base`, `shell`, `run`, `git_config`: the builtins without a namespace."""

from __future__ import annotations

from ez.build.frontends.envd.language import Builtin, Call, Parameter
from ez.build.frontends.envd.namespaces.later import later
from ez.build.frontends.envd.record import At, Commands, GitConfig, Record

SHELLS = ("bash", "zsh", "fish")


def _base(record: Record, call: Call) -> None:
    """The image is kept where none is named; the mode is set by every call."""
    if call.string("image"):
        record.image = At(call.string("image"), call.position)
    record.dev = call.bool("dev")


def _shell(record: Record, call: Call) -> None:
    shell = call.string("name").lower()
    if shell not in SHELLS:
        raise call.wrong(f"shell: not a shell that ez knows: `{shell}`", "use one of `bash`, `zsh`, `fish`")
    record.shell = shell


def _run(record: Record, call: Call) -> None:
    record.run.append(At(Commands(call.strings("commands"), call.bool("mount_host")), call.position))


def _git_config(record: Record, call: Call) -> None:
    record.git = At(GitConfig(call.string("name"), call.string("email"), call.string("editor")), call.position)


BUILTINS = (
    Builtin("base", _base, (Parameter("image", default=""), Parameter("dev", "bool", False))),
    Builtin("shell", _shell, (Parameter("name"),), positional_only=True),
    Builtin("run", _run, (Parameter("commands", "strings"), Parameter("mount_host", "bool", False))),
    Builtin(
        "git_config",
        _git_config,
        (Parameter("name", default=""), Parameter("email", default=""), Parameter("editor", default="")),
    ),
    later("include"),
)
