"""Places for the nodes of a graph without cycles: rows from top to bottom, what is read above what reads it.

After Sugiyama's method: rows by depth, narrow ways through the rows that an edge passes, orders that cross little,
then columns that pull what belongs together over one another. Edges that begin or end at the same node share a way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Union

WAY = 16.0
"""Width of a way through a row."""

_SWEEPS = 6

Way = tuple[str, int, int]
"""A way through a row: `from` or `to`, the node that all edges on it begin or end at, and the row's
number."""

Item = Union[int, Way]


Neighbours = tuple[dict[Item, list[Item]], dict[Item, list[Item]]]
"""What is above each item, and what is below it."""


@dataclass(frozen=True)
class Layout:
    """Centres of the nodes in columns (any unit, from 0 to `width`), the row of each, and the points of each edge."""

    columns: Mapping[int, float]
    rows: Mapping[int, int]
    routes: Mapping[tuple[int, int], tuple[tuple[float, int], ...]]
    width: float
    depth: int


def lay_out(inputs: Sequence[Sequence[int]], node_width: float, most_in_row: int) -> Layout:
    """`inputs` are the nodes that each node reads, all with a smaller number; no row has more than `most_in_row`."""
    rows = _narrow(_rows(inputs), inputs, most_in_row)
    edges = [(above, below) for below, read in enumerate(inputs) for above in dict.fromkeys(read)]
    routes = _routes(edges, rows)
    depth = max(rows, default=-1) + 1
    order = _order(rows, routes.values(), depth)
    places = _columns(order, _neighbours(routes.values()), node_width)
    left = min((x - _half(item, node_width) for item, x in places.items()), default=0.0)
    width = max((x + _half(item, node_width) for item, x in places.items()), default=0.0) - left
    return Layout(
        {node: places[node] - left for node in range(len(inputs))},
        dict(enumerate(rows)),
        {edge: tuple((places[item] - left, _row(item, rows)) for item in route) for edge, route in routes.items()},
        width,
        depth,
    )


def _rows(inputs: Sequence[Sequence[int]]) -> list[int]:
    """Below all that is read; what reads nothing itself right above its first reader."""
    rows = [0] * len(inputs)
    for node, read in enumerate(inputs):
        rows[node] = max((rows[above] + 1 for above in read), default=0)
    readers: dict[int, list[int]] = {}
    for node, read in enumerate(inputs):
        for above in read:
            readers.setdefault(above, []).append(node)
    for node, read in enumerate(inputs):
        if not read and node in readers:
            rows[node] = max(0, min(rows[reader] for reader in readers[node]) - 1)
    return rows


def _narrow(rows: Sequence[int], inputs: Sequence[Sequence[int]], most: int) -> list[int]:
    """Rows with more nodes than fit become several."""
    members: dict[int, list[int]] = {}
    for node, row in enumerate(rows):
        members.setdefault(row, []).append(node)
    found, next_row = [0] * len(rows), 0
    for row in sorted(members):
        nodes = sorted(members[row], key=lambda node: (min(inputs[node], default=node), node))
        for number, node in enumerate(nodes):
            found[node] = next_row + number // most
        next_row += (len(nodes) - 1) // most + 1
    return found


def _routes(edges: Sequence[tuple[int, int]], rows: Sequence[int]) -> dict[tuple[int, int], list[Item]]:
    """Each edge as the nodes and ways that it passes, one in each row."""
    going, coming = [0] * len(rows), [0] * len(rows)
    for above, below in edges:
        going[above] += 1
        coming[below] += 1
    routes: dict[tuple[int, int], list[Item]] = {}
    for above, below in edges:
        hub = ("to", below) if coming[below] > going[above] else ("from", above)
        ways: list[Item] = [(*hub, row) for row in range(rows[above] + 1, rows[below])]
        routes[above, below] = [above, *ways, below]
    return routes


def _neighbours(routes: Iterable[Sequence[Item]]) -> Neighbours:
    above: dict[Item, list[Item]] = {}
    below: dict[Item, list[Item]] = {}
    for upper, lower in dict.fromkeys(pair for route in routes for pair in pairwise(route)):
        below.setdefault(upper, []).append(lower)
        above.setdefault(lower, []).append(upper)
    return above, below


def _order(rows: Sequence[int], routes: Iterable[Sequence[Item]], depth: int) -> list[list[Item]]:
    """The items of each row, from left to right."""
    routes = list(routes)
    order: list[list[Item]] = [[] for _ in range(depth)]
    for item in dict.fromkeys([*range(len(rows)), *(item for route in routes for item in route)]):
        order[_row(item, rows)].append(item)
    above, below = _neighbours(routes)
    place: dict[Item, float] = {item: float(number) for row in order for number, item in enumerate(row)}
    for sweep in range(_SWEEPS):
        known = above if sweep % 2 == 0 else below
        for row in order if sweep % 2 == 0 else reversed(order):
            wanted = {item: _mean([place[one] for one in known.get(item, ())], place[item]) for item in row}
            row.sort(key=wanted.__getitem__)
            place.update((item, float(number)) for number, item in enumerate(row))
    return order


def _columns(order: Sequence[Sequence[Item]], neighbours: Neighbours, node_width: float) -> dict[Item, float]:
    """The centre of each item: near what it belongs to, in the order of its row, no row wider than the fullest."""
    places: dict[Item, float] = {}
    reach = max((sum(2 * _half(item, node_width) for item in row) for row in order), default=0.0) / 2
    for row in order:
        places.update(_spread(row, [0.0] * len(row), node_width, reach))
    for sweep in range(_SWEEPS):
        known = neighbours[sweep % 2]
        for row in order if sweep % 2 == 0 else reversed(order):
            wanted = [_mean([places[one] for one in known.get(item, ())], places[item]) for item in row]
            places.update(_spread(row, wanted, node_width, reach))
    return places


def _spread(row: Sequence[Item], wanted: Sequence[float], node_width: float, reach: float) -> dict[Item, float]:
    """As near to `wanted` as there is room: pushed to the right where needed, then all back by the mean push, and
    none further from the middle than `reach` leaves room for those beyond it."""
    halves = [_half(item, node_width) for item in row]
    found: list[float] = []
    for number, x in enumerate(wanted):
        found.append(max(x, found[-1] + halves[number - 1] + halves[number]) if found else x)
    push = _mean([x - want for x, want in zip(found, wanted, strict=True)], 0.0)
    before, places = 0.0, {}
    whole = 2 * sum(halves)
    for item, half, x in zip(row, halves, found, strict=True):
        places[item] = min(max(x - push, before + half - reach), reach - (whole - before - half))
        before += 2 * half
    return places


def _half(item: Item, node_width: float) -> float:
    return node_width / 2 if isinstance(item, int) else WAY / 2


def _row(item: Item, rows: Sequence[int]) -> int:
    return rows[item] if isinstance(item, int) else item[2]


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
