"""The process that runs a person's `build.py`: what it makes, or why it failed, goes back as JSON.

Whoever starts it believes nothing that it says: see `ez.build.frontends.python`.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from ez.build.graph_json import graph_to_json, value_to_json
from ez.build.python.image import Image
from ez.build.python.place import shown
from ez.errors import DefinitionError, MissingInputError

_IMPORTING = "<frozen importlib"


def main(file: str, function: str, arguments: Mapping[str, Any], channel: int) -> None:
    """Run `file`, found in the current directory, and tell what `function` of it is or makes on `channel`."""
    here = os.getcwd()
    used: set[str] = set()
    sys.addaudithook(_remember(used, here))
    sys.path.insert(0, here)
    sys.dont_write_bytecode, sys.pycache_prefix = True, os.devnull
    try:
        answer = _described(_made(file, function, arguments))
    except BaseException as error:
        answer = {"error": _failure(error, file, here)}
    with open(channel, "w", encoding="ascii") as pipe:
        json.dump({**answer, "used": sorted(used)}, pipe)


def _made(file: str, function: str, arguments: Mapping[str, Any]) -> Image:
    module = ModuleType(Path(file).stem)
    module.__file__ = file
    sys.modules[module.__name__] = module
    exec(compile(Path(file).read_bytes(), file, "exec"), module.__dict__)
    if not hasattr(module, function):
        message = f"`{file}` has no `{function}`"
        raise DefinitionError(message, f"write `{function} = Image(...)`, or a function that returns an image")
    made = getattr(module, function)
    if isinstance(made, Image) and not arguments:
        return made
    made = made(**arguments) if callable(made) else None
    if not isinstance(made, Image):
        message = f"`{function}` is no image, nor a function that returns one"
        raise DefinitionError(message, f"make `{function}` an `Image`", file=file)
    return made


def _described(image: Image) -> dict[str, Any]:
    made = image.made
    return {"graph": graph_to_json(made.state, made.config), "runtime": value_to_json(made.runtime)}


def _failure(error: BaseException, file: str, here: str) -> dict[str, Any]:
    """Message, hint and place; of the calls that led there only those of the repo."""
    places = _places(error, here)
    inner = places[-1] if places else (file, None)
    told: dict[str, Any] = {"message": _message(error), "hint": None, "file": inner[0], "line": inner[1], "paths": []}
    if isinstance(error, DefinitionError):
        told |= {"message": error.message, "hint": error.hint}
        told |= {"file": error.file, "line": error.line} if error.file else {}
    if isinstance(error, MissingInputError):
        told["paths"] = list(error.paths)
    if isinstance(error, ModuleNotFoundError) and error.name:
        top = error.name.partition(".")[0]
        told["paths"] = [f"{top}.py", top]
    outer = places[0] if places else inner
    if outer[:2] != (told["file"], told["line"]):
        told["message"] += f" (called from {outer[0]}:{outer[1]})"
    return told


def _message(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"the program ended itself with status {error.code}"
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg}"
    return f"{type(error).__name__}: {error}"


def _places(error: BaseException, here: str) -> list[tuple[str, int | None]]:
    """The repo's lines on the way to the error, outermost first."""
    trace: TracebackType | None = error.__traceback__
    found = [(shown(frame.f_code.co_filename, here), line) for frame, line in traceback.walk_tb(trace)]
    if isinstance(error, SyntaxError) and error.filename:
        found.append((shown(error.filename, here), error.lineno or 1))
    return [(file, line) for file, line in found if not os.path.isabs(file) and not file.startswith("<")]


def _remember(used: set[str], here: str) -> Callable[[str, tuple[Any, ...]], None]:
    """Remembers what the program opens or lists of the repo, so that a copy of the repo can be known to have it."""

    def hook(event: str, values: tuple[Any, ...]) -> None:
        if event not in ("open", "os.listdir", "os.scandir") or not isinstance(values[0], str | bytes | os.PathLike):
            return
        if event != "open" and sys._getframe(1).f_code.co_filename.startswith(_IMPORTING):
            return
        if event == "open" and set(str(values[1])) & set("wax"):
            return
        path = os.path.relpath(os.path.join(here, os.fsdecode(values[0])), here)
        if path != ".." and not path.startswith("../"):
            used.add(path)

    return hook
