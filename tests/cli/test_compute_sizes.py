"""`ez compute sizes`, and the menu."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from ez.cli.compute_sizes import pick
from ez.compute.sizes.choose import choose
from ez.compute.sizes.need import SizeNeed, parse_need
from ez.errors import EzError, UsageError
from ez.providers.catalogue import shipped
from tests.integration.person import Person

AZURE = shipped("azure").offers
NOWHERE = "http://127.0.0.1:9"


def test_sizes_are_listed_at_once_and_without_a_network(person: Person) -> None:
    done = person.ez("compute", "sizes", "--gpu", ">=24GB", "-p", "azure", https_proxy=NOWHERE, http_proxy=NOWHERE)
    head, first, *_ = done.stdout.splitlines()
    assert head.split() == ["SIZE", "CPUS", "MEMORY", "GPU", "REGION", "PRICE/H", "SPOT/H"]
    assert " ".join(first.split()) == "Standard_NC8ads_A10_v4 8 100 GB A10 24 GB southcentralus $1.32 ?"
    assert "left out: NCas_T4_v3 (Standard_NC4as_T4_v3, $0.526): its T4 has 16 of 24 GB" in done.stderr
    assert "azure, while stopped: $23.36 a month: disk of 128 GB $19.71, address $3.65" in done.stderr


def test_a_program_gets_every_figure(person: Person) -> None:
    done = person.ez("compute", "sizes", "--gpu", "T4", "--region", "westeurope", "--json", "--all")
    found = {row["size"]: row for row in done.json["sizes"]}
    row = found["Standard_NC4as_T4_v3"]
    assert (row["price"], row["price_of"], row["region"], row["gpu_memory"]) == (0.526, "eastus", "westeurope", 16)
    assert row["stopped_month"] == pytest.approx(23.36)
    assert {row["provider"] for row in done.json["sizes"]} == {"azure"}
    assert "g4dn.xlarge" not in found


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--gpu", "A100:16"), "no size fits: 16 x A100"),
        (("--gpu", "B300"), "no size has such a card: `B300`"),
        (("--size", "Standard_NC6s_v3"), "retired on 2025-09-30"),
        (("-p", "moon"), "no such cloud: `moon`"),
        (("--memory", "much"), "not an amount of memory"),
        (("--refresh",), "which cloud is to be asked?"),
    ],
)
def test_what_cannot_be_had_is_told_with_one_thing_to_do(words: tuple[str, ...], told: str, person: Person) -> None:
    done = person.ez("compute", "sizes", *words, code=2)
    assert told in done.told
    assert "hint: " in done.told
    assert done.stdout == ""


def test_prices_that_were_asked_for_go_first_and_damage_is_told_of(person: Person) -> None:
    cache = person.home / ".cache" / "ez" / "sizes-azure.json"
    cache.parent.mkdir(parents=True)
    size = {"provider": "azure", "name": "Standard_X1", "cpus": 8, "memory": 99, "gpu": "T4", "gpu_count": 1}
    row = ["Standard_X1", 0.25, None, "2026-11-22", []]
    file = {"version": 1, "provider": "azure", "sizes": [{**size, "gpu_memory": 16}], "regions": {"eastus": [row]}}
    cache.write_text(json.dumps(file))
    done = person.ez("compute", "sizes", "--gpu", "T4", "-p", "azure", "--region", "eastus")
    assert done.stdout.splitlines()[1].split()[0] == "Standard_X1"
    cache.write_text(json.dumps(file)[:-9])
    done = person.ez("compute", "sizes", "--gpu", "T4", "-p", "azure")
    assert done.stdout.splitlines()[1].split()[0] == "Standard_NC4as_T4_v3"
    assert "cannot be read" in done.stderr


class Terminal:
    """Standard streams of a person who answers."""

    def __init__(self, answer: str) -> None:
        self.answer = answer
        self.shown = ""

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        return self.answer

    def write(self, text: str) -> None:
        self.shown += text

    def flush(self) -> None:
        pass


@pytest.mark.parametrize(("answer", "expected"), [("\n", 0), ("1\n", 0), (" 3 \n", 2)])
def test_the_menu_asks_which(answer: str, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(answer)
    monkeypatch.setattr("sys.stdin", terminal)
    monkeypatch.setattr("sys.stderr", terminal)
    choice = choose(parse_need(gpu="any", provider="azure"), AZURE, now=time.time())
    picked = pick(choice)
    rows = [line for line in terminal.shown.splitlines() if line[:4].strip().isdigit()]
    assert rows[expected].split()[1] == picked.size.name
    assert len({row.split()[1] for row in rows}) == len(rows) >= 6


@pytest.mark.parametrize("answer", ["0\n", "99\n", "x\n", "²\n", ""])
def test_another_answer_makes_nothing(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(answer)
    monkeypatch.setattr("sys.stdin", terminal)
    monkeypatch.setattr("sys.stderr", terminal)
    with pytest.raises(EzError, match=r"not on the list|not answered"):
        pick(choose(SizeNeed(cpus=4), AZURE, now=time.time()))


def test_nobody_is_asked_without_a_terminal(home: Path) -> None:
    with pytest.raises(UsageError, match="this needs an answer"):
        pick(choose(SizeNeed(cpus=4), AZURE, now=time.time()))
