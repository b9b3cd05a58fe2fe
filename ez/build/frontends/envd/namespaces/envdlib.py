"""`envdlib.*`: the functions of envd's public library, which need no `include` here."""

from __future__ import annotations

import shlex

from ez.build.frontends.envd.language import Builtin, Call, Parameter, Value
from ez.build.frontends.envd.namespaces import config, install, service, toolchains
from ez.build.frontends.envd.record import DEFAULT_IMAGE, At, Commands, Record

_HOSTS = {
    "tuna": "mirrors.tuna.tsinghua.edu.cn",
    "ustc": "mirrors.ustc.edu.cn",
    "bfsu": "mirrors.bfsu.edu.cn",
    "aliyun": "mirrors.aliyun.com",
}
"""Public mirrors by their short names."""

_PYPI = {"tuna": "pypi/web/simple", "ustc": "pypi/simple", "bfsu": "pypi/web/simple", "aliyun": "pypi/simple"}

_CODENAMES = {"20.04": "focal", "22.04": "jammy", "24.04": "noble", "latest": "noble"}
"""Ubuntu's releases (https://releases.ubuntu.com)."""


def _mirror(record: Record, call: Call) -> None:
    _set_pip(record, call, call.string("pip"))
    if record.conda is not None:
        _set_conda(record, call, call.string("conda"))
    _set_apt(record, call, call.string("apt"))


def _mirror_pip(record: Record, call: Call) -> None:
    _set_pip(record, call, call.string("source"))


def _mirror_conda(record: Record, call: Call) -> None:
    _set_conda(record, call, call.string("source"))


def _mirror_apt(record: Record, call: Call) -> None:
    _set_apt(record, call, call.string("source"))


def _host(call: Call, name: str) -> str:
    if name not in _HOSTS:
        raise call.wrong(f"envdlib: not a mirror: `{name}`", f"use one of {', '.join(f'`{one}`' for one in _HOSTS)}")
    return f"https://{_HOSTS[name]}"


def _set_pip(record: Record, call: Call, name: str) -> None:
    _call("config.pip_index", record, call, f"{_host(call, name)}/{_PYPI[name]}")


def _set_conda(record: Record, call: Call, name: str) -> None:
    channels = f"{_host(call, name)}/anaconda"
    text = f"""channels:
  - conda-forge
show_channel_urls: true
custom_channels:
  conda-forge: {channels}/cloud
  pytorch: {channels}/cloud
"""
    _call("config.conda_channel", record, call, text)


def _set_apt(record: Record, call: Call, name: str) -> None:
    """Of the release that the base image is; envdlib writes that of Ubuntu 20.04 whatever it is."""
    image = record.image.value if record.image else DEFAULT_IMAGE
    repository, _, tag = image.rpartition("/")[2].partition(":")
    release = tag if tag in _CODENAMES.values() else _CODENAMES.get(tag or "latest", "")
    if repository != "ubuntu" or not release:
        hint = "call `base` first, with an image of Ubuntu, or write the sources with `config.apt_source`"
        raise call.wrong(f"envdlib: no apt mirror is known for the base image `{image}`", hint)
    url = f"{_host(call, name)}/ubuntu/".replace("https://", "http://")
    suites = (release, f"{release}-updates", f"{release}-backports", f"{release}-security")
    lines = [f"deb {url} {suite} main restricted universe multiverse" for suite in suites]
    _call("config.apt_source", record, call, "\n".join(lines))


def _golang(record: Record, call: Call) -> None:
    _call("install.go", record, call, call.string("version"))


def _rust(record: Record, call: Call) -> None:
    _call("install.rust", record, call)


def _open_mmlab(record: Record, call: Call) -> None:
    record.pip_packages.append(At(("openmim",), call.position))
    if call.strings("packages"):
        line = shlex.join(["mim", "install", *call.strings("packages")])
        record.run.append(At(Commands((line,)), call.position))


def _tensorrt(record: Record, call: Call) -> None:
    message = "envdlib.tensorrt: NVIDIA's archive of TensorRT needs an account, so ez cannot fetch it"
    raise call.wrong(message, 'use `install.python_packages(name=["tensorrt"])`')


def _call(name: str, record: Record, call: Call, *words: str) -> None:
    builtin = next(one for one in (*config.BUILTINS, *install.BUILTINS, *toolchains.BUILTINS) if one.name == name)
    builtin.call(record, call.position, [Value("string", word) for word in words], [])


def _source(*more: Parameter) -> tuple[Parameter, ...]:
    return (Parameter("source", default="tuna"), *more)


BUILTINS = (
    *service.builtins("envdlib", "/tmp"),
    Builtin(
        "envdlib.mirror",
        _mirror,
        (Parameter("pip", default="tuna"), Parameter("conda", default="tuna"), Parameter("apt", default="tuna")),
    ),
    Builtin("envdlib.mirror_pip", _mirror_pip, _source()),
    Builtin("envdlib.mirror_conda", _mirror_conda, _source()),
    Builtin("envdlib.mirror_apt", _mirror_apt, _source(Parameter("include_alpha", "bool", False))),
    Builtin("envdlib.golang", _golang, (Parameter("version", default="1.18.8"),)),
    Builtin("envdlib.rust", _rust),
    Builtin("envdlib.open_mmlab", _open_mmlab, (Parameter("packages", "strings"),)),
    Builtin(
        "envdlib.tensorrt",
        _tensorrt,
        (
            Parameter("os", default="20.04"),
            Parameter("cuda", default="11.6.2"),
            Parameter("trt", default="8.4.3.1"),
        ),
    ),
)
