"""Microsoft.Resources/deployments: a template's resources, made one after the other as if each were asked for.

Of templates there is what the Azure CLI writes: parameters, variables, `dependsOn`, and the functions `concat`,
`parameters`, `variables`, `resourceId`. What else a template says is refused.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from . import catalogue
from .checks import others
from .clock import stamp
from .limits import Use
from .machine import KIND
from .routing import Route
from .wire import ArmError, Call, Reply

if TYPE_CHECKING:
    from .cloud import Cloud

_ROOT = "/subscriptions/{subscription}/resourcegroups/{group}/providers/Microsoft.Resources/deployments"
_WORD = re.compile(r"\s*(?:'((?:[^']|'')*)'|([A-Za-z]+)\s*\(|(\))|(,))")


@dataclass
class Deployment:
    name: str
    group: str
    state: str = "Accepted"
    error: dict[str, Any] | None = None
    outputs: dict[str, Any] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    at: float = 0

    def view(self) -> dict[str, Any]:
        properties: dict[str, Any] = {
            "provisioningState": self.state, "mode": "Incremental", "timestamp": stamp(self.at),
            "outputs": self.outputs,
            "outputResources": [{"id": one} for one in self.made], "correlationId": self.name,
        }  # fmt: skip
        if self.error:
            properties["error"] = self.error
        identity = f"{self.group}/providers/Microsoft.Resources/deployments/{self.name}"
        return {"id": identity, "name": self.name, "type": "Microsoft.Resources/deployments", "properties": properties}


def put(cloud: Cloud, call: Call) -> Reply:
    """201 and an operation; the resources are made in a thread, by calls like any other's."""
    group = cloud.group(call)
    resources = _checked(cloud, call)
    deployment = Deployment(call["name"], group.id, at=cloud.now())
    cloud.deployments[_key(call)] = deployment
    threading.Thread(target=_make, args=(cloud, call, deployment, resources), daemon=True).start()
    where = f"{call.base}{call.path}/operationStatuses/{deployment.at:.0f}?api-version={call.version}"
    return Reply(201, deployment.view(), {"Azure-AsyncOperation": where})


def validate(cloud: Cloud, call: Call) -> Reply:
    cloud.group(call)
    resources = _checked(cloud, call)
    found = {"provisioningState": "Succeeded", "validatedResources": [{"id": one["path"]} for one in resources]}
    return Reply(200, {"properties": found})


def status(cloud: Cloud, call: Call) -> Reply:
    deployment = _require(cloud, call)
    shown = deployment.state if deployment.state in ("Succeeded", "Failed") else "Running"
    body = {"status": shown, **({"error": deployment.error} if deployment.error else {})}
    return Reply(200, body, cloud.clock.wait(15) if shown == "Running" else {})


def get(cloud: Cloud, call: Call) -> Reply:
    return Reply(200, _require(cloud, call).view())


def _require(cloud: Cloud, call: Call) -> Deployment:
    cloud.group(call)
    if _key(call) not in cloud.deployments:
        raise ArmError(404, "DeploymentNotFound", f"Deployment '{call['name']}' could not be found.")
    return cloud.deployments[_key(call)]


def _key(call: Call) -> tuple[str, str, str]:
    return call["subscription"].lower(), call["group"].lower(), call["name"].lower()


def _checked(cloud: Cloud, call: Call) -> list[dict[str, Any]]:
    """What the template wants; 400 where the quota does not allow it, in a wrapper and with a code of its own."""
    wanted = _resources(call)
    for one in wanted:
        size = catalogue.size(str((one.get("properties") or {}).get("hardwareProfile", {}).get("vmSize", "")))
        if one["type"].lower() != KIND.lower() or size is None:
            continue
        spot = one["properties"].get("priority") in ("Spot", "Low")
        try:
            use = Use(size, str(one.get("location")).lower(), "", spot, True)
            cloud.limits.check_quota(others(cloud, call["subscription"]), use)
        except ArmError as error:
            message = (
                f"The template deployment '{call['name']}' is not valid according to the validation procedure. "
                f"See inner errors for details."
            )
            details = [{"code": "QuotaExceeded", "message": error.message}]
            raise ArmError(400, "InvalidTemplateDeployment", message, details=details) from error
    return wanted


def _resources(call: Call) -> list[dict[str, Any]]:
    """What the template wants, each with the `path` of its id, those before that others need."""
    properties = call.body.get("properties") or {}
    template = properties.get("template") or {}
    given = {name: one.get("value") for name, one in (properties.get("parameters") or {}).items()}
    usual = {name: one.get("defaultValue") for name, one in (template.get("parameters") or {}).items()}
    scope = f"/subscriptions/{call['subscription']}/resourceGroups/{call['group']}"
    names = _Names(scope, {**usual, **given}, template.get("variables") or {})
    wanted = [names.filled(one) for one in template.get("resources") or []]
    for one in wanted:
        one["path"] = names.identity(one["type"], *one["name"].split("/"))
    return _ordered(wanted)


def _ordered(wanted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while wanted:
        ready = [one for one in wanted if not any(_needs(one, other) for other in wanted if other is not one)]
        if not ready:
            raise ArmError(400, "InvalidTemplate", "Circular dependency detected in the template.")
        found += ready
        wanted = [one for one in wanted if one not in ready]
    return found


def _needs(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return any(other["path"].lower().endswith(str(name).lower()) for name in one.get("dependsOn") or ())


@dataclass(frozen=True)
class _Names:
    """What expressions of a template are about."""

    scope: str
    parameters: Mapping[str, Any]
    variables: Mapping[str, Any]

    def filled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self.filled(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self.filled(one) for one in value]
        if isinstance(value, str) and value.startswith("[") and not value.startswith("[["):
            return self._value(value[1:-1])
        return value

    def identity(self, kind: str, *names: str) -> str:
        namespace, *kinds = kind.split("/")
        path = "".join(f"/{one}/{name}" for one, name in zip(kinds, names, strict=True))
        return f"{self.scope}/providers/{namespace}{path}"

    def _value(self, text: str) -> Any:
        words = []
        while text.strip():
            found = _WORD.match(text)
            if found is None:
                raise ArmError(400, "InvalidTemplate", f"The emulator does not know this expression: {text}")
            words.append(found.groups())
            text = text[found.end() :]
        return self._next(iter(words))

    def _next(self, words: Any) -> Any:
        literal, function, _, _ = next(words)
        if literal is not None:
            return literal.replace("''", "'")
        arguments = []
        for word in words:
            if word[2]:
                break
            if not word[3]:
                arguments.append(self._next(itertools.chain([word], words)))
        return self._called(function, arguments)

    def _called(self, function: str | None, arguments: list[Any]) -> Any:
        match (function or "").lower():
            case "concat":
                return "".join(str(one) for one in arguments)
            case "parameters":
                return self.filled(self.parameters[arguments[0]])
            case "variables":
                return self.filled(self.variables[arguments[0]])
            case "resourceid":
                return self.identity(*arguments)
        raise ArmError(400, "InvalidTemplate", f"The emulator does not know the template function {function}.")


def _make(cloud: Cloud, call: Call, deployment: Deployment, resources: list[dict[str, Any]]) -> None:
    deployment.state = "Running"
    for one in resources:
        body = {
            key: value for key, value in one.items() if key not in ("path", "dependsOn", "apiVersion", "type", "name")
        }
        problem = _put(cloud, call, one["path"], str(one.get("apiVersion")), body)
        if problem is not None:
            message = (
                "At least one resource deployment operation failed. Please list deployment operations for details."
            )
            deployment.error = {"code": "DeploymentFailed", "message": message, "details": [problem]}
            deployment.state = "Failed"
            return
        deployment.made.append(one["path"])
    deployment.state = "Succeeded"


def _put(cloud: Cloud, call: Call, path: str, version: str, body: dict[str, Any]) -> dict[str, Any] | None:
    """The error that it ends with, if it does."""
    reply = _asked(cloud, call, "PUT", f"{path}?api-version={version}", body)
    if reply is None or reply.status >= 400:
        return dict(reply.body["error"]) if reply else {"code": "GatewayTimeout", "message": "no reply"}
    where = reply.headers.get("Azure-AsyncOperation") or reply.headers.get("Location")
    while where:
        time.sleep(0.005 if cloud.clock.virtual else cloud.clock.takes(2))
        told = _asked(cloud, call, "GET", where.removeprefix(call.base), None)
        if told is None or told.status == 202 or (told.body or {}).get("status") == "InProgress":
            continue
        return (told.body or {}).get("error")
    return None


def _asked(cloud: Cloud, call: Call, method: str, target: str, body: Any) -> Reply | None:
    split = urlsplit(target)
    query = {key.lower(): value for key, value in parse_qsl(split.query, keep_blank_values=True)}
    return cloud.answer(
        dataclasses.replace(call, method=method, path=split.path, target=target, query=query, body=body, parameters={})
    )


ROUTES = (
    Route("deployments.create", "PUT", f"{_ROOT}/{{name}}", put),
    Route("deployments.get", "GET", f"{_ROOT}/{{name}}", get),
    Route("deployments.validate", "POST", f"{_ROOT}/{{name}}/validate", validate),
    Route("deployments.status", "GET", f"{_ROOT}/{{name}}/operationStatuses/{{run}}", status),
)
