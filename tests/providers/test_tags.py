"""Tags can be written by anybody who may write tags: what they say goes into paths, file names and SSH."""

import pytest

from ez.models import Workspace
from ez.providers.tags import Marks, marks_of, tags_of
from tests.providers.orders import HOST_KEY, order_of

ORDER = order_of("azure", "Standard_NC4as_T4_v3", "eastus", expires=1_800_000_000)
WRITTEN = tags_of(ORDER, Workspace("team"))


def test_what_ez_writes_it_reads() -> None:
    expected = Marks("team", "gpu1", "ada", ORDER.create_id, 1_800_000_000, (HOST_KEY,), "ez", 128, idle_minutes=30)
    assert marks_of(WRITTEN) == expected


@pytest.mark.parametrize("tag", ["ez:computer", "ez:create-id"])
@pytest.mark.parametrize("value", ["../../x", "a/../../../networkInterfaces/other", "gpu1\nHost *", "x" * 65, "a b", 5])
def test_of_what_is_not_named_by_ez_nothing_is_believed(tag: str, value: object) -> None:
    assert marks_of({**WRITTEN, tag: value}) == Marks()


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("ez:user", "-oProxyCommand=x"),
        ("ez:user", "root\n"),
        ("ez:host-key", "not a key"),
        ("ez:host-key", "ssh-ed25519 AAAA\n* ssh-ed25519 BBBB"),
        ("ez:expires", "0001-01-01T00:00:00+23:59"),
        ("ez:expires", "soon"),
        ("ez:disk", "9" * 5000),
        ("ez:disk", "-1"),
        ("ez:owner", "ada\x1b[31m"),
        ("ez:owner", 5),
    ],
)
def test_what_cannot_be_is_not_there(tag: str, value: object) -> None:
    expected = {name: text for name, text in WRITTEN.items() if name != tag}
    assert marks_of({**WRITTEN, tag: value}) == marks_of(expected)


@pytest.mark.parametrize("tags", [None, [], "x", 5, {1: 2}])
def test_what_is_no_tags_says_nothing(tags: object) -> None:
    assert marks_of(tags) == Marks()
