"""What the `pip install` steps of a graph ask for: requirements, apart from options and local packages."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from ez.build.frontends.inputs import Inputs
from ez.build.graph import Run

_STEP = "ez-pip"
_HEAD = 3
"""Words before pip's own arguments: see `ez/build/image/scripts/pip.sh`."""

_WITH_VALUE = frozenset({
    "-r", "--requirement", "-c", "--constraint", "-e", "--editable", "-i", "--index-url", "--extra-index-url",
    "-f", "--find-links", "--trusted-host", "-t", "--target", "--platform", "--python-version", "--implementation",
    "--abi", "--root", "--prefix", "--src", "--upgrade-strategy", "-C", "--config-settings", "--config-setting",
    "--global-option", "--no-binary", "--only-binary", "--progress-bar", "--report", "--proxy", "--retries",
    "--timeout", "--exists-action", "--cert", "--client-cert", "--cache-dir", "--log", "--use-feature",
    "--use-deprecated", "--keyring-provider", "--python",
})  # fmt: skip
"""Options of `pip install` that take a value (pip 25's `--help`)."""

_FILES = {"-r": "-r", "--requirement": "-r", "-c": "-c", "--constraint": "-c"}
_EDITABLE = ("-e", "--editable")
_NAMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\s*(\[[^\]]*\])?\s*([<>=!~;(].*)?")
_ARCHIVE = re.compile(r"\.(whl|zip|tar\.(gz|bz2|xz)|tgz)$")
_DIRECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\s*(\[[^\]]*\])?\s*@\s*https?://[^\s@]+")


@dataclass
class PipCall:
    """The arguments of one step. `asked` are requirements and constraints that can be locked, sorted; `unlocked` those
    that cannot. `options` are words of the command line that stay; `lines` are options out of requirements files."""

    head: tuple[str, ...]
    arguments: tuple[str, ...]
    asked: tuple[str, ...] = ()
    unlocked: tuple[str, ...] = ()
    options: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def pip_call(run: Run, inputs: Inputs) -> PipCall | None:
    """What the step `run` asks of pip, None for any other step. Raises MissingInputError."""
    if run.argv[:2] != ("/bin/sh", "-c") or run.argv[3:4] != (_STEP,) or len(run.argv) <= 4 + _HEAD:
        return None
    call = PipCall(run.argv[4 : 4 + _HEAD], run.argv[4 + _HEAD :])
    asked: set[str] = set()
    unlocked: dict[str, None] = {}
    _read(_Words(call.arguments), call, inputs, asked, unlocked)
    call.asked, call.unlocked = tuple(sorted(asked)), tuple(unlocked)
    return call


class _Words:
    """A command line of pip as options with their values, and requirements."""

    def __init__(self, arguments: Iterable[str]) -> None:
        self._waiting = list(arguments)

    def __iter__(self) -> _Words:
        return self

    def __next__(self) -> tuple[str, str]:
        """`(option, value)`; an option without a value has an empty one, a requirement an empty option."""
        if not self._waiting:
            raise StopIteration
        word = self._waiting.pop(0)
        if not word.startswith("-") or word == "-":
            return "", word
        name, equals, value = word.partition("=")
        if word.startswith("--") and equals:
            return name, value
        if not word.startswith("--") and len(word) > 2 and word[:2] in _WITH_VALUE:
            return word[:2], word[2:]
        if word in _WITH_VALUE and self._waiting:
            return word, self._waiting.pop(0)
        return word, ""


def _read(words: _Words, call: PipCall, inputs: Inputs, asked: set[str], unlocked: dict[str, None]) -> None:
    for option, value in words:
        if option in _FILES:
            _read_file(value, _FILES[option], call, inputs, asked, unlocked, set())
        elif option in _EDITABLE:
            unlocked[f"-e {value}"] = None
        elif option:
            call.options += [option, value] if value else [option]
        else:
            _sort_in(value, asked, unlocked)


def _read_file(
    path: str,
    kind: str,
    call: PipCall,
    inputs: Inputs,
    asked: set[str],
    unlocked: dict[str, None],
    seen: set[str],
) -> None:
    """A requirements (`-r`) or constraints (`-c`) file of the repo and those that it names."""
    if "://" in path or posixpath.isabs(path):
        asked.add(f"{kind} {path}")
        return
    place = inputs.locate(path)
    if place in seen:
        return
    seen.add(place)
    for line in _lines(inputs.read(place).decode("utf-8", "replace")):
        if not line.startswith("-"):
            _sort_in(line if kind == "-r" else f"-c {line}", asked, unlocked)
            continue
        option, _, value = re.sub(
            r"^(-[rcef])(?=\S)|[=\s]+", lambda found: f"{found[1] or ''} ", line, count=1
        ).partition(" ")
        if option in _FILES:
            below = value if "://" in value else posixpath.join(posixpath.dirname(place), value)
            _read_file(below, "-c" if kind == "-c" else _FILES[option], call, inputs, asked, unlocked, seen)
        elif option in _EDITABLE:
            unlocked[f"-e {value.strip()}"] = None
        elif line not in call.lines:
            call.lines.append(line)


def _sort_in(requirement: str, asked: set[str], unlocked: dict[str, None]) -> None:
    plain = requirement.removeprefix("-c ").split(" --")[0].strip()
    known = _NAMED.fullmatch(plain) and not _ARCHIVE.search(plain)
    if known or _DIRECT.match(plain):
        asked.add(" ".join(requirement.split()))
    else:
        unlocked[requirement] = None


def _lines(text: str) -> list[str]:
    """Lines without comments, continued ones joined, empty ones left out."""
    joined = re.sub(r"\\\r?\n", " ", text)
    found = (re.sub(r"(^|\s)#.*$", "", line).strip() for line in joined.splitlines())
    return [line for line in found if line]
