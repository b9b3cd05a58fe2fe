"""What goes over the wire: a call as a handler sees it, the reply it gives, and the errors it raises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Caller:
    """Whose token came with a call. `object_id` is what roles are assigned to."""

    name: str
    object_id: str
    kind: str = "User"


@dataclass(frozen=True)
class Call:
    """A request. Keys of `query` and `headers` are in lower case, `parameters` come from the path."""

    method: str
    path: str
    target: str
    """Path and query as they were sent."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    base: str
    """Where this server is for the caller: `http://127.0.0.1:4566`."""
    peer: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    caller: Caller = Caller("", "")

    def __getitem__(self, name: str) -> str:
        return self.parameters[name]

    @property
    def version(self) -> str:
        return self.query.get("api-version", "")

    @property
    def location(self) -> str:
        """The region that the body asks for, as Azure compares them."""
        return str(self.body.get("location", "")).replace(" ", "").lower()


@dataclass(frozen=True)
class Reply:
    """`waits`: for how long it tells its caller to wait before the next call, in seconds of Azure's."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    waits: float = 0


class ArmError(Exception):
    """An error reply. `after` is Retry-After in seconds."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        target: str = "",
        after: float = 0,
        headers: Mapping[str, str] | None = None,
        details: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.target = target
        self.after = after
        self.details = list(details)
        self.headers = dict(headers or {})

    def reply(self) -> Reply:
        return Reply(self.status, {"error": self.body()}, self.headers)

    def body(self) -> dict[str, Any]:
        found: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.target:
            found["target"] = self.target
        return {**found, "details": self.details} if self.details else found


def not_found(path: str) -> ArmError:
    """The gateway's 404, in its own spelling."""
    kind, name, group = _names(path)
    return ArmError(
        404,
        "ResourceNotFound",
        f"The Resource '{kind}/{name}' under resource group '{group}' was not found. For more details please go to "
        "https://aka.ms/ARMResourceNotFoundFix",
        headers={"x-ms-failure-cause": "gateway"},
    )


def group_not_found(name: str) -> ArmError:
    message = f"Resource group '{name}' could not be found."
    return ArmError(404, "ResourceGroupNotFound", message, headers={"x-ms-failure-cause": "gateway"})


def bad(message: str, target: str = "", code: str = "InvalidParameter") -> ArmError:
    return ArmError(400, code, message, target=target)


def conflict(code: str, message: str) -> ArmError:
    return ArmError(409, code, message)


def _names(path: str) -> tuple[str, str, str]:
    parts = path.strip("/").split("/")
    lowered = [part.lower() for part in parts]
    group = parts[lowered.index("resourcegroups") + 1] if "resourcegroups" in lowered else ""
    if "providers" not in lowered:
        return "", parts[-1], group
    provider = len(lowered) - 1 - lowered[::-1].index("providers")
    rest = parts[provider + 1 :]
    return "/".join([rest[0], *rest[1::2]]), "/".join(rest[2::2]), group
