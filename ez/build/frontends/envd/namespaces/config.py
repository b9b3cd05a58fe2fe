"""`config.*`"""

from __future__ import annotations

from ez.build.frontends.envd.language import Builtin, Call, Parameter
from ez.build.frontends.envd.record import At, Jupyter, PipIndex, Record
from ez.build.frontends.passwords import OWN_INDEX, refuse_passwords

HIGHEST_PORT = 65535
HIGHEST_ID = 65535


def _apt_source(record: Record, call: Call) -> None:
    if not call.string("source"):
        raise call.wrong("source is required", "give the whole content of `sources.list`")
    hint = "leave it out and set your own mirror: ez config set mirrors.apt_ubuntu URL"
    refuse_passwords("config.apt_source", (call.string("source"),), call.position, hint)
    record.apt_source = At(call.string("source"), call.position)


def _pip_index(record: Record, call: Call) -> None:
    """A second index of an earlier call outlives a call without one."""
    if not call.string("url"):
        raise call.wrong("url is required", "give the URL of a package index")
    for name in ("url", "extra_url"):
        if "\n" in call.string(name) or "\r" in call.string(name):
            raise call.wrong(f"config.pip_index: a line end in `{name}`", "give one URL")
    refuse_passwords("config.pip_index", (call.string("url"), call.string("extra_url")), call.position)
    if "${" in call.string("url") + call.string("extra_url"):
        raise call.wrong("config.pip_index: pip puts in no variables here", OWN_INDEX)
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


def _cran_mirror(record: Record, call: Call) -> None:
    record.cran_mirror = _address("config.cran_mirror", "cran", call)


def _julia_pkg_server(record: Record, call: Call) -> None:
    record.julia_pkg_server = _address("config.julia_pkg_server", "julia_packages", call)


def _address(name: str, mirror: str, call: Call) -> str:
    """The one `url`, empty for the default server, which the setting `mirror` stands in for as well."""
    hint = f"leave it out and set your own address: ez config set mirrors.{mirror} URL"
    refuse_passwords(name, (call.string("url"),), call.position, hint)
    if any(character.isspace() or character in "\"'\\" for character in call.string("url")):
        raise call.wrong(f"not a URL: `{call.string('url')!r}`", "give one URL, for example `https://cran.example.org`")
    return call.string("url")


def _jupyter(record: Record, call: Call) -> None:
    if not 0 <= call.int("port") <= HIGHEST_PORT:
        raise call.wrong("port must be an integer", "use 0 for any free port, or one up to 65535")
    token = call.string("token")
    if not token.isprintable():
        raise call.wrong("config.jupyter: a token with control characters", "use letters and digits")
    record.jupyter = At(Jupyter(token, call.int("port")), call.position)


def _rstudio_server(record: Record, call: Call) -> None:
    record.rstudio = call.position


def _repo(record: Record, call: Call) -> None:
    record.repo = (call.string("url"), call.string("description"))


def _owner(record: Record, call: Call) -> None:
    uid, gid = call.int("uid"), call.int("gid")
    if not (0 <= uid <= HIGHEST_ID and 0 <= gid <= HIGHEST_ID):
        raise call.wrong("get a wrong uid or gid", f"use numbers from 0 to {HIGHEST_ID}")
    record.owner = (uid, gid)


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
    Builtin("config.cran_mirror", _cran_mirror, (Parameter("url", default=""),)),
    Builtin("config.julia_pkg_server", _julia_pkg_server, (Parameter("url", default=""),)),
    Builtin("config.jupyter", _jupyter, (Parameter("token", default=""), Parameter("port", "int", 0))),
    Builtin("config.rstudio_server", _rstudio_server, free=True),
    Builtin("config.repo", _repo, (Parameter("url"), Parameter("description", default=""))),
    Builtin("config.owner", _owner, (Parameter("uid", "int"), Parameter("gid", "int"))),
)
