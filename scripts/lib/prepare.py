"""The page of what `ez compute prepare` does, made from the cases that it is tested with and from its own tables."""

from collections.abc import Iterator

from ez.compute.nvidia.branches import all_branches, sources
from ez.compute.nvidia.cards import card_of, cards, generations, named
from ez.compute.nvidia.choose import dotted
from ez.compute.plan import plan
from ez.compute.step import Step
from ez.errors import PrepareError
from scripts.lib.markdown import MADE, table
from scripts.lib.prepare_cases import Case
from scripts.lib.prepare_cases import cases as all_cases

_HEAD = """# What `ez compute prepare` does

A computer tells what it is in one round trip; from that and from what is wanted come steps, or a refusal before
anything is done. A computer that is ready has none. Every row below is a test of ez, and `ez compute prepare NAME
--dry-run` shows the row of your own computer. How to use it: [Your own machine](../guides/own-machine.md). How
it works, and how what it changes is taken back: [How a computer is made ready](../concepts/prepare.md).
"""
_STEPS = """## The steps

In the order in which they come. A step that may restart the machine does so at most together with its neighbours, and
the rest goes on by itself after that.
"""
_DONE = "## What is done\n"
_READY = "## Nothing to do\n"
_REFUSED = "## Refused\n"
_CARDS = """## Cards and drivers

Cards are known by their PCI ids (`ez/compute/nvidia/cards.toml`). Which packages a system really has is asked of its
package manager. A card that is newer than this list gets the open module of a newer branch.
"""
_KINDS = {"closed": "proprietary", "either": "open, or proprietary", "open": "open only"}


def page() -> str:
    every = all_cases()
    done = [(case.about, *_computer(case), _ids(case)) for case in every if case.steps]
    ready = [
        (case.about, *_computer(case), "; ".join(case.says)) for case in every if not case.steps and not case.error
    ]
    refused = [(case.about, *_computer(case), case.error, case.hint) for case in every if case.error]
    computer = ("", "system", "cards", "wanted")
    return MADE + "\n".join(
        [
            _HEAD,
            _STEPS,
            *table(("step", "what it does", "may restart"), list(_steps(every))),
            _DONE,
            *table((*computer, "steps"), done, code=0),
            _READY,
            *table((*computer, "what ez says"), ready, code=0),
            _REFUSED,
            *table((*computer, "what ez says", "what to do"), refused, code=0),
            _CARDS,
            *table(("generation", "cards", "kernel module", "drivers", "CUDA"), list(_generations()), code=0),
            *table(("driver", "newest CUDA", "from"), list(_branches()), code=0),
        ]
    )


def _steps(every: list[Case]) -> Iterator[tuple[str, str, str]]:
    """Each step once, by the title that it has in some case, in the order of the longest plans."""
    known: dict[str, Step] = {}
    order: list[str] = []
    for steps in sorted(map(_planned, every), key=len, reverse=True):
        for number, step in enumerate(steps):
            if step.id not in known:
                later = [order.index(other.id) for other in steps[number + 1 :] if other.id in known]
                order.insert(min(later, default=len(order)), step.id)
                known[step.id] = step
    for id in order:
        yield id, known[id].title, "yes" if known[id].reboots else ""


def _planned(case: Case) -> tuple[Step, ...]:
    try:
        return plan(case.facts, case.need, repair=case.repair)
    except PrepareError:
        return ()


def _computer(case: Case) -> tuple[str, str, str]:
    facts, gpu, idle = case.facts, case.need.gpu, case.need.idle
    there = [card_of(one.device).title for one in cards(facts.gpus)]
    shown = ", ".join(
        f"{there.count(name)} x {name}" if there.count(name) > 1 else name for name in dict.fromkeys(there)
    )
    if facts.nvidia.source:
        shown = f"{shown}, driver {facts.nvidia.driver or facts.nvidia.installed or facts.nvidia.source}".lstrip(", ")
    wanted = []
    if gpu is not None:
        wanted.append(f"CUDA {dotted(gpu.cuda)} ({gpu.reason})" if gpu.cuda else "cards" if gpu.required else "")
    if idle is not None:
        wanted.append(f"{idle.action} after {idle.minutes} min" if idle.minutes else "no watchdog")
    if case.repair:
        wanted.append("--repair")
    system = f"{facts.os.name}{', arm64' if facts.arch == 'aarch64' else ''}{f', {facts.cloud}' if facts.cloud else ''}"
    return system, shown, ", ".join(filter(None, wanted))


def _ids(case: Case) -> str:
    steps = " · ".join(f"{id} {' '.join(arguments[:2])}" if id == "driver" else id for id, *arguments in case.steps)
    return f"{steps} ({'; '.join(case.says)})" if case.says else steps


def _generations() -> Iterator[tuple[str, str, str, str, str]]:
    for name, devices in generations():
        one = card_of(devices[0].partition("-")[0])
        first, last = one.cuda, one.last_cuda
        cuda = (
            f"{dotted(first) if first else ''} to {dotted(last)}"
            if last
            else f"{dotted(first)} and newer"
            if first
            else ""
        )
        drivers = f"{one.first} to {one.last}" if one.last else f"{one.first} and newer"
        yield name, ", ".join(named(name)), _KINDS[one.modules], drivers, cuda


def _branches() -> Iterator[tuple[str, str, str]]:
    for branch in sorted(all_branches(), key=lambda branch: branch.number):
        number = branch.number
        places = []
        for source in sources():
            if systems := [name.title() for name in source.systems if source.has(name, "x86_64", number)]:
                places.append(f"{source.name} ({', '.join(systems)})")
        if places:
            yield str(number), dotted(branch.cuda), "; ".join(places)
