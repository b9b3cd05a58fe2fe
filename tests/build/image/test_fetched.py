"""What comes from the net is what was meant, or the build fails at the line that asks for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ez.build.load import load
from ez.errors import StepError
from tests.build.image.conftest import build_image
from tests.build.image.mirror import mirror, open_vsx, serving
from tests.testbed import Testbed

pytestmark = pytest.mark.engine


@pytest.mark.parametrize(
    ("asked", "spoilt", "said"),
    [
        ("somebody.tool-1.0.0", True, "ez: bad checksum of somebody.tool 1.0.0: "),
        ("somebody.tool-2.0.0", False, "/open_vsx has no extension somebody.tool of the version 2.0.0"),
    ],
    ids=["spoilt", "missing"],
)
def test_an_extension(asked: str, spoilt: bool, said: str, engine: Path, testbed: Testbed, tmp_path: Path) -> None:
    (tmp_path / "build.envd").write_text(
        f'def build():\n    base(dev=True)\n    install.vscode_extensions(["{asked}"])\n'
    )
    files = open_vsx(("somebody", "tool", "1.0.0"), spoilt=spoilt)
    with mirror(testbed.world.address(1), {"open_vsx": files}) as mirrors:
        error = _failure(engine, tmp_path, mirrors)
    assert error.line == 3
    assert said in "\n".join(error.log)


def test_a_file(engine: Path, testbed: Testbed, tmp_path: Path) -> None:
    with serving(testbed.world.address(1), {"file.txt": b"hello\n"}) as base:
        call = f'io.http("{base}/file.txt", checksum="sha256:{"0" * 64}")'
        (tmp_path / "build.envd").write_text(f'def build():\n    base("debian:12")\n    {call}\n')
        error = _failure(engine, tmp_path, {})
    assert error.line == 3
    assert "digest mismatch" in str(error)


def _failure(engine: Path, repo: Path, mirrors: dict[str, str]) -> StepError:
    with pytest.raises(StepError) as caught:
        build_image(engine, load(repo, "hello", access=False), mirrors)
    return caught.value
