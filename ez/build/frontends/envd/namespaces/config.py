"""`config.*`"""

from __future__ import annotations

from ez.build.frontends.envd.language import Builtin, Call, Parameter
from ez.build.frontends.envd.namespaces.later import later
from ez.build.frontends.envd.record import At, PipIndex, Record
from ez.build.frontends.passwords import refuse_passwords


def _apt_source(record: Record, call: Call) -> None:
    if not call.string("source"):
        raise call.wrong("source is required", "give the whole content of `sources.list`")
    record.apt_source = At(call.string("source"), call.position)


def _pip_index(record: Record, call: Call) -> None:
    """A second index of an earlier call outlives a call without one."""
    if not call.string("url"):
        raise call.wrong("url is required", "give the URL of a package index")
    for name in ("url", "extra_url"):
        if "\n" in call.string(name) or "\r" in call.string(name):
            raise call.wrong(f"config.pip_index: a line end in `{name}`", "give one URL")
    refuse_passwords("config.pip_index", (call.string("url"), call.string("extra_url")), call.position)
    earlier = record.pip_index.value.extra_url if record.pip_index else ""
    index = PipIndex(call.string("url"), call.string("extra_url") or earlier, call.bool("trust"))
    record.pip_index = At(index, call.position)


def _entrypoint(record: Record, call: Call) -> None:
    earlier = record.entrypoint.value if record.entrypoint else ()
    record.entrypoint = At((*earlier, *call.strings("args")), call.position)


def _gpu(record: Record, call: Call) -> None:
    if call.int("count") < -1:
        raise call.wrong(f"config.gpu: not a number of GPUs: `{call.int('count')}`", "use -1 for all GPUs")
    record.gpus = call.int("count")


def _shm_size(record: Record, call: Call) -> None:
    if not 0 <= call.int("size") <= 1 << 24:
        raise call.wrong(f"config.shm_size: not a size in MB: `{call.int('size')}`", "use for example 2048")
    record.shm_mb = call.int("size")


LATER = ("conda_channel", "cran_mirror", "julia_pkg_server", "jupyter", "rstudio_server", "repo", "owner")

BUILTINS = (
    Builtin("config.apt_source", _apt_source, (Parameter("source", default=""),)),
    Builtin(
        "config.pip_index",
        _pip_index,
        (Parameter("url"), Parameter("extra_url", default=""), Parameter("trust", "bool", False)),
    ),
    Builtin("config.entrypoint", _entrypoint, (Parameter("args", "strings"),)),
    Builtin("config.gpu", _gpu, (Parameter("count", "int", 0),)),
    Builtin("config.shm_size", _shm_size, (Parameter("size", "int"),)),
    *(later(f"config.{name}") for name in LATER),
)
