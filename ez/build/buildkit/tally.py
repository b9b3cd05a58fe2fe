"""What a solve did, read off its events: steps that ran, steps that were known, bytes that came from registries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from ez.build.graph import Run
from ez.build.llb.marshal import Made
from ez.events import Event, Notice, Sink, Vertex, VertexProgress

IMPORTING = "importing cache manifest from "
EXPORTING = "exporting cache"
LOOKING = "[internal] looking for the cache "
"""ez's own name of a question whose answer does not matter."""
_LAYER = re.compile(r"sha256:[0-9a-f]{12,64}")
_NOTHING_THERE = re.compile(r"not found|does not exist", re.IGNORECASE)


class Tally:
    """Passes events on to `sink` and counts; a cache that cannot be read or written is told of as a warning, once."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._vertices: dict[str, Vertex] = {}
        self._layers: dict[str, int] = {}
        self._told: set[str] = set()
        """Places of caches, and sentences."""

    def __call__(self, event: Event) -> None:
        if isinstance(event, Vertex) and event.error and event.name.startswith((IMPORTING, EXPORTING)):
            self._warn(event)
            event = replace(event, error="")
        if isinstance(event, Vertex) and event.name.startswith(LOOKING):
            event = replace(event, error="")
        if isinstance(event, Vertex):
            # What is known is fetched later, where it is needed; the engine then tells of it as if it ran.
            known = event.digest in self._vertices and self._vertices[event.digest].cached
            event = self._vertices[event.digest] = replace(event, cached=event.cached or known)
        self._sink(event)
        if isinstance(event, VertexProgress) and _LAYER.fullmatch(event.id):
            self._layers[event.id] = max(self._layers.get(event.id, 0), event.current)

    def steps(self, states: Mapping[str, Made]) -> tuple[int, int]:
        """How many steps ran, and how many were known already."""
        runs = [self._vertices[digest] for digest in states if digest in self._vertices and _is_run(states[digest])]
        ended = [vertex for vertex in runs if vertex.completed is not None and not vertex.error]
        cached = sum(vertex.cached for vertex in ended)
        return len(ended) - cached, cached

    @property
    def pulled(self) -> int:
        """Bytes of layers that the engine fetched."""
        return sum(self._layers.values())

    def tell_once(self, notice: Notice, about: str = "") -> None:
        """`about` is what it is told of once, in whatever words; empty for these words."""
        key = about or notice.text
        if key not in self._told:
            self._told.add(key)
            self._sink(notice)

    def leave_out(self, place: str, reason: str) -> None:
        """The cache at `place` is not read."""
        text = f"the cache could not be read and is left out: `{place}` ({reason})"
        self.tell_once(Notice(text, "warning"), place)

    def _warn(self, vertex: Vertex) -> None:
        place = vertex.name.removeprefix(IMPORTING)
        if not vertex.name.startswith(IMPORTING):
            text = f"the cache was not written, the build is complete without it: {vertex.error}"
            self.tell_once(Notice(text, "warning"), place)
        elif _NOTHING_THERE.search(vertex.error):
            self.tell_once(Notice(f"there is no cache yet: `{place}`"), place)
        else:
            self.leave_out(place, vertex.error)


def _is_run(state: Made) -> bool:
    return isinstance(state, Run)
