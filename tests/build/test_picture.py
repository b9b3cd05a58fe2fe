"""The picture of a build graph: readable at any size, true to the times of a build, safe with any label."""

from __future__ import annotations

import random
import re
from itertools import combinations
from xml.etree import ElementTree

import pytest

from ez.build.explain.record import CACHED, NOT_REACHED, RAN, Build, Step
from ez.build.graph import BindMount, Diff, ImageSource, Merge, Note, Position, Run, Scratch, State, walk
from ez.build.picture.drawing import WIDEST, graph_svg, graph_text, times_of

SVG = "{http://www.w3.org/2000/svg}"
BASE = ImageSource("debian:12", note=Note("base image debian:12", Position("build.py", 1)))


def step(base: State, label: str, line: int = 2, *reads: State) -> Run:
    mounts = tuple(BindMount(f"/m{number}", one) for number, one in enumerate(reads))
    return Run(base, ("sh", label), mounts=mounts, note=Note(label, Position("build.py", line)))


def tangle(size: int) -> State:
    chance = random.Random(1)
    states: list[State] = [BASE]
    for number in range(size - 2):
        reads = [chance.choice(states[-30:]) for _ in range(2)] if chance.random() < 0.15 else []
        states.append(step(chance.choice(states[-3:]), f"step {number}", number, *reads))
    return Merge(tuple(states[-8:]))


def side_by_side(count: int) -> State:
    return Merge((BASE, *(Diff(BASE, step(BASE, f"branch {number}")) for number in range(count))))


def boxes(svg: str) -> list[tuple[float, float, float, float]]:
    found = ElementTree.fromstring(svg).iter(f"{SVG}rect")
    return [
        (float(box.attrib["x"]), float(box.attrib["y"]), float(box.attrib["width"]), float(box.attrib["height"]))
        for box in found
        if box.get("class") == "box"
    ]


@pytest.mark.parametrize(
    "state", [BASE, tangle(5), tangle(200), side_by_side(100)], ids=["one", "five", "tangled", "wide"]
)
def test_boxes_lie_inside_and_apart(state: State) -> None:
    svg = graph_svg(state)
    found = boxes(svg)
    assert len(found) == sum(not isinstance(one, Diff) for one in walk(state))
    root = ElementTree.fromstring(svg)
    width, height = (float(number) for number in root.attrib["viewBox"].split()[2:])
    assert float(root.attrib["width"]) <= WIDEST
    assert all(0 <= x <= width - w and 0 <= y <= height - h for x, y, w, h in found)
    for (left, top, w, h), (other, under, _, _) in combinations(found, 2):
        assert abs(left - other) >= w or abs(top - under) >= h


@pytest.mark.parametrize("state", [tangle(60), side_by_side(30)], ids=["tangled", "wide"])
def test_lines_pass_between_boxes(state: State) -> None:
    """Where a line goes straight down, it is on a way through a row."""
    svg = graph_svg(state)
    for box_x, box_y, width, _ in boxes(svg):
        for x, y, end in re.findall(r" (\d+\.\d) (\d+\.\d)V(\d+\.\d)", svg):
            assert not (float(y) <= box_y < float(end) and box_x < float(x) < box_x + width)


def test_the_critical_path_is_marked_and_told() -> None:
    first, slow, fast = step(BASE, "first"), step(BASE, "slow"), step(BASE, "fast")
    merged = Merge((first, Diff(BASE, slow), Diff(BASE, fast)), Note("join"))
    end = step(merged, "end")
    times = {
        BASE.identity: (0.0, True),
        first.identity: (5.0, False),
        slow.identity: (125.0, False),
        fast.identity: (0.0, True),
        merged.identity: (0.5, False),
        end.identity: (1.0, False),
    }
    svg = graph_svg(end, times)
    found = ElementTree.fromstring(svg).iter(f"{SVG}g")
    shown = {str(group.find(f"{SVG}title").text).splitlines()[0]: group.get("class") for group in found}  # type: ignore[union-attr]
    assert shown == {
        "base image debian:12": "cached critical",
        "first": "",
        "slow": "critical",
        "fast": "cached",
        "join": "critical",
        "end": "critical",
    }
    assert svg.count('class="edge critical"') == 3
    told = "6 steps; last build: 4 ran, 2 cached; 2 min 11 s of work, 2 min 06 s on the critical path"
    assert told in svg
    text = graph_text(end, times)
    assert [line[:3] for line in text.splitlines()[:6]] == ["*1 ", " 2 ", "*3 ", " 4 ", "*5 ", "*6 "]
    assert re.search(r"^\*5  merge  join +0\.5 s +from 2, 3, 4$", text, re.MULTILINE)
    assert re.search(r"^ 2  run    first +5\.0 s +from 1 +build\.py:2$", text, re.MULTILINE)
    assert text.splitlines()[-1] == told


def test_without_a_build_nothing_is_said_of_times() -> None:
    assert ">2 steps<" in graph_svg(step(BASE, "x"))
    assert "critical" not in graph_svg(step(BASE, "x")).partition("</style>")[2]
    assert graph_text(Scratch()) == "\n0 steps\n"
    ElementTree.fromstring(graph_svg(Scratch()))


def test_hostile_and_endless_labels() -> None:
    label = '</text><script>x</script>&"\x1b[31m\u202e\ud800\n' + "日本" * 500
    state = Run(BASE, ("x",), note=Note(label, Position("</title><b>" + "d/" * 90 + "build.py", 3)))
    svg, text = graph_svg(state), graph_text(state)
    assert {element.tag.removeprefix(SVG) for element in ElementTree.fromstring(svg).iter()} <= {
        "svg", "style", "rect", "text", "path", "g", "title",
    }  # fmt: skip
    for forbidden in ("\x1b", "\u202e", "\ud800"):
        assert forbidden not in svg + text
    svg.encode()
    shown = [str(element.text) for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]
    assert all(len(line) < 70 for line in shown)
    assert shown[-1].endswith("build.py:3")
    assert len(text.splitlines()) == 4


def test_times_come_from_the_record_of_a_build() -> None:
    same = [step(step(BASE, "same", line=2), "same", line=3), step(BASE, "other")]
    state = Merge(tuple(same))
    steps = (
        Step("image", "base image debian:12", {}, outcome=CACHED),
        Step("run", "same", {}, outcome=RAN, seconds=1.0),
        Step("run", "same", {}, outcome=RAN, seconds=2.0),
        Step("run", "other", {}, outcome=NOT_REACHED),
        Step("engine", "export", {}, outcome=RAN, seconds=3.0),
    )
    found = times_of(state, Build("sha256:0", 0.0, 6.0, False, False, steps))
    assert found == {
        BASE.identity: (0.0, True),
        same[0].base.identity: (1.0, False),
        same[0].identity: (2.0, False),
    }
