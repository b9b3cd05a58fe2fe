"""Which handler answers a call: tables of routes, matched segment by segment, whatever their case."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from .wire import Call, Reply

if TYPE_CHECKING:
    from .cloud import Cloud

Handler = Callable[["Cloud", Call], Reply]


@dataclass(frozen=True)
class Route:
    """`name` is what faults and the log call it (`virtualMachines.create`); `{x}` in `pattern` is any segment.

    `open`: answered without a token; `versioned`: only with an api-version."""

    name: str
    method: str
    pattern: str
    handle: Handler
    open: bool = False
    versioned: bool = True

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple(self.pattern.strip("/").split("/"))

    @property
    def namespace(self) -> str:
        """The resource provider, empty for Azure Resource Manager itself."""
        found = self.segments
        if "providers" not in found:
            return ""
        after = found[len(found) - found[::-1].index("providers")]
        return "" if after.startswith("{") else after

    @property
    def action(self) -> str:
        """What a role must allow: `Microsoft.Compute/virtualMachines/start/action`."""
        words = [self.namespace or "Microsoft.Resources", *self._kinds()]
        if self.method == "POST":
            return "/".join([*words, "action"])
        return "/".join([*words, {"GET": "read", "HEAD": "read", "DELETE": "delete"}.get(self.method, "write")])

    def _kinds(self) -> list[str]:
        found = list(self.segments)
        if "providers" in found:
            found = found[len(found) - found[::-1].index("providers") + 1 :]
            if found and found[0] == "locations":
                found = found[2:] or found
        return [part for part in found if not part.startswith("{")]


class Router:
    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._by_shape: dict[tuple[str, int], list[tuple[tuple[str, ...], Route]]] = {}
        for route in self.routes:
            segments = tuple(part if part.startswith("{") else part.lower() for part in route.segments)
            self._by_shape.setdefault((route.method, len(segments)), []).append((segments, route))

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route and what its parameters are; the first one of the table that fits."""
        parts = [unquote(part) for part in path.strip("/").split("/")]
        lowered = [part.lower() for part in parts]
        for segments, route in self._by_shape.get((method, len(parts)), ()):
            if all(want.startswith("{") or want == is_ for want, is_ in zip(segments, lowered, strict=True)):
                return route, {
                    want[1:-1]: part for want, part in zip(segments, parts, strict=True) if want.startswith("{")
                }
        return None
