"""Every builtin has the parameters that envd's documentation gives it: `tests/cases/envd/signatures`."""

from dataclasses import replace
from pathlib import Path

import pytest

from ez.build.frontends.envd.frontend import CONTEXT
from ez.build.frontends.envd.language import Builtin
from scripts.lib.signatures import constants, literal, signature, vocabulary

CASES = Path(__file__).parents[2] / "cases" / "envd" / "signatures"
VERSIONS = ("v0", "v1")
LINES = [(version, line) for version in VERSIONS for line in (CASES / f"{version}.txt").read_text().splitlines()]


@pytest.mark.parametrize(("version", "line"), [pytest.param(*case, id=" ".join(case)) for case in LINES])
def test_signature(version: str, line: str) -> None:
    """Parameters of ez's own come after envd's, and may be left out."""
    if "(" not in line:
        assert line in {CONTEXT, *(f"{name} = {literal(value)}" for name, value in constants().items())}
        return
    name = line.partition("(")[0]
    builtin = vocabulary(version)[name]
    if builtin.free:
        builtin = replace(builtin, parameters=())
    found = signature(builtin)
    assert found == line or (found.startswith(line[:-1]) and _all_may_be_left_out(builtin, line.count(": ")))


def _all_may_be_left_out(builtin: Builtin, after: int) -> bool:
    return all(parameter.default is not None for parameter in builtin.parameters[after:])
