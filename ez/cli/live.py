"""The live view on a terminal: the straight line's steps with elapsed times, BuildKit's log under the build."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from ez.cli.output import clean, summary, vertex_state, warning_line
from ez.events import (
    Event,
    Notice,
    Output,
    Progress,
    StepFailed,
    StepFinished,
    StepStarted,
    Vertex,
    VertexLog,
    VertexProgress,
    VertexWarning,
)

SHOWN_LINES = 6
SHOWN_VERTICES = 8


@dataclass
class _Step:
    title: str
    started: float
    ended: StepFinished | StepFailed | None = None
    progress: str = ""
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=SHOWN_LINES))


class LiveSink:
    """Draws into stderr until `close`; finished steps stay on the screen as one line each."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._steps: dict[str, _Step] = {}
        self._vertices: dict[str, Vertex] = {}
        self._progress: dict[str, VertexProgress] = {}
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(console=self._console, get_renderable=self._draw, refresh_per_second=8, transient=True)
        self._live.start()

    def close(self) -> None:
        self._live.stop()

    def __call__(self, event: Event) -> None:
        with self._lock:
            line = self._take(event)
        if line is not None:
            # Not under the lock: the thread that draws holds the console's lock while it waits for this one.
            self._console.print(line)

    def _take(self, event: Event) -> Text | None:
        """Keep what is drawn; gives the line that stays on the screen."""
        match event:
            case StepStarted():
                self._steps[event.step] = _Step(clean(event.title), time.monotonic())
            case StepFinished() | StepFailed():
                return self._end(event)
            case Output() | Progress():
                self._show(event)
            case Notice():
                style = "yellow" if event.level == "warning" else "cyan"
                return Text(f"{event.level}: {clean(event.text)}", style=style)
            case VertexWarning():
                return Text(f"warning: {warning_line(event)}", style="yellow")
            case Vertex():
                self._vertices[event.digest] = event
            case VertexLog():
                for line in event.lines:
                    self._tail("build", line)
            case VertexProgress():
                self._progress[event.digest] = event
        return None

    def _show(self, event: Output | Progress) -> None:
        if isinstance(event, Output):
            self._tail(event.step, event.line)
        elif event.step in self._steps:
            self._steps[event.step].progress = f", {event.files} files, {event.current / 1e6:.1f} MB"

    def _tail(self, step: str, line: str) -> None:
        if step in self._steps:
            self._steps[step].lines.append(clean(line))

    def _end(self, event: StepFinished | StepFailed) -> Text:
        step = self._steps.pop(event.step, None)
        title = step.title if step else event.step
        if isinstance(event, StepFailed):
            return Text.assemble(("✗ ", "red"), f"{title} ({event.seconds:.1f} s)")
        mark = ("- ", "dim") if event.skipped else ("✓ ", "green")
        return Text.assemble(mark, title, (summary(event), "dim"))

    def _draw(self) -> Group:
        with self._lock:
            rows: list[Text] = []
            for id, step in self._steps.items():
                seconds = time.monotonic() - step.started
                rows.append(Text.assemble(("… ", "cyan"), f"{step.title} ({seconds:.1f} s{step.progress})"))
                if id == "build":
                    rows += self._draw_vertices()
                rows += [Text(f"    {line}", "dim", no_wrap=True, overflow="ellipsis") for line in step.lines]
            return Group(*rows)

    def _draw_vertices(self) -> list[Text]:
        active = [vertex for vertex in self._vertices.values() if vertex_state(vertex) != "waiting"]
        rows = []
        for vertex in active[-SHOWN_VERTICES:]:
            state = vertex_state(vertex)
            style = {"failed": "red", "running": "cyan", "cached": "dim", "done": "green"}[state]
            end = vertex.completed or time.time()
            seconds = "" if vertex.cached or vertex.started is None else f" {max(0.0, end - vertex.started):.1f} s"
            progress = self._progress.get(vertex.digest)
            amount = f" {progress.current / 1e6:.1f} MB" if progress and state == "running" and progress.current else ""
            name = f"{clean(vertex.name)}{seconds}{amount}"
            rows.append(Text.assemble((f"  {state:<8}", style), name, no_wrap=True, overflow="ellipsis"))
        return rows
