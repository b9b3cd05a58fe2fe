"""`install.*` of languages other than Python and of tools, and what goes with conda and CUDA."""

from __future__ import annotations

import re
import shlex

from ez.build.frontends.envd.language import Builtin, Call, Parameter
from ez.build.frontends.envd.record import At, CondaPackages, Cuda, Record, Tool
from ez.build.frontends.passwords import refuse_passwords
from ez.build.image.cuda import check_version
from ez.errors import DefinitionError

_VERSIONS = {
    "uv": (r"3\.\d{1,3}(\.\d{1,3})?", "3.11"),
    "julia": (r"\d+\.\d+\.\d+(-[a-z0-9.]+)?", "1.10.10"),
    "rust": (r"\d+\.\d+(\.\d+)?|stable|beta|nightly(-\d{4}-\d\d-\d\d)?", "1.91.0"),
    "go": (r"\d+\.\d+(\.\d+)?((rc|beta)\d+)?", "1.25.3"),
    "nodejs": (r"\d+\.\d+\.\d+", "25.1.0"),
    "codex": (r"rust-v\d+\.\d+\.\d+(-[a-z0-9.]+)?", "rust-v0.98.0"),
}
"""Which versions make sense, and how they are written."""

_OWN_CHANNELS = "leave it out and set where your channels are: ez config set mirrors.conda URL"


def _uv(record: Record, call: Call) -> None:
    version = call.string("python_version")
    _add(record, call, Tool("uv", options=(_version("uv", "3.11" if version in ("", "3") else version, call),)))


def _pixi(record: Record, call: Call) -> None:
    index = call.string("pypi_index")
    if re.search(r"[\s\"'\\]", index) or not index.isprintable():
        raise call.wrong(f"install.pixi: not a URL: `{index!r}`", "give one URL of a package index")
    refuse_passwords("install.pixi", (index,), call.position, "leave out `pypi_index`")
    mirror = "mirror" if call.bool("use_pixi_mirror") else ""
    _add(record, call, Tool("pixi", options=(mirror, index)))


def _language(name: str, prefix: str = "") -> Builtin:
    """`prefix` is what people write before versions as the tool's own site does."""

    def install(record: Record, call: Call) -> None:
        version = call.string("version").removeprefix(prefix)
        _add(record, call, Tool(name, _version(name, version, call) if version else ""))

    return Builtin(f"install.{name}", install, (Parameter("version", default=""),), free=name == "julia")


def _r_lang(record: Record, call: Call) -> None:
    _add(record, call, Tool("r_lang"))


def _version(name: str, version: str, call: Call) -> str:
    pattern, example = _VERSIONS[name]
    if not re.fullmatch(pattern, version):
        raise call.wrong(f"install.{name}: not a version: `{version}`", f"write it whole, as `{example}`")
    return version


def _add(record: Record, call: Call, tool: Tool) -> None:
    """The last call for a tool counts, at its place in the order of the calls."""
    if record.order != "written":
        record.tools[:] = [asked for asked in record.tools if asked.value.name != tool.name]
    record.tools.append(At(tool, call.position))


def _packages(name: str, language: str) -> Builtin:
    def install(record: Record, call: Call) -> None:
        names = tuple(word for word in call.strings("name") if word.strip())
        if not names:
            raise call.wrong(f"Can not install empty {language} package", "name at least one package")
        for one in names:
            if re.search(r"[\s\"'\\`$]", one) or not one.isprintable():
                raise call.wrong(f"install.{name}: not a package: `{one!r}`", "list only names of packages")
        packages = record.r_packages if language == "R" else record.julia_packages
        packages.append(At(names, call.position))

    return Builtin(f"install.{name}", install, (Parameter("name", "strings"),))


def _conda(record: Record, call: Call) -> None:
    """Whoever asks for conda again begins anew."""
    record.conda = At(call.bool("use_mamba"), call.position)
    if record.order != "written":
        record.conda_packages.clear()
        record.conda_env_file = record.conda_channel = None


def _conda_channel(record: Record, call: Call) -> None:
    if record.conda is None:
        raise call.wrong("cannot config conda when conda is not installed", "call `install.conda()` before")
    text = call.string("channel")
    if text.strip() and ":" not in text:
        raise call.wrong(
            f"config.conda_channel: not the text of a `.condarc`: `{text.strip()[:60]}`",
            f'write `config.conda_channel(channel="channels:\\n  - {text.strip().split()[0]}\\n")`',
        )
    refuse_passwords("config.conda_channel", (text,), call.position, _OWN_CHANNELS)
    record.conda_channel = At(text, call.position)


def _conda_packages(record: Record, call: Call) -> None:
    """Names and channels add up to one command; the environment file is that of the last call."""
    file = call.string("env_file")
    if file and (call.strings("name") or call.strings("channel")):
        raise call.wrong("env_file and name/channel are mutually exclusive", "use two calls, or name all in the file")
    if record.conda is None:
        raise call.wrong("cannot install conda packages when conda is not installed", "call `install.conda()` before")
    names, channels = _conda_words(call)
    for word in (*names, *channels):
        if not word.strip() or word.startswith("-") or not word.isprintable():
            raise call.wrong(f"install.conda_packages: not a package or channel: `{word}`", "list only names")
    refuse_passwords("install.conda_packages", (*names, *channels), call.position, _OWN_CHANNELS)
    if names or channels:
        record.conda_packages.append(At(CondaPackages(names, channels), call.position))
    record.conda_env_file = At(file, call.position) if file else None


def _conda_words(call: Call) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names and channels. Entries may hold several words and `-c CHANNEL`: they are joined, then split by a shell's
    rules; what begins as a comparison belongs to the name before it."""
    joined = " ".join(call.strings("name"))
    try:
        words = iter(shlex.split(joined))
    except ValueError as error:
        raise call.wrong(f"install.conda_packages: an open quote: `{joined}`", "close the quote") from error
    names: list[str] = []
    channels = list(call.strings("channel"))
    for word in words:
        if word in ("-c", "--channel"):
            channels.append(next(words, ""))
        elif word.startswith("--channel="):
            channels.append(word.partition("=")[2])
        elif names and word.startswith(("<", ">", "=", "!", "~")):
            names[-1] += f" {word}"
        elif word not in ("", "-y", "--yes"):
            names.append(word)
    return tuple(names), tuple(channels)


def _cuda(record: Record, call: Call) -> None:
    """cuDNN as an earlier call said it, where this one does not."""
    earlier = record.cuda.value.cudnn if record.cuda else ""
    cuda = Cuda(call.string("version"), call.string("cudnn") or earlier)
    try:
        check_version(cuda.version, cuda.cudnn)
    except DefinitionError as error:
        raise call.wrong(error.message, error.hint) from error
    record.cuda = At(cuda, call.position)


BUILTINS = (
    Builtin("install.conda", _conda, (Parameter("use_mamba", "bool", False),)),
    Builtin("install.uv", _uv, (Parameter("python_version", default="3.11"),)),
    Builtin("install.pixi", _pixi, (Parameter("use_pixi_mirror", "bool", False), Parameter("pypi_index", default=""))),
    Builtin("install.r_lang", _r_lang, free=True),
    _language("julia", "v"),
    _language("rust"),
    _language("go", "go"),
    _language("nodejs", "v"),
    _language("codex"),
    Builtin(
        "install.conda_packages",
        _conda_packages,
        (
            Parameter("name", "strings", ()),
            Parameter("channel", "strings", ()),
            Parameter("env_file", default=""),
        ),
    ),
    _packages("r_packages", "R"),
    _packages("julia_packages", "Julia"),
    Builtin("install.cuda", _cuda, (Parameter("version"), Parameter("cudnn", default=""))),
    Builtin("config.conda_channel", _conda_channel, (Parameter("channel", default=""),)),
)
