"""The page of the build language, and the stubs that an editor reads: signatures of the code, words of a data file."""

import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

from ez.build.frontends.envd.frontend import CONTEXT
from scripts.lib.markdown import MADE, table
from scripts.lib.signatures import RETURNS, constants, literal, parameters, signature, vocabulary

REPOSITORY = Path(__file__).parents[2]
WORDS = Path(__file__).with_suffix(".toml")
VERSIONS = ("v1", "v0")

_HEAD = """# Build files

What a `build.envd` can call. Types are Python's; parameters without a default have to be given. A file is in v1 unless
its first line is `# syntax=v0` or `--syntax v0` is given; `ez build --migrate` shows it in v1, and `--write` writes it.
More: [old files, and editors](../guides/v0-and-editors.md), and
[order, services, mounts and other base images](../guides/build-file.md).
"""
_V0 = """## v0

The language of envd before 1.0, as calls of v1. What ez has of its own is there too; what came with v1 is not.
"""
_EXTRA = "ez's own."
_STARLARK = '''from typing import Any, NoReturn

class DataSource: ...

class _Json:
    def encode(self, x: Any) -> str: ...
    def decode(self, x: str) -> Any: ...

json: _Json

def load(module: str, *names: str, **renamed: str) -> None:
    """Names of another build file. The path counts from the file that loads it."""

def struct(**members: Any) -> Any: ...
def fail(*words: Any) -> NoReturn: ...
'''
"""What Starlark has and Python has not."""


def words() -> dict[str, Any]:
    """Name of a builtin -> its words; those for v0 are under `v0`."""
    return tomllib.loads(WORDS.read_text())


def page() -> str:
    """The whole page, as Markdown."""
    known = words()
    of_v1 = {name: (_word(known, name), _differs(known, name)) for name in known}
    of_v0 = {name: (_word(known["v0"], name) or "As in v1.", _differs(known["v0"], name)) for name in known}
    own = {name for name, word in known.items() if word.get("extra")}
    lines = [_HEAD]
    for space, names in _spaces("v1", list(known)).items():
        lines += [f"## {f'`{space}`' if space else 'Without a namespace'}\n", *_table("v1", names, of_v1)]
    names = [name for many in _spaces("v0", list(known)).values() for name in many if name not in own]
    return MADE + "\n".join([*lines, _V0, *_table("v0", names, of_v0)])


def _table(version: str, names: Iterable[str], told: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    rows = [(_shown(version, name), *told.get(name, ("", ""))) for name in names]
    return table(("", "here", "other than in envd"), rows)


def _word(known: Mapping[str, Any], name: str, kind: str = "what") -> str:
    return str(known.get(name, {}).get(kind, ""))


def _differs(known: Mapping[str, Any], name: str) -> str:
    own = [_EXTRA] if known.get(name, {}).get("extra") else []
    return " ".join([*own, *filter(None, [_word(known, name, "differs")])])


def _shown(version: str, name: str) -> str:
    builtins = vocabulary(version)
    if name in builtins:
        return signature(builtins[name])
    return f"{name} = {literal(constants()[name])}" if name in constants() else name


def _spaces(version: str, order: Sequence[str]) -> dict[str, list[str]]:
    """Namespace -> the names in it, in `order`; those without one first."""
    found: dict[str, list[str]] = {"": []}
    for name in sorted((*vocabulary(version), *constants(), CONTEXT), key=lambda name: _place(name, order)):
        space = name.partition(".")[0] if "." in name else ""
        found.setdefault(space, []).append(name)
    return found


def _place(name: str, order: Sequence[str]) -> int:
    return order.index(name) if name in order else len(order)


def stubs(version: str) -> str:
    """A module of Python's stub syntax with every name of a version."""
    known = words()
    known = {**known, **(known["v0"] if version == "v0" else {})}
    lines = [f'"""The names of a build file, {version} of the language. Made by scripts/docs."""', "", _STARLARK]
    for space, names in _spaces(version, list(known)).items():
        lines += _namespace(version, space, names, known) if space else _plain(version, names, known)
    return _formatted("\n".join(lines) + "\n")


def _formatted(text: str) -> str:
    """As every other file of the repo is."""
    ruff = Path(sys.executable).with_name("ruff")
    command = [str(ruff), "format", "--stdin-filename", "ez/api/names.pyi", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True, cwd=REPOSITORY).stdout


def _plain(version: str, names: list[str], known: Mapping[str, Any]) -> Iterator[str]:
    builtins = vocabulary(version)
    for name in names:
        yield from _function(name, parameters(builtins[name]), known) if name in builtins else [f"{name}: str"]
    yield ""


def _namespace(version: str, space: str, names: list[str], known: Mapping[str, Any]) -> Iterator[str]:
    """A class for the namespace, and for each below it, and its one value."""
    builtins = vocabulary(version)
    inner: dict[str, list[str]] = {}
    for name in names:
        if name.count(".") > 1:
            inner.setdefault(name.split(".")[1], []).append(name)
    for below, members in inner.items():
        yield f"class _{space.title()}{below.title()}:"
        yield from (f"    {name.rpartition('.')[2]}: str" for name in members)
        yield ""
    yield f"class _{space.title()}:"
    for name in names:
        if name in builtins:
            arguments = parameters(builtins[name])
            own = _function(name.rpartition(".")[2], f"self, {arguments}" if arguments else "self", known, name)
            yield from (f"    {line}" if line else "" for line in own)
    yield from (f"    {below}: _{space.title()}{below.title()}" for below in inner)
    yield from ("", f"{space}: _{space.title()}", "")


def _function(name: str, arguments: str, known: Mapping[str, Any], full: str = "") -> Iterator[str]:
    arguments = arguments.replace("*args", "*args: Any").replace("**kwargs", "**kwargs: Any")
    yield f"def {name}({arguments}) -> {RETURNS.get(full or name, 'None')}:"
    yield from (f"    {line}" for line in wrap(f'"""{_word(known, full or name)}"""', 100))
    yield ""


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for version in VERSIONS:
        (folder / f"{version}.pyi").write_text(stubs(version))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
