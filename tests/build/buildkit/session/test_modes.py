"""File modes there and back."""

import stat

import pytest

from ez.build.buildkit.session.modes import go_mode, unix_mode

MODES = {
    stat.S_IFDIR | 0o1777: 1 << 31 | 1 << 20 | 0o777,
    stat.S_IFREG | 0o4755: 1 << 23 | 0o755,
    stat.S_IFREG | 0o2640: 1 << 22 | 0o640,
    stat.S_IFLNK | 0o777: 1 << 27 | 0o777,
    stat.S_IFIFO | 0o600: 1 << 25 | 0o600,
    stat.S_IFBLK | 0o600: 1 << 26 | 0o600,
    stat.S_IFCHR | 0o600: 1 << 26 | 1 << 21 | 0o600,
}


@pytest.mark.parametrize(("mode", "go"), MODES.items())
def test_modes_are_gos(mode: int, go: int) -> None:
    assert go_mode(mode) == go
    assert unix_mode(go) == mode


def test_a_kind_that_is_none() -> None:
    with pytest.raises(ValueError, match="no such kind"):
        unix_mode(1 << 19 | 0o600)
