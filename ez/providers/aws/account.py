"""The signed-in account: boto3's clients, made once for each service and region, and what they raise in ez's words."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from ez.errors import CloudError
from ez.models import Workspace
from ez.providers.aws.errors import Attempt, cloud_error
from ez.providers.endpoint import is_rehearsal
from ez.providers.together import AT_ONCE, side_by_side

T = TypeVar("T")

PACE = 2.0
"""Seconds between two looks at something that changes."""

_ALWAYS_THERE = "us-east-1"
_WILD = re.compile(r"[*?\\]")
_FORBIDDEN = "UnauthorizedOperation"
_SETTINGS = {"connect_timeout": 10, "read_timeout": 60, "max_pool_connections": AT_ONCE}


class Account:
    """Clients of AWS for a workspace. boto3 is imported and credentials are looked for at the first call.

    Clients may be used from any thread; the session behind them may not (boto3's guide), hence the lock. Waits
    are counted in looks, `pace` seconds apart.
    """

    pace = PACE

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._lock = threading.Lock()
        self._session: Any = None
        self._all_regions: tuple[str, ...] = ()
        self._clients: dict[tuple[str, str], Any] = {}

    @property
    def session(self) -> Any:
        if self._session is None:
            import boto3

            self._session = boto3.Session(profile_name=self.workspace.account or None)
        return self._session

    def client(self, service: str, region: str) -> Any:
        """boto3's client; use it inside `translated`."""
        with self._lock:
            key = (service, region)
            if key not in self._clients:
                self._clients[key] = self._make(service, region)
            return self._clients[key]

    def ec2(self, region: str) -> Any:
        return self.client("ec2", region)

    def regions(self) -> tuple[str, ...]:
        """Where this workspace's machines are: the regions it allows, or all that the account has switched on."""
        if self.workspace.regions:
            return self.workspace.regions
        if not self._all_regions:
            with self.translated("cannot list AWS's regions"):
                near = self.session.region_name or _ALWAYS_THERE
                answer = self.ec2(near).describe_regions()
            self._all_regions = tuple(sorted(region["RegionName"] for region in answer["Regions"]))
        return self._all_regions

    def everywhere(self, work: Callable[[str], T]) -> dict[str, T]:
        """`work` done in each region, side by side. Where the workspace names none, those are left out in which nobody
        of the account may do anything: nothing of it can be there."""
        regions = self.regions()
        if self.workspace.regions:
            return dict(zip(regions, side_by_side([partial(work, region) for region in regions]), strict=True))
        tried = side_by_side([partial(_unless_forbidden, work, region) for region in regions])
        done = {region: each for region, each in zip(regions, tried, strict=True) if not isinstance(each, CloudError)}
        refused = [each for each in tried if isinstance(each, CloudError)]
        if not done and refused:
            raise refused[0]
        return done

    @contextmanager
    def translated(self, what: str, attempt: Attempt | None = None) -> Iterator[None]:
        """Everything that boto3 raises in the block becomes a CloudError that begins with `what`."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (BotoCoreError, ClientError) as error:
            raise cloud_error(error, what, attempt, profile=self.workspace.account) from error

    def _make(self, service: str, region: str) -> Any:
        from botocore.config import Config

        endpoint = self.workspace.endpoint
        if endpoint:
            is_rehearsal("AWS", endpoint)
        config = Config(retries={"mode": "standard", "total_max_attempts": 4}, **_SETTINGS)
        return self.session.client(service, region_name=region, endpoint_url=endpoint or None, config=config)


def _unless_forbidden(work: Callable[[str], T], region: str) -> T | CloudError:
    try:
        return work(region)
    except CloudError as error:
        if error.code != _FORBIDDEN:
            raise
        return error


def pages(client: Any, operation: str, **asked: Any) -> Iterator[dict[str, Any]]:
    """Each page of an answer that comes in several."""
    yield from client.get_paginator(operation).paginate(**asked)


def filters(**wanted: str | Sequence[str]) -> list[dict[str, Any]]:
    """EC2's filters; `_` in a name is `-`, and tags are given by `tagged`."""
    return [_filter(name.replace("_", "-"), value) for name, value in wanted.items()]


def tagged(**wanted: str) -> list[dict[str, Any]]:
    """EC2's filters for ez's tags: `create_id` is `ez:create-id`. What would stand for any text is itself."""
    return [_filter(f"tag:ez:{name.replace('_', '-')}", _WILD.sub(r"\\\g<0>", value)) for name, value in wanted.items()]


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as EC2 writes them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _filter(name: str, value: str | Sequence[str]) -> dict[str, Any]:
    return {"Name": name, "Values": [value] if isinstance(value, str) else list(value)}
