"""Waiting for EC2, which answers at once and works after that."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from ez.errors import CloudError
from ez.providers.aws.account import PACE, Account
from ez.providers.aws.errors import code_of, is_gone

T = TypeVar("T")

_SETTLES = 60.0
"""Seconds until what was made is known everywhere, or what used a thing is gone."""


def wait_for(look: Callable[[], T | None], account: Account, what: str, *, within: float) -> T:
    """What `look` gives, as soon as that is not None. Raises CloudError after about `within` seconds."""
    for _ in range(_looks(within)):
        if (found := look()) is not None:
            return found
        time.sleep(account.pace)
    raise CloudError(f"{what}: nothing after {within / 60:.0f} minutes", "run the same command again", code="Timeout")


def settled(call: Callable[[], T], account: Account, *codes: str) -> T:
    """What `call` gives; for a minute it is tried again where AWS answers with one of `codes`, as it does about things
    that it just made, or that another one holds until it has ended."""
    from botocore.exceptions import ClientError

    for _ in range(_looks(_SETTLES)):
        try:
            return call()
        except ClientError as error:
            if code_of(error) not in codes:
                raise
        time.sleep(account.pace)
    return call()


@contextmanager
def done_already(*codes: str) -> Iterator[None]:
    """An answer of these codes, or that the thing is not there, is as good as success."""
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if code_of(error) not in codes and not is_gone(error):
            raise


def _looks(within: float) -> int:
    return max(1, round(within / PACE))
