"""What exists: resources by their ids, which keep the case they came in and are compared without it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .operations import Operation


@dataclass(eq=False)
class Resource:
    """A resource as it is now. `top` is what its body has beside `id`, `name`, `type`, `location` and `properties`."""

    id: str
    kind: str
    location: str
    made: float
    top: dict[str, Any] = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)
    extras: dict[str, Any] = field(default_factory=dict)
    """What is kept with it and shown elsewhere."""
    state: str = "Succeeded"
    etag: str = ""
    operation: Operation | None = None
    reserved_until: float = 0
    """Where it is an interface: until when the machine that could not be made keeps it."""
    listed_until: float = 0
    """Where it was deleted: until when lists still show it."""

    @property
    def name(self) -> str:
        return self.id.rpartition("/")[2]

    @property
    def group(self) -> str:
        return self.id.split("/")[4]

    @property
    def subscription(self) -> str:
        return self.id.split("/")[2]

    @property
    def parent(self) -> str:
        return self.id.rsplit("/", 2)[0]

    @property
    def tags(self) -> dict[str, str]:
        return dict(self.top.get("tags") or {})

    @property
    def is_busy(self) -> bool:
        return self.operation is not None and self.operation.runs

    def view(self) -> dict[str, Any]:
        found = {"name": self.name, "id": self.id, "type": self.kind}
        if self.location:
            found["location"] = self.location
        return {**found, **self.top, "properties": {**self.properties, "provisioningState": self.state}}


class Store:
    def __init__(self) -> None:
        self._all: dict[str, Resource] = {}
        self._gone: list[Resource] = []

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Resource]:
        return iter(list(self._all.values()))

    def put(self, resource: Resource) -> Resource:
        self._all[resource.id.lower()] = resource
        return resource

    def find(self, identity: str) -> Resource | None:
        return self._all.get(identity.lower().rstrip("/"))

    def drop(self, resource: Resource, listed_until: float = 0) -> None:
        if self._all.pop(resource.id.lower(), None) is not None and listed_until:
            resource.listed_until = listed_until
            self._gone.append(resource)

    def of_kind(self, kind: str, under: str = "") -> list[Resource]:
        """Those of a kind whose ids begin with `under`."""
        prefix = under.lower().rstrip("/") + "/" if under else ""
        wanted = kind.lower()
        return [one for key, one in self._all.items() if one.kind.lower() == wanted and key.startswith(prefix)]

    def children(self, parent: str) -> list[Resource]:
        prefix = parent.lower() + "/"
        return [one for key, one in self._all.items() if key.startswith(prefix)]

    def still_listed(self, kind: str, under: str, now: float) -> list[Resource]:
        """The deleted ones that lists have not noticed yet."""
        self._gone = [one for one in self._gone if one.listed_until > now]
        prefix = under.lower().rstrip("/") + "/"
        return [one for one in self._gone if one.kind.lower() == kind.lower() and one.id.lower().startswith(prefix)]
