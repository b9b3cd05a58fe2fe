"""The graph of a build as a picture (SVG) and as text, with what each step took in the last build.

Labels and file names come from a repo: everything is escaped, cut, and kept from what a terminal would obey.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from xml.sax.saxutils import escape

from ez.build.explain.record import CACHED, RAN, Build
from ez.build.graph import Diff, Scratch, State, below, walk
from ez.build.picture.layout import Layout, lay_out

Times = Mapping[str, tuple[float, bool]]
"""By a state's identity: the seconds that it took, and whether it came out of the cache."""

WIDEST = 1600
"""Pixels; wider pictures are made smaller by who shows them."""

_WIDTH, _HEIGHT, _GAP, _ROW, _MARGIN, _HEAD = 236, 44, 20, 84, 24, 56
_MOST_IN_ROW = 6
_LONGEST_LABEL = 31
_LONGEST_LINE = 72

_COLOURS = {"image": "#6b7a90", "run": "#2f6fde", "files": "#2a9d5c", "merge": "#8a5cd1"}
_OTHER_COLOUR = "#c07d1f"
_CRITICAL = "#c8321e"

_STYLE = (
    "text{font-family:system-ui,'Segoe UI',Helvetica,Arial,sans-serif;font-size:12px;fill:#1c2330}"
    ".head{font-size:15px;font-weight:600}.small{font-size:11px;fill:#5a6577}"
    ".box{fill:#fff;stroke:#b5bfcd}.cached .box{fill:#eef1f5;stroke-dasharray:4 3}"
    ".edge{fill:none;stroke:#b5bfcd;stroke-width:1.4}"
    f".critical .box{{stroke:{_CRITICAL};stroke-width:2.2}}.edge.critical{{stroke:{_CRITICAL};stroke-width:2.4}}"
)


@dataclass(frozen=True)
class Node:
    """A step as it is shown; `inputs` are numbers of nodes before it. `seconds` is None where nothing is known."""

    label: str
    kind: str
    place: str
    inputs: tuple[int, ...]
    seconds: float | None = None
    cached: bool = False


@dataclass(frozen=True)
class Graph:
    """All steps, inputs first; `critical` are the numbers of those that the last build waited for, in their order."""

    nodes: tuple[Node, ...]
    critical: tuple[int, ...]


def graph_svg(state: State, times: Times = MappingProxyType({})) -> str:
    """A picture of `state` and all below it."""
    graph = _graph(state, times)
    layout = lay_out([node.inputs for node in graph.nodes], _WIDTH + _GAP, _MOST_IN_ROW)
    width, height = max(layout.width, 420) + 2 * _MARGIN, layout.depth * _ROW + _HEAD + _MARGIN
    shown = min(1.0, WIDEST / width)
    critical = set(pairwise(graph.critical))
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width * shown:.0f}" height="{height * shown:.0f}"'
        f' viewBox="0 0 {width:.0f} {height:.0f}">',
        f"<style>{_STYLE}</style>",
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#fbfcfe"/>',
        f'<text class="head" x="{_MARGIN}" y="32">{escape(_summary(graph))}</text>',
        *(
            _edge(route, edge in critical)
            for edge, route in sorted(layout.routes.items(), key=lambda e: e[0] in critical)
        ),
        *(_box(node, *_corner(layout, n), n in graph.critical) for n, node in enumerate(graph.nodes)),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def graph_text(state: State, times: Times = MappingProxyType({})) -> str:
    """The same for a terminal: a numbered line for each step, `*` before those of the critical path."""
    graph = _graph(state, times)
    digits = len(str(len(graph.nodes)))
    lines = []
    for number, node in enumerate(graph.nodes, 1):
        known = f"from {', '.join(str(one + 1) for one in node.inputs)}" if node.inputs else ""
        mark = "*" if number - 1 in graph.critical else " "
        label = _fitted(_cut(node.label, _LONGEST_LINE), _LONGEST_LINE)
        line = f"{mark}{number:>{digits}}  {node.kind:<6} {label}  {_took(node):<8} {known:<12} {node.place}"
        lines.append(line.rstrip())
    return "\n".join([*lines, "", _summary(graph)]) + "\n"


def times_of(state: State, build: Build) -> Times:
    """What the steps of `state` took in `build`, which may have been one of an earlier version of it."""
    known: dict[tuple[str, ...], list[tuple[float, bool]]] = {}
    for step in build.steps:
        if step.outcome in (CACHED, RAN):
            known.setdefault((step.kind, step.label), []).append((step.seconds, step.outcome == CACHED))
    found = {}
    for one in walk(state):
        taken = known.get((_kind(one), _note(one)[0]))
        if taken:
            found[one.identity] = taken.pop(0)
    return found


def _graph(state: State, times: Times) -> Graph:
    """What people know as steps: a difference is its upper end, and nothing is no step."""
    numbers: dict[str, int | None] = {}
    nodes: list[Node] = []
    for one in walk(state):
        read = (one.upper,) if isinstance(one, Diff) else below(one)
        inputs = tuple(dict.fromkeys(number for each in read if (number := numbers[each.identity]) is not None))
        if isinstance(one, Scratch | Diff):
            numbers[one.identity] = inputs[0] if inputs else None
            continue
        seconds, cached = times.get(one.identity, (None, False))
        label, place = _note(one)
        numbers[one.identity] = len(nodes)
        nodes.append(Node(label or _kind(one), _kind(one), place, inputs, seconds, cached))
    return Graph(tuple(nodes), _critical(nodes))


def _note(state: State) -> tuple[str, str]:
    """Label and place, fit to be shown."""
    if isinstance(state, Scratch):
        return "", ""
    position = state.note.position
    return _plain(state.note.label), _plain(f"{position.file}:{position.line}") if position else ""


def _kind(state: State) -> str:
    return type(state).__name__.removesuffix("Source").lower()


def _critical(nodes: Sequence[Node]) -> tuple[int, ...]:
    """The longest way through the last build; nothing where no step took time."""
    until: list[float] = []
    for node in nodes:
        until.append((node.seconds or 0.0) + max((until[above] for above in node.inputs), default=0.0))
    if not until or max(until) <= 0.0:
        return ()
    found = [max(reversed(range(len(nodes))), key=until.__getitem__)]
    while nodes[found[-1]].inputs:
        found.append(max(nodes[found[-1]].inputs, key=until.__getitem__))
    return tuple(reversed(found))


def _summary(graph: Graph) -> str:
    steps = f"{len(graph.nodes)} step{'' if len(graph.nodes) == 1 else 's'}"
    timed = [node for node in graph.nodes if node.seconds is not None]
    if not timed:
        return steps
    cached = sum(node.cached for node in timed)
    total = sum(node.seconds or 0.0 for node in timed)
    longest = sum(graph.nodes[number].seconds or 0.0 for number in graph.critical)
    worked = f"{_seconds(total)} of work, {_seconds(longest)} on the critical path"
    return f"{steps}; last build: {len(timed) - cached} ran, {cached} cached; {worked}"


def _took(node: Node) -> str:
    if node.seconds is None:
        return ""
    return "cached" if node.cached else _seconds(node.seconds)


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 100 else f"{int(seconds) // 60} min {int(seconds) % 60:02} s"


def _corner(layout: Layout, number: int) -> tuple[float, float]:
    return layout.columns[number] - _WIDTH / 2 + _MARGIN, layout.rows[number] * _ROW + _HEAD


def _edge(route: Sequence[tuple[float, int]], critical: bool) -> str:
    """A line from the lower side of a box, through its ways, to the upper side of another."""
    points = [(x + _MARGIN, row * _ROW + _HEAD) for x, row in route]
    x, y = points[0][0], points[0][1] + _HEIGHT
    drawn = [f"M{x:.1f} {y:.1f}"]
    for number, (next_x, top) in enumerate(points[1:], 2):
        drawn.append(f"C{x:.1f} {(y + top) / 2:.1f} {next_x:.1f} {(y + top) / 2:.1f} {next_x:.1f} {top:.1f}")
        x, y = next_x, top
        if number < len(points):
            y = top + _HEIGHT
            drawn.append(f"V{y:.1f}")
    name = "edge critical" if critical else "edge"
    return f'<path class="{name}" d="{"".join(drawn)}"/>'


def _box(node: Node, x: float, y: float, critical: bool) -> str:
    names = " ".join(name for name, holds in (("cached", node.cached), ("critical", critical)) if holds)
    colour = _COLOURS.get(node.kind, _OTHER_COLOUR)
    facts = " · ".join(part for part in (node.kind, _took(node), _cut(node.place, 24, left=True)) if part)
    told = escape(f"{node.label}\n{facts}" if not node.place else f"{node.label}\n{node.place}")
    return (
        f'<g class="{names}"><title>{told}</title>'
        f'<rect class="box" x="{x:.1f}" y="{y:.1f}" width="{_WIDTH}" height="{_HEIGHT}" rx="5"/>'
        f'<rect x="{x + 4:.1f}" y="{y + 6:.1f}" width="4" height="{_HEIGHT - 12}" rx="2" fill="{colour}"/>'
        f'<text x="{x + 16:.1f}" y="{y + 18:.1f}">{escape(_cut(node.label, _LONGEST_LABEL))}</text>'
        f'<text class="small" x="{x + 16:.1f}" y="{y + 35:.1f}">{escape(facts)}</text></g>'
    )


def _plain(text: str) -> str:
    """One line, and nothing that XML forbids or a terminal obeys."""
    return "".join(character if character.isprintable() else " " for character in text)


def _cut(text: str, longest: int, *, left: bool = False) -> str:
    """`text` in at most `longest` columns, its end (or its beginning) left out."""
    if _columns(text) <= longest:
        return text
    kept, room = "", longest - 1
    for character in reversed(text) if left else text:
        room -= _columns(character)
        if room < 0:
            break
        kept = character + kept if left else kept + character
    return f"…{kept}" if left else f"{kept}…"


def _fitted(text: str, columns: int) -> str:
    return text + " " * (columns - _columns(text))


def _columns(text: str) -> int:
    """Wide characters take two, those that only change others take none."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )
