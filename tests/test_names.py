"""Names, also from hostile repos."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ez.errors import UsageError
from ez.names import check_name, environment_name, shown

HOSTILE = [
    "",
    "-",
    "-rf",
    "a-",
    "A",
    "a b",
    "a;b",
    "$(id)",
    "`id`",
    "a'b",
    'a"b',
    "a/b",
    "..",
    "a.b",
    "ä",
    "a\n",
    "a_b",
    "٣",
]


@pytest.mark.parametrize("name", ["a", "0", "a-b", "gpu--1", "x" * 63])
def test_names_that_can_be_used(name: str) -> None:
    assert check_name("computer", name) == name


@pytest.mark.parametrize("name", [*HOSTILE, "x" * 64, "x" * 300])
def test_names_that_cannot_be_used(name: str) -> None:
    with pytest.raises(UsageError) as raised:
        check_name("computer", name)
    assert "\n" not in raised.value.message
    assert len(raised.value.message) < 120
    assert "a-z" in (raised.value.hint or "")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("hello", "hello"),
        ("Größe Ünïcode.git", "grosse-unicode"),
        ("/home/me/My Project (old)/", "my-project-old"),
        ("owner/name.git", "name"),
        ("smørrebrød_2.0", "smorrebrod-2-0"),
        ("--rm;$(reboot)", "rm-reboot"),
        ("x" * 39 + "-yy", "x" * 39),
        ("\uff46\uff55ll", "full"),
    ],
)
def test_default_name_of_a_repo(text: str, name: str) -> None:
    assert environment_name(text) == name


@pytest.mark.parametrize("text", ["", "/", ".git", "项目", "...", "\x00"])
def test_repo_without_a_usable_name(text: str) -> None:
    with pytest.raises(UsageError, match="no environment name"):
        environment_name(text)


@given(st.text(max_size=400))
def test_a_default_name_can_be_used_and_stays(text: str) -> None:
    try:
        name = environment_name(text)
    except UsageError:
        return
    assert check_name("environment", name) == name == environment_name(name)
    assert len(name) <= 40


@given(st.text(max_size=400))
def test_shown_is_one_short_line(text: str) -> None:
    assert shown(text).isprintable()
    assert len(shown(text)) <= 60
