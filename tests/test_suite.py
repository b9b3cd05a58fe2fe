"""The rules that the suite itself keeps."""

import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")


@pytest.mark.parametrize(
    ("body", "exit_code"),
    [
        ("def test_it() -> None: pass", pytest.ExitCode.OK),
        ("import pytest\n@pytest.mark.skip\ndef test_it() -> None: pass", pytest.ExitCode.TESTS_FAILED),
        ("import pytest\npytest.importorskip('no_such')\ndef test_it() -> None: pass", pytest.ExitCode.TESTS_FAILED),
        ("import pytest\n@pytest.mark.xfail\ndef test_it() -> None: assert 0", pytest.ExitCode.TESTS_FAILED),
    ],
)
def test_a_test_that_does_not_run_fails_the_session(tmp_path: Path, body: str, exit_code: int) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST.read_text())
    (tmp_path / "test_it.py").write_text(body)
    (tmp_path / "pytest.ini").touch()
    command = [sys.executable, "-m", "pytest", "-c", str(tmp_path / "pytest.ini"), str(tmp_path)]
    done = subprocess.run(command, cwd=CONFTEST.parents[1], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == exit_code, done.stdout


def test_every_test_file_is_collected() -> None:
    """pytest passes over some directories by their names alone."""
    tests = CONFTEST.parent
    command = [sys.executable, "-m", "pytest", "--collect-only", "--quiet", "--quiet"]
    done = subprocess.run(command, cwd=tests.parent, capture_output=True, text=True, timeout=120, check=False)
    collected = {line.partition(":")[0] for line in done.stdout.splitlines()}
    assert {path.relative_to(tests.parent).as_posix() for path in tests.rglob("test_*.py")} <= collected


def test_each_test_has_a_home_of_its_own(home: Path) -> None:
    assert Path.home() == home
    assert list(home.iterdir()) == []
