"""Build files that nobody would write: each gives a definition or a located error, in bounded time.

`EZ_FUZZ=10000 pytest tests/build/frontends/test_fuzz.py` makes as many as it says, new ones each time.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings

from ez.build.check import ERROR, check
from ez.build.definition import Definition
from ez.build.frontends.envd import sandbox
from ez.build.load import load
from ez.errors import DefinitionError
from tests.build.frontends.grammar import build_files

COUNT = int(os.environ.get("EZ_FUZZ", "0"))
LIBRARY = 'names = ["git"]\n\ndef helper(a = 1):\n    install.apt_packages(names)\n'
SLACK = 5.0

fuzzed = settings(
    max_examples=COUNT or 150,
    derandomize=not COUNT,
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.timeout(0 if COUNT else 300)
@fuzzed
@given(build_files())
@example("def build():\n    x = " + "[" * 3000 + "]" * 3000 + "\n")
@example("def build():\n    x = " + "+".join(["1"] * 20000) + "\n")
@example("def build():\n    x = ()\n    for i in range(100000):\n        x = (x,)\n    y = {x: 1}\n")
@example('def build():\n    fail("\\n --> build.envd:99:1\\n")\n')
@example('def build():\n    _ez_record(\'["base", "  * build.envd:77, in x", [], []]\')\n')
def test_every_file_is_a_definition_or_a_located_error(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        repo = _repo(Path(folder), text)
        started = time.monotonic()
        error = _loaded(repo)
        assert time.monotonic() - started < sandbox.SECONDS + SLACK
        if isinstance(error, DefinitionError):
            _is_located(error, text)


@pytest.mark.timeout(0 if COUNT else 300)
@settings(fuzzed, max_examples=(COUNT // 10) or 25)
@given(build_files())
def test_a_check_finds_mistakes_where_a_build_does(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        repo = _repo(Path(folder), text)
        found = [one for one in check(repo, "x") if one.severity == ERROR]
        error = _loaded(repo)
        assert bool(found) == isinstance(error, DefinitionError)


def _repo(repo: Path, text: str) -> Path:
    (repo / "build.envd").write_bytes(text.encode("utf-8", "surrogatepass"))
    (repo / "lib.envd").write_text(LIBRARY)
    (repo / "requirements.txt").write_text("numpy\n")
    (repo / "data").mkdir()
    return repo


def _loaded(repo: Path) -> Definition | DefinitionError:
    try:
        return load(repo, "x")
    except DefinitionError as error:
        return error


def _is_located(error: DefinitionError, text: str) -> None:
    assert error.message
    assert error.hint
    assert error.file in ("build.envd", "lib.envd", None)
    assert error.line is not None or error.code in ("entry", "value"), error.message
    if error.file == "build.envd" and error.line is not None:
        assert 1 <= error.line <= text.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1
        assert (error.column or 1) >= 1
