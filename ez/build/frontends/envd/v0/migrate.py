"""A repo's v0 build files in v1, and whether they then describe the same environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ez.build.definition import Definition
from ez.build.frontends import NOTHING_GIVEN, Given
from ez.build.frontends.envd.syntax import V0, V1, advice_for_v1, marked, split_syntax, with_syntax
from ez.build.frontends.envd.v0.rewrite import Rewritten, calls_base, rewrite
from ez.build.frontends.envd.v0.text import Text
from ez.build.frontends.inputs import Inputs
from ez.build.load import load, split_entry
from ez.errors import DefinitionError


@dataclass(frozen=True)
class MigratedFile:
    """A file of the repo, `path` relative to it, before and after."""

    path: str
    before: str
    after: str


@dataclass(frozen=True)
class Left:
    """What has to be rewritten by hand, and where it is."""

    file: str
    line: int
    text: str


@dataclass(frozen=True)
class Migration:
    """`files` are those that change: none of a repo that is in v1 already. With nothing `left` the same comes out."""

    files: tuple[MigratedFile, ...] = ()
    left: tuple[Left, ...] = ()


def migrate(directory: Path, name: str, entry: str, given: Given = NOTHING_GIVEN) -> Migration:
    """The build file of `directory` that `entry` names, and what it loads, in v1; nothing is written.

    Raises DefinitionError for a file that is wrong in its own version.
    """
    file, function = split_entry(entry)
    if not file.endswith(".envd"):
        raise DefinitionError(f"not a build file of envd: `{file}`", "name a file that ends in `.envd`")
    function, asked = split_syntax(function)
    run, inputs = _Run(directory, name, f"{file}:{function}"), Inputs(directory)
    said = asked or marked(inputs.read(file))
    if said == V1 or (not said and _is_v1(run, file, given)):
        return Migration()
    before = run.definition(V0, given)
    written = {source.name: source.data for source in before.sources if source.name in before.inputs}
    texts = {path: data.decode("utf-8-sig") for path, data in written.items()}
    rewritten = _rewritten(texts, inputs.locate(file), function)
    after = {path: new.text for path, new in rewritten.items()}
    left = [Left(path, one.line, one.text) for path, new in rewritten.items() for one in new.untranslated]
    if not left:
        edited = replace(given, edit=lambda path, text: after.get(path, text))
        left = _differences(before, lambda: run.definition(V1, edited), file)
    files = (
        MigratedFile(path, written[path].decode(), after[path]) for path in sorted(texts) if texts[path] != after[path]
    )
    return Migration(tuple(files), tuple(sorted(left, key=lambda one: (one.file, one.line))))


@dataclass(frozen=True)
class _Run:
    directory: Path
    name: str
    entry: str

    def definition(self, version: str, given: Given) -> Definition:
        """As an image that is not entered, where what v0 and v1 make of `base` shows."""
        entry = with_syntax(self.entry, version)
        return load(self.directory, self.name, entry=entry, access=False, locked=False, given=given)


def _is_v1(run: _Run, file: str, given: Given) -> bool:
    """Whether a file that does not say its version is in v1; what is wrong with it there is raised."""
    try:
        run.definition(V1, given)
    except DefinitionError as error:
        if error.hint == advice_for_v1(file):
            return False
        raise
    return True


def _rewritten(texts: Mapping[str, str], file: str, function: str) -> dict[str, Rewritten]:
    """Each file in v1; v0's own base goes into `function` where none of them calls one."""
    others = (Text(text, path) for path, text in texts.items() if path != file)
    is_based = calls_base(Text(texts[file], file), function) or any(
        asked.name == "base" for text in others for asked in text.calls
    )
    return {
        path: rewrite(text, path, default_in=function if path == file and not is_based else "", is_first=path == file)
        for path, text in texts.items()
    }


def _differences(before: Definition, again: Callable[[], Definition], file: str) -> list[Left]:
    """Why the new files are not good enough, or nothing: they have to give the same definition."""
    try:
        after = again()
    except DefinitionError as error:
        return [Left(error.file or file, error.line or 1, f"in the new file: {error.message}")]
    if after.digest != before.digest:
        return [Left(file, 1, "the new file describes another environment")]
    return []
