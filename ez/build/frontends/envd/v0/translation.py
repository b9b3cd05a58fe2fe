"""v0 -> v1, call by call, by the table that people follow who rewrite their files by hand.

What v0 takes as v1 does is done at once. What depends on `base`, which may come later, waits until the file has run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ez.build.frontends.envd.language import Builtin, Call, Parameter, Value
from ez.build.frontends.envd.record import DEFAULT_IMAGE, Record
from ez.build.graph import Position

LANGUAGES = ("python", "r", "julia")

OF_V1 = (
    *("install.python", "install.conda", "install.uv", "install.pixi", "install.r_lang", "install.julia"),
    *("install.rust", "install.go", "install.nodejs", "install.codex", "config.owner"),
)
"""What came with v1. What ez adds to the language is there in both."""


@dataclass(frozen=True)
class Base:
    """What `base` said; `version` is the language's."""

    position: Position
    os: str = ""
    language: str = ""
    version: str = ""
    image: str = ""


class Translation:
    """The v0 calls of one run.

    `known` are v0's builtins, `own` those of them that v1 has otherwise, `builtins` all for an interpreter: with v1's
    further names, to refuse them. `warnings` tells what does not do what it seems to.
    """

    def __init__(self, builtins: Mapping[str, Builtin]) -> None:
        self.warnings: list[str] = []
        self._v1 = builtins
        self._base: Base | None = None
        self._conda, self._mamba, self._cuda = False, False, False
        self._waiting: list[Callable[[Record, Base], None]] = []
        self.own = self._own()
        self.known = {**{name: builtins[name] for name in builtins if name not in OF_V1}, **self.own}
        self.builtins = {**self.known, **{name: _of_v1(name) for name in OF_V1}}

    def settle(self, record: Record, file: str) -> None:
        """Do what waited, now that the file `file` has run. Raises DefinitionError at the call that it comes from."""
        base = self._base or Base(Position(file, 1), language="python")
        if base.image:
            self._do(record, "base", base.position, image=base.image, dev=False)
        else:
            self._languages(record, base)
        for wait in self._waiting:
            wait(record, base)

    def _own(self) -> dict[str, Builtin]:
        """The builtins that v0 has otherwise than v1."""
        names = Parameter("name", "strings", ())
        builtins = (
            Builtin("base", self._take_base, (_text("os"), _text("language"), _text("image"))),
            Builtin("shell", self._shell, (Parameter("name"),), positional_only=True),
            Builtin("io.copy", self._copy, (_text("host_path"), _text("envd_path"))),
            Builtin("install.cuda", self._take_cuda, (Parameter("version"), Parameter("cudnn", default="8"))),
            Builtin("install.r_packages", self._packages("r"), (Parameter("name", "strings"),)),
            Builtin("install.julia_packages", self._packages("julia"), (Parameter("name", "strings"),)),
            Builtin(
                "install.conda_packages",
                self._conda_packages,
                (names, Parameter("channel", "strings", ()), _text("env_file")),
            ),
            Builtin(
                "config.conda_channel",
                self._conda_channel,
                (_text("channel"), Parameter("use_mamba", "bool", False)),
            ),
            Builtin("config.jupyter", self._jupyter, (_text("token"), Parameter("port", "int", 0))),
            Builtin(
                "config.pip_index",
                self._pip_index,
                (_text("url"), _text("extra_url"), Parameter("trust", "bool", False)),
            ),
        )
        return {builtin.name: builtin for builtin in builtins}

    def _take_base(self, record: Record, call: Call) -> None:
        """An image of one's own needs no language, as v0 put none into it."""
        earlier = self._base or Base(call.position)
        image = call.string("image") or earlier.image
        language, version = split_language(call.string("language"))
        if not language and not image:
            raise call.wrong(
                "language is required", 'write for example `base(os="ubuntu22.04", language="python3.11")`'
            )
        if language and language not in LANGUAGES:
            raise call.wrong(f"language {language} is not supported", "use `python`, `r` or `julia`, with a version")
        self._base = Base(call.position, call.string("os") or earlier.os, language, version, image)

    def _languages(self, record: Record, base: Base) -> None:
        """Python is conda's in v0; with another language conda comes where something asks for it."""
        image = image_of(base.os) if self._cuda else ""
        if image_of(base.os) and not image:
            self._warn(base.position, f"base: `os` counts for `install.cuda` alone; the image is {DEFAULT_IMAGE}")
        self._do(record, "base", base.position, image=image, dev=True)
        if base.language == "python" or self._conda:
            self._do(record, "install.conda", base.position, use_mamba=self._mamba)
        match base.language:
            case "python" if base.version:
                self._do(record, "install.python", base.position, version=base.version)
            case "python":
                self._do(record, "install.python", base.position)
            case "r":
                self._do(record, "install.r_lang", base.position)
            case "julia":
                self._do(record, "install.julia", base.position)

    def _shell(self, record: Record, call: Call) -> None:
        """v0 knows `zsh`, in lower case; every other word is bash."""
        asked = call.string("name")
        if asked not in ("zsh", "bash"):
            self._warn(call.position, f"shell: v0 knows `zsh` and takes all else for `bash`: `{asked}`")
        self._v1["shell"].call(record, call.position, [_value("zsh" if asked == "zsh" else "bash")], [])

    def _copy(self, record: Record, call: Call) -> None:
        for name in ("host_path", "envd_path"):
            if not call.string(name):
                raise call.wrong(f"io.copy: {name} is empty", f"give a path as `{name}`")
        self._do(record, "io.copy", call.position, source=call.string("host_path"), target=call.string("envd_path"))

    def _take_cuda(self, record: Record, call: Call) -> None:
        """The version of cuDNN is v1's own where the file leaves it out."""
        self._cuda = True
        cudnn = call.string("cudnn")
        self._wait(call, "install.cuda", version=call.string("version"), cudnn="" if cudnn == "8" else cudnn)

    def _packages(self, language: str) -> Callable[[Record, Call], None]:
        """An empty list asks for nothing in v0."""

        def take(record: Record, call: Call) -> None:
            if call.strings("name"):
                self._wait(call, f"install.{language}_packages", name=call.strings("name"))

        return take

    def _conda_packages(self, record: Record, call: Call) -> None:
        self._conda = True
        self._wait(call, "install.conda_packages", **call.arguments)

    def _conda_channel(self, record: Record, call: Call) -> None:
        self._conda, self._mamba = True, self._mamba or call.bool("use_mamba")
        if call.string("channel"):
            self._wait(call, "config.conda_channel", channel=call.string("channel"))

    def _jupyter(self, record: Record, call: Call) -> None:
        def check(record: Record, base: Base) -> None:
            if base.language in ("r", "julia") and not base.image:
                raise call.wrong(f"Jupyter is not supported in {base.language} yet", "remove `config.jupyter`")

        self._waiting.append(check)
        self._wait(call, "config.jupyter", **call.arguments)

    def _pip_index(self, record: Record, call: Call) -> None:
        self._do(record, "config.pip_index", call.position, **call.arguments)

    def _wait(self, call: Call, builtin: str, /, **arguments: Any) -> None:
        """Do it once the base is known; v0 does none of these to an image of one's own."""

        def do(record: Record, base: Base) -> None:
            if base.image:
                self._warn(call.position, f"{builtin}: v0 does nothing with it for an image of your own")
            else:
                self._do(record, builtin, call.position, **arguments)

        self._waiting.append(do)

    def _do(self, record: Record, builtin: str, position: Position, /, **arguments: Any) -> None:
        keywords = [(keyword, _value(value)) for keyword, value in arguments.items()]
        self._v1[builtin].call(record, position, [], keywords)

    def _warn(self, position: Position, text: str) -> None:
        self.warnings.append(f"{position.file}:{position.line}: {text}")


def split_language(written: str) -> tuple[str, str]:
    """`python3.9` -> `python`, `3.9`: parted at the first digit."""
    found = re.match(r"(\D*)(.*)", written, re.DOTALL)
    return (found.group(1), found.group(2)) if found else (written, "")


def image_of(os: str) -> str:
    """`ubuntu20.04` -> `ubuntu:20.04`, for CUDA; nothing for v1's own."""
    name, version = split_language(os)
    image = f"{name}:{version}" if name and version else os
    return "" if image == DEFAULT_IMAGE else image


def _of_v1(name: str) -> Builtin:
    def refuse(record: Record, call: Call) -> None:
        raise call.wrong(
            f"{name}: v0 of the language does not have it",
            "remove `# syntax=v0` from the first line, or use `--syntax v1`",
        )

    return Builtin(name, refuse, free=True)


def _text(name: str) -> Parameter:
    return Parameter(name, default="")


def _value(content: Any) -> Value:
    """What the interpreter would make of it."""
    match content:
        case bool():
            return Value("bool", content)
        case int():
            return Value("int", content)
        case str():
            return Value("string", content)
        case _:
            return Value("list", tuple(_value(item) for item in content))
