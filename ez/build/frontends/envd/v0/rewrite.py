"""A v0 build file -> the same in v1, with its comments and its layout, by the table of `translation`.

What a reader of the text cannot know (a language that is computed, `base` under another name) is told with its line,
and left as it is.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from ez.build.frontends.envd.syntax import V0, V1, marked, marker
from ez.build.frontends.envd.v0.text import UNREAD, Asked, Text, dotted
from ez.build.frontends.envd.v0.translation import LANGUAGES, image_of, split_language

CONDA = ("install.conda_packages", "config.conda_channel")

NOTHING = (*CONDA, "install.r_packages", "install.julia_packages", "install.cuda", "config.jupyter")
"""What v0 does nothing with in an image of one's own."""


@dataclass(frozen=True)
class Untranslated:
    """What somebody has to rewrite by hand, and the line that it is on."""

    line: int
    text: str


@dataclass(frozen=True)
class Rewritten:
    text: str
    untranslated: tuple[Untranslated, ...] = ()


def rewrite(content: str, file: str, *, default_in: str = "", is_first: bool = True) -> Rewritten:
    """`content` in v1. `default_in` names the function at whose start v0's own base has to be written, if any;
    the first of several files says its version in its first line. Raises DefinitionError for what cannot be read.
    """
    rewriting = _Rewriting(Text(content, file))
    rewriting.all()
    if default_in:
        rewriting.begin(default_in)
    changed = rewriting.text.changed
    found = sorted(rewriting.untranslated, key=lambda one: (one.line, one.text))
    return Rewritten(_marked_as_v1(changed, always=is_first), tuple(found))


def calls_base(text: Text, function: str) -> bool:
    """Whether `function`, or what it calls in its file, calls `base`, as far as the text tells."""
    reached, waiting = {""}, ["", function]
    while waiting:
        one = waiting.pop()
        reached.add(one)
        waiting += [asked.name for asked in _all_calls(text, one) if asked.name in text.own - reached]
    return any(asked.name == "base" and asked.function in reached for asked in text.calls)


def _all_calls(text: Text, function: str) -> Iterator[Asked]:
    return (asked for asked in text.every_call if asked.function == function)


class _Rewriting:
    def __init__(self, text: Text) -> None:
        self.text = text
        self.untranslated: list[Untranslated] = []
        self._based = {asked.function for asked in text.calls if asked.name == "base"}
        self._changes: Mapping[str, Callable[[Asked], None]] = {
            "base": self._base,
            "shell": self._shell,
            "io.copy": self._copy,
            "config.conda_channel": self._conda_channel,
            "install.r_packages": self._packages,
            "install.julia_packages": self._packages,
        }

    def all(self) -> None:
        for asked in self.text.calls:
            if asked.name in NOTHING and self._has_image(asked):
                self._drop(asked)
            elif asked.name in self._changes:
                self._changes[asked.name](asked)
        called = {id(asked.call.func) for asked in self.text.calls}
        for node in ast.walk(self.text.tree):
            if isinstance(node, ast.Attribute | ast.Name) and id(node) not in called:
                name = dotted(node)
                if name in self._changes and name.partition(".")[0] not in self.text.own:
                    self.tell(node, f"`{name}` is used as a value here: its calls cannot be seen")

    def begin(self, function: str) -> None:
        """What v0 does where a file never calls `base`: Python, to develop with."""
        lines = ("base(dev=True)", *self._conda(self.text.calls, always=True), "install.python()")
        if not self.text.begin(function, lines):
            message = f"`{function}` is not defined here; begin it with `{'; '.join(lines)}`"
            self.untranslated.append(Untranslated(1, message))

    def tell(self, node: ast.expr | ast.stmt, text: str) -> None:
        self.untranslated.append(Untranslated(node.lineno, text))

    def _base(self, asked: Asked) -> None:
        given = asked.arguments("os", "language", "image")
        if UNREAD in given:
            self.tell(asked.call, "base: arguments with `*` cannot be read here")
        elif "image" in given and self.text.constant(given["image"]) != "":
            self.text.put(asked.call, f"base(image={self.text.source(given['image'])})")
        elif (language := self.text.constant(given.get("language"))) is None:
            self.tell(asked.call, "base: `language` cannot be read here; write it as a text")
        elif (image := self._image(asked, given.get("os"))) is None:
            self.tell(asked.call, "base: `os` cannot be read here; write it as a text")
        else:
            self._language(asked, image, *split_language(language))

    def _image(self, asked: Asked, os: ast.expr | None) -> str | None:
        """The base image that CUDA is for; None where nobody can tell, nothing without CUDA."""
        if os is None or not any(other.name == "install.cuda" for other in self._around(asked)):
            return ""
        written = self.text.constant(os)
        return None if written is None else image_of(written)

    def _language(self, asked: Asked, image: str, name: str, version: str) -> None:
        if name not in LANGUAGES:
            return self.tell(asked.call, f"base: not a language of v0: `{name}`")
        conda = self._conda(self._around(asked), always=name == "python")
        early = self._early(asked)
        if conda and early and early.statement is not None:
            self.text.before(early.statement, conda)
            conda = ()
        base = f'base(image="{image}", dev=True)' if image else "base(dev=True)"
        if not self.text.replace(asked, (base, *conda, _language_line(name, version))):
            self.tell(asked.call, "base: a call inside of something else; give it a line of its own")
        return None

    def _conda(self, calls: Iterable[Asked], *, always: bool) -> tuple[str, ...]:
        needing = [asked for asked in calls if asked.name in CONDA]
        if not needing and not always:
            return ()
        return ("install.conda(use_mamba=True)" if any(map(_wants_mamba, needing)) else "install.conda()",)

    def _early(self, asked: Asked) -> Asked | None:
        """The first call that needs conda, where it comes before this `base`."""
        for other in self.text.calls:
            if other.function == asked.function and other.name in CONDA:
                return other if other.call.lineno < asked.call.lineno else None
        return None

    def _shell(self, asked: Asked) -> None:
        written = asked.call.args[0] if asked.call.args else None
        shell = self.text.constant(written)
        if shell is None or written is None:
            self.tell(asked.call, "shell: its name cannot be read here; v0 takes all but `zsh` for `bash`")
        elif shell not in ("zsh", "bash"):
            self.text.put(written, '"bash"')

    def _copy(self, asked: Asked) -> None:
        names = {"host_path": "source", "envd_path": "target"}
        for keyword in asked.call.keywords:
            if keyword.arg is None:
                self.tell(asked.call, "io.copy: arguments with `**` cannot be read here")
            elif keyword.arg in names:
                self.text.rename(keyword, names[keyword.arg])

    def _conda_channel(self, asked: Asked) -> None:
        """Without `use_mamba`, which is `install.conda`'s in v1; without a channel nothing stays."""
        given = asked.arguments("channel", "use_mamba")
        mamba = given.get("use_mamba")
        if UNREAD in given:
            self.tell(asked.call, "config.conda_channel: arguments with `*` cannot be read here")
        elif mamba is not None and not isinstance(mamba, ast.Constant):
            self.tell(asked.call, "config.conda_channel: `use_mamba` cannot be read here; write True or False")
        elif "channel" not in given or self.text.constant(given["channel"]) == "":
            self._drop(asked)
        elif mamba is not None:
            self.text.remove_argument(asked.call, mamba)

    def _packages(self, asked: Asked) -> None:
        names = asked.arguments("name").get("name")
        if isinstance(names, ast.List) and not names.elts:
            self._drop(asked)

    def _drop(self, asked: Asked) -> None:
        if not self.text.drop(asked):
            self.tell(asked.call, f"{asked.name}: a call inside of something else, that does nothing; remove it")

    def _has_image(self, asked: Asked) -> bool:
        bases = (other for other in self._around(asked) if other.name == "base")
        return any("image" in other.arguments("os", "language", "image") for other in bases)

    def _around(self, asked: Asked) -> Iterator[Asked]:
        """The calls that most likely run together with this one: of its function, and of those without a base."""
        return (
            other
            for other in self.text.calls
            if other.function in ("", asked.function) or not {other.function, asked.function} <= self._based
        )


def _wants_mamba(asked: Asked) -> bool:
    mamba = asked.arguments("channel", "use_mamba").get("use_mamba")
    return asked.name == "config.conda_channel" and isinstance(mamba, ast.Constant) and mamba.value is True


def _language_line(name: str, version: str) -> str:
    if name == "r":
        return "install.r_lang()"
    if name == "julia":
        return "install.julia()"
    return "install.python()" if version in ("", "3") else f'install.python("{version}")'


def _marked_as_v1(text: str, *, always: bool) -> str:
    if marked(text.encode()) == V0:
        first, line_end, rest = text.partition("\n")
        return first.replace(marker(V0), marker(V1)) + line_end + rest
    line_end = "\r\n" if "\r\n" in text else "\n"
    return f"{marker(V1)}{line_end}{text}" if always else text
