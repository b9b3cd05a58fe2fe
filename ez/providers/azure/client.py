"""The way to Azure: one credential, one pool of connections, and a client of an SDK for each kind of thing, imported
when it is used for the first time.

Everything is asked and answered as plain dicts in the shape of the wire, which survives the models of the SDKs.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ez import __version__
from ez.errors import CloudError
from ez.models import Workspace
from ez.names import shown
from ez.providers.azure.credential import Ask, caller_address, credential
from ez.providers.endpoint import is_loopback, is_rehearsal
from ez.providers.wire import items, text

PUBLIC = "https://management.azure.com"
PAUSE = 2.0
"""Seconds between two looks at an operation where Azure does not say when to look again."""

_AUDIENCES = {
    PUBLIC: PUBLIC,
    "https://management.usgovcloudapi.net": "https://management.core.usgovcloudapi.net",
    "https://management.chinacloudapi.cn": "https://management.chinacloudapi.cn",
}
"""Microsoft's own clouds, and for whom a token has to be (azure.mgmt.core.tools.get_arm_endpoints)."""

_AUTHORITIES = {
    "https://management.usgovcloudapi.net": "https://login.microsoftonline.us",
    "https://management.chinacloudapi.cn": "https://login.chinacloudapi.cn",
}
"""Whose directory is not the usual one (azure.identity.AzureAuthorityHosts)."""

_REHEARSAL = "rehearsal"
_PERSON = re.compile(r"[A-Za-z0-9._@-]+", re.ASCII)
_RETRIES = {"retry_total": 6, "retry_backoff_max": 30}
_HURRY = {"retry_total": 0, "connection_timeout": 2, "read_timeout": 3}
_BACKOFF = 0.4
_MOST_PAGES = 2000


class Connection:
    """Who asks, and where. Nothing is imported or opened before the first question; any thread may ask."""

    def __init__(self, workspace: Workspace, record: Path) -> None:
        self.workspace = workspace
        self.endpoint = (workspace.endpoint or PUBLIC).rstrip("/")
        self.scope = f"{_audience(self.endpoint)}/.default"
        self.pause = PAUSE
        self.ask: Ask | None = None
        self.rehearsal = is_rehearsal("Azure", self.endpoint)
        self._record = record
        self._lock = threading.RLock()
        self._arms: dict[str, Arm] = {}

    @cached_property
    def credential(self) -> Any:
        if self.rehearsal:
            from azure.core.credentials import AzureKeyCredential

            person = self.workspace.owner
            return AzureKeyCredential(f"{_REHEARSAL}-{person}" if _PERSON.fullmatch(person) else _REHEARSAL)
        return credential(
            self.workspace.tenant,
            self.workspace.account,
            self.ask,
            self._record,
            authority=_AUTHORITIES.get(self.endpoint, ""),
            elsewhere=self.endpoint not in _AUDIENCES,
        )

    @cached_property
    def transport(self) -> Any:
        from azure.core.pipeline.transport import RequestsTransport

        return RequestsTransport(use_env_settings=not self.rehearsal)

    def token(self) -> str:
        """The access token, empty in a rehearsal. Raises azure.core's ClientAuthenticationError."""
        return "" if self.rehearsal else str(self.credential.get_token(self.scope).token)

    def caller(self) -> str:
        return "127.0.0.1" if self.rehearsal else caller_address(self.token())

    def arm(self, subscription: str) -> Arm:
        with self._lock:
            return self._arms.setdefault(subscription, Arm(self, subscription))

    def client(self, maker: Any, *subscription: str) -> Any:
        """A client of an SDK. The SDKs would register resource providers by themselves, silently and in steps of ten
        seconds; ez does that in the open."""
        return maker(
            self.credential,
            *subscription,
            base_url=self.endpoint,
            policies=self._signed_in(),
            transport=self.transport,
            polling_interval=self.pause,
        )

    def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
        *,
        hurry: bool = False,
    ) -> dict[str, Any]:
        """One call by its path below the endpoint; in a hurry it is not tried again, nor waited for long. The few
        answers that are a bare list come as lists do otherwise, under `value`.

        Raises azure.core's HttpResponseError.
        """
        from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
        from azure.core.rest import HttpRequest

        request = HttpRequest(method, f"{self.endpoint}{path}", params={**query}, json=body)
        response = self.plain.send_request(request, **(_HURRY if hurry else {}))
        if response.status_code >= 400:
            kind = ClientAuthenticationError if response.status_code == 401 else HttpResponseError
            raise kind(response=response)
        return json_object(response)

    def pages(self, path: str, query: Mapping[str, str], *, hurry: bool = False) -> list[dict[str, Any]]:
        """All items of a list, whose pages are all at the same endpoint: none else is to see the token."""
        found: list[dict[str, Any]] = []
        for _ in range(_MOST_PAGES):
            page = self.send("GET", path, query, hurry=hurry)
            found += items(page.get("value"))
            path, query = text(page.get("nextLink")), {}
            if not path:
                return found
            if not path.lower().startswith(f"{self.endpoint.lower()}/"):
                raise CloudError(f"a list of Azure goes on at another address: `{shown(path)}`", code="Elsewhere")
            path = path[len(self.endpoint) :]
        raise CloudError("a list of Azure does not end", "try again later", code="Endless")

    @cached_property
    def anonymous(self) -> Any:
        """For what needs no sign-in, and is not to see one."""
        from azure.core import PipelineClient

        return PipelineClient(self.endpoint, policies=self._policies(), transport=self.transport)

    @cached_property
    def plain(self) -> Any:
        """For what no SDK here has a method."""
        from azure.mgmt.core import ARMPipelineClient

        return ARMPipelineClient(self.endpoint, policies=self._signed_in(), transport=self.transport)

    def _policies(self) -> list[Any]:
        """What each request goes through: no redirect is followed, nothing is logged."""
        from azure.core.pipeline import policies

        return [
            policies.RequestIdPolicy(),
            policies.UserAgentPolicy(base_user_agent=f"ez/{__version__}"),
            policies.ProxyPolicy(),
            policies.ContentDecodePolicy(),
            policies.RetryPolicy(**_RETRIES, retry_backoff_factor=self.pause * _BACKOFF),
        ]

    def _signed_in(self) -> list[Any]:
        """The same with the token, which no address of an answer may take elsewhere."""
        from azure.core.pipeline.policies import CustomHookPolicy

        return [*self._policies(), CustomHookPolicy(raw_request_hook=self._stay), self._authentication()]

    def _stay(self, request: Any) -> None:
        """Where an operation goes on and where the next page is, an answer says: at the endpoint, or a region's own."""
        asked, own = urlsplit(request.http_request.url), urlsplit(self.endpoint)
        at_home = asked.netloc.lower() == own.netloc.lower()
        regional = own.port is None and asked.port in (None, 443) and str(asked.hostname).endswith(f".{own.hostname}")
        if asked.scheme != own.scheme or not (at_home or regional):
            raise CloudError(f"Azure sends to another address: `{shown(request.http_request.url)}`", code="Elsewhere")

    def _authentication(self) -> Any:
        if self.rehearsal:
            from azure.core.pipeline.policies import AzureKeyCredentialPolicy

            return AzureKeyCredentialPolicy(self.credential, "Authorization", prefix="Bearer")
        from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy

        return ARMChallengeAuthenticationPolicy(self.credential, self.scope)


class Arm:
    """One subscription of Azure Resource Manager."""

    def __init__(self, connection: Connection, subscription: str) -> None:
        self.connection = connection
        self.subscription = subscription

    @property
    def pause(self) -> float:
        return self.connection.pause

    def id(self, group: str, kind: str = "", name: str = "") -> str:
        """The id of a resource of `kind` (`Microsoft.Compute/virtualMachines`), or of the group."""
        base = f"/subscriptions/{self.subscription}/resourceGroups/{group}"
        return f"{base}/providers/{kind}/{name}" if kind else base

    @cached_property
    def compute(self) -> Any:
        from azure.mgmt.compute import ComputeManagementClient

        return self.connection.client(ComputeManagementClient, self.subscription)

    @cached_property
    def network(self) -> Any:
        from azure.mgmt.network import NetworkManagementClient

        return self.connection.client(NetworkManagementClient, self.subscription)

    @cached_property
    def resources(self) -> Any:
        from azure.mgmt.resource.resources import ResourceManagementClient

        return self.connection.client(ResourceManagementClient, self.subscription)

    def send(
        self, method: str, path: str, version: str, body: Mapping[str, Any] | None = None, expand: str = ""
    ) -> dict[str, Any]:
        """One call by its path below the endpoint. Raises azure.core's HttpResponseError."""
        query = {"api-version": version, **({"$expand": expand} if expand else {})}
        return self.connection.send(method, path, query, body)

    def pages(
        self, path: str, version: str, query: Mapping[str, str] | None = None, *, hurry: bool = False
    ) -> list[dict[str, Any]]:
        """All items of the list at `path` below the subscription. The SDKs' models of a thousand machines, or of the
        sizes of one region, take longer to make than the answer to come, and their import longer still.

        Raises azure.core's HttpResponseError.
        """
        whole = f"/subscriptions/{self.subscription}/{path}"
        return self.connection.pages(whole, {"api-version": version, **(query or {})}, hurry=hurry)


def plain(model: Any) -> dict[str, Any]:
    """What an SDK gave, as it came over the wire."""
    return dict(model.as_dict()) if model is not None and hasattr(model, "as_dict") else dict(model or {})


def json_object(response: Any) -> dict[str, Any]:
    """The JSON object of an answer; a bare list is put under `value`. Raises CloudError for anything else."""
    try:
        answer = response.json() if response.content else {}
    except ValueError:
        answer = None
    if isinstance(answer, list):
        return {"value": answer}
    if not isinstance(answer, dict):
        raise CloudError("what Azure answers cannot be read", "try again; is a proxy in the way?", code="BadAnswer")
    return answer


def _audience(endpoint: str) -> str:
    """For whom a token is: one for Azure goes to Azure, and to an emulator on this computer."""
    return _AUDIENCES.get(endpoint) or (PUBLIC if is_loopback(endpoint) else endpoint)
