"""A build's status stream as events, and what is worth remembering of it when the build fails."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Any

from ez.events import Sink, Vertex, VertexLog, VertexProgress, VertexWarning

_LINES_KEPT = 20
_LONGEST_LINE = 64 * 1024


class Progress:
    """Tells `sink` what happens. Logs come in pieces of any length; they leave as whole lines."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._vertices: dict[str, Vertex] = {}
        self._unfinished: dict[tuple[str, int], bytes] = {}
        self._warnings: set[VertexWarning] = set()
        self._last_lines: defaultdict[str, deque[str]] = defaultdict(lambda: deque(maxlen=_LINES_KEPT))

    def take(self, response: Any) -> None:
        """One message of the stream: vertices first, since logs and sub-progress refer to them."""
        for log in response.logs:
            self._take_log(log.vertex, int(log.stream), log.msg)
        for message in response.vertexes:
            self._take_vertex(message)
        for status in response.statuses:
            self._sink(
                VertexProgress(
                    digest=status.vertex,
                    id=status.id or status.name,
                    current=status.current,
                    total=status.total,
                    done=status.HasField("completed"),
                )
            )
        for warning in response.warnings:
            self._take_warning(warning)

    def finish(self) -> None:
        """Let go of lines that were never ended."""
        for digest, stream in list(self._unfinished):
            self._flush(digest, stream)

    def failed(self) -> list[Vertex]:
        """The vertices with an error of their own, those that were only cancelled along left out."""
        return [
            vertex
            for vertex in self._vertices.values()
            if vertex.error and not vertex.error.endswith(("context canceled", "Canceled"))
        ]

    def last_lines(self, digest: str) -> tuple[str, ...]:
        return tuple(self._last_lines[digest])

    def _take_vertex(self, message: Any) -> None:
        vertex = Vertex(
            digest=message.digest,
            name=message.name,
            started=_seconds(message, "started"),
            completed=_seconds(message, "completed"),
            cached=message.cached,
            error=message.error,
        )
        if vertex.completed is not None:
            for digest, stream in [key for key in self._unfinished if key[0] == vertex.digest]:
                self._flush(digest, stream)
        if self._vertices.get(vertex.digest) != vertex:
            self._vertices[vertex.digest] = vertex
            self._sink(vertex)

    def _take_log(self, digest: str, stream: int, data: bytes) -> None:
        *whole, rest = (self._unfinished.pop((digest, stream), b"") + data).split(b"\n")
        if len(rest) > _LONGEST_LINE:
            whole, rest = [*whole, rest], b""
        if rest:
            self._unfinished[digest, stream] = rest
        if whole:
            self._tell(digest, stream, tuple(_shown(line) for line in whole))

    def _take_warning(self, message: Any) -> None:
        """Once each: engines repeat what they have said."""
        warning = VertexWarning(
            digest=message.vertex,
            text=message.short.decode("utf-8", "replace"),
            file=message.info.filename or None,
            line=message.ranges[0].start.line if message.ranges else None,
            detail=tuple(line.decode("utf-8", "replace") for line in message.detail),
            url=message.url,
        )
        if warning not in self._warnings:
            self._warnings.add(warning)
            self._sink(warning)

    def _flush(self, digest: str, stream: int) -> None:
        self._tell(digest, stream, (_shown(self._unfinished.pop((digest, stream))),))

    def _tell(self, digest: str, stream: int, lines: tuple[str, ...]) -> None:
        self._last_lines[digest].extend(line for line in lines if line)
        self._sink(VertexLog(digest, stream, lines))


def _seconds(message: Any, field: str) -> float | None:
    if not message.HasField(field):
        return None
    moment = getattr(message, field)
    return float(moment.seconds) + float(moment.nanos) / 1e9


def _shown(line: bytes) -> str:
    """What a terminal would show of a line in which a progress bar has gone back to its start."""
    return line.rstrip(b"\r").rpartition(b"\r")[2].decode("utf-8", "replace")
