"""Every `tests/cases/envd/v0/NAME.envd` is what `NAME.v1` says in v1, with the warnings that its last lines tell."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ez.build.frontends.envd.syntax import split_syntax
from ez.build.frontends.envd.v0.migrate import migrate
from ez.build.load import load, split_entry
from tests.build.frontends.test_envd_cases import CASES, _options

OLD = sorted((CASES / "v0").glob("*.envd"))
BY_HAND = ("twice",)
"""Files that are left to a person: they call `base` twice."""


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CASES / "repo", tmp_path / "repo"))


@pytest.mark.parametrize("case", OLD, ids=lambda case: case.stem)
def test_what_it_is_in_v1(case: Path, repo: Path) -> None:
    new = case.with_suffix(".v1").read_text()
    shutil.copy(case, repo / "build.envd")
    entry = _options(case.read_text()).get("entry", "build.envd:build")
    before = {access: load(repo, "hello", entry=entry, access=access) for access in (True, False)}
    (repo / "build.envd").write_text(new)
    after = {access: load(repo, "hello", access=access) for access in (True, False)}
    assert {access: one.digest for access, one in before.items()} == {
        access: one.digest for access, one in after.items()
    }
    told = [warning for warning in before[True].warnings if warning not in after[True].warnings]
    assert told == [line.removeprefix("# warning ") for line in new.splitlines() if line.startswith("# warning")]


@pytest.mark.parametrize("case", [case for case in OLD if case.stem not in BY_HAND], ids=lambda case: case.stem)
def test_what_is_migrated_describes_the_same(case: Path, repo: Path) -> None:
    shutil.copy(case, repo / "build.envd")
    entry = _options(case.read_text()).get("entry", "build.envd:build")
    before = load(repo, "hello", entry=entry)
    migration = migrate(repo, "hello", entry)
    assert migration.left == ()
    for file in migration.files:
        (repo / file.path).write_text(file.after)
    file_name, function = split_entry(entry)
    in_v1 = f"{file_name}:{split_syntax(function)[0]}"
    assert load(repo, "hello", entry=in_v1).digest == before.digest
    assert migrate(repo, "hello", in_v1).files == ()
