"""What an output is before any engine is asked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ez.build.buildkit.exports import plan_exports
from ez.build.buildkit.session.export import ToFile
from ez.build.engines.records import EngineInfo
from ez.build.order import Output
from ez.errors import UsageError

INFO = EngineInfo(kind="docker", store="containerd")


def test_a_file_takes_the_place_of_files_alone(tmp_path: Path) -> None:
    """A device, such as /dev/null, would be gone."""
    os.mkfifo(tmp_path / "pipe")
    for kind, name in (("tar", "pipe"), ("docker", "pipe"), ("oci", ".")):
        with pytest.raises(UsageError, match="not a file to write to"):
            plan_exports((Output(kind, str(tmp_path / name)),), "x", INFO)  # type: ignore[arg-type]
    (tmp_path / "link").symlink_to("result.tar")
    (export,) = plan_exports((Output("tar", str(tmp_path / "link")),), "x", INFO)
    assert export.target == ToFile(tmp_path / "result.tar")
