"""The cases of choosing a size: what is asked for in the words of a command line, and what is answered."""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ez.compute.need import GpuNeed
from ez.compute.sizes.choose import alternatives, choose
from ez.compute.sizes.need import SizeNeed, parse_need
from ez.errors import UsageError
from ez.providers.base import Offer
from ez.providers.catalogue import CATALOGUES, shipped
from ez.state import Refusal

FOLDER = Path(__file__).parents[2] / "tests" / "cases" / "sizes"
_KEYS = {"about", "ask", "now", "cuda", "refused", "first", "count", "without", "left_out", "says", "attempts", "error",
         "hint"}  # fmt: skip
_TEXTS = {"--memory": "memory", "--gpu": "gpu", "--disk": "disk", "--size": "size", "-p": "provider"}
_NUMBERS = {"--cpus": "cpus", "--max-price": "max_price"}
NOW = 1_795_000_000.0
"""A day of November 2026."""


@dataclass(frozen=True)
class Case:
    """`topic` is the title of its file. `expected` has some of: the `first` offers in order (`SIZE REGION`), their
    `count`, sizes that it is `without`, series that are `left_out` and why, what it `says`, the `attempts` in order; or
    an `error` with its `hint`."""

    name: str
    topic: str
    about: str
    ask: str
    cuda: GpuNeed | None
    refused: tuple[Refusal, ...]
    now: float
    expected: Mapping[str, Any]

    @property
    def wanted(self) -> str:
        """For people: the words, and what an environment or earlier attempts add to them."""
        cuda = f"; the environment: `{self.cuda.reason}`" if self.cuda else ""
        refused = "; refused a moment ago: " + ", ".join(_words(one) for one in self.refused) if self.refused else ""
        return f"`{self.ask}`{cuda}{refused}"


def cases() -> list[Case]:
    return [case for path in sorted(FOLDER.glob("*.toml")) for case in _read(path)]


def answered(case: Case) -> dict[str, Any]:
    """What ez answers, with the keys that the case expects."""
    try:
        need = asked(case.ask, case.cuda)
        choice = choose(need, _offers(need), case.refused, now=case.now)
        if "error" in case.expected:
            return {"error": f"nothing: {choice.best.size.name}", "hint": ""}
    except UsageError as error:
        return {"error": error.message, "hint": error.hint}
    names = {offer.size.name for offer in choice.ranked}
    first = [_place(offer) for offer in choice.ranked]
    tried = islice(alternatives(choice, choice.best), len(case.expected.get("attempts", ()))) if choice.ranked else ()
    every = {
        "first": first[: len(case.expected.get("first", ()))],
        "count": len(names),
        "without": sorted(set(case.expected.get("without", ())) - names),
        "left_out": {row.series: row.why for row in choice.left_out},
        "says": list(choice.notes),
        "attempts": [f"{_place(offer)} {zone}".strip() for offer, zone in tried],
    }
    return {key: value for key, value in every.items() if key in case.expected}


def asked(words: str, cuda: GpuNeed | None = None) -> SizeNeed:
    """The need that a command line's options say. Raises UsageError."""
    found: dict[str, Any] = {"regions": [], "cuda": cuda}
    parts = iter(shlex.split(words))
    for part in parts:
        if part == "--spot":
            found["spot"] = True
        elif part == "--region":
            found["regions"].append(next(parts))
        elif part in _TEXTS:
            found[_TEXTS[part]] = next(parts)
        else:
            found[_NUMBERS[part]] = (int if part == "--cpus" else float)(next(parts))
    return parse_need(**found)


def _offers(need: SizeNeed) -> list[Offer]:
    return [offer for key in ((need.provider,) if need.provider else CATALOGUES) for offer in shipped(key).offers]


def _place(offer: Offer) -> str:
    return f"{offer.size.name} {offer.region}"


def _words(refusal: Refusal) -> str:
    what = " ".join(filter(None, (refusal.size or "all", refusal.region and f"in {refusal.region}")))
    return f"{what}, zone {refusal.zone}" if refusal.zone not in ("", "-") else what


def _read(path: Path) -> list[Case]:
    """Cases with unknown keys are refused, so that none says what nobody looks at."""
    found = []
    file = tomllib.loads(path.read_text())
    for number, row in enumerate(file["case"]):
        assert row.keys() <= _KEYS, f"{path.name}: {row.keys() - _KEYS}"
        cuda = row.get("cuda")
        found.append(
            Case(
                name=f"{path.stem}-{number + 1:02}",
                topic=file["title"],
                about=row["about"],
                ask=row["ask"],
                cuda=GpuNeed(cuda=tuple(cuda[:2]), reason=cuda[2]) if cuda else None,
                refused=tuple(Refusal("", "", one[0], one[1], one[2], reason=one[3]) for one in row.get("refused", ())),
                now=row.get("now", NOW),
                expected={key: row[key] for key in row if key not in ("about", "ask", "now", "cuda", "refused")},
            )
        )
    return found
