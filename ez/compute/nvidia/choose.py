"""Which driver a computer gets: its cards, what is wanted of them, and what its system has, weighed; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ez.compute.need import GpuNeed
from ez.compute.nvidia.branches import (
    Branch,
    Repository,
    Source,
    all_branches,
    branch_of,
    opens_by_default,
    sources,
)
from ez.compute.nvidia.cards import Card, Shared, Version, card, quirks, shared
from ez.compute.nvidia.found import Gpu


@dataclass(frozen=True)
class Machine:
    """What of a computer decides: `system` as `debian 12`, `arch` as `uname -m` has it, `cloud` empty outside of one,
    `secure_boot` where only signed modules are let in. `name` is the system's for people."""

    system: str
    arch: str
    name: str = ""
    secure_boot: bool = False
    cloud: str = ""


@dataclass(frozen=True)
class Choice:
    """A driver. `flavour` is that of its kernel module: `open` or `proprietary`.

    `repository` is to be added first. `packages`, `fabric` and `persistence` are groups as `branches.toml` tells of
    them, `pin` one that goes first. `builds`: the module is built on the machine. `options` are lines of modprobe.d(5).
    `url` is the installer of a GRID driver, which stands for all of the packages, and `version` its version.
    """

    branch: int
    flavour: str
    source: str
    repository: Repository | None = None
    pin: str = ""
    packages: tuple[str, ...] = ()
    fabric: tuple[str, ...] = ()
    persistence: tuple[str, ...] = ()
    builds: bool = True
    options: str = ""
    url: str = ""
    version: str = ""

    @property
    def modules(self) -> str:
        """The package of modules that come built, empty where they are built on the machine."""
        return "" if self.builds else self.packages[0].partition("|")[0].partition(",")[0]


@dataclass(frozen=True)
class Refusal:
    """Why the cards cannot do what is wanted; `hint` is the nearest that works. `mismatch`: they can be used, but not
    with the CUDA that is asked for."""

    what: str
    hint: str
    mismatch: bool = False


def choose(gpus: tuple[Gpu, ...], need: GpuNeed, machine: Machine, mirrors: Mapping[str, str]) -> Choice | Refusal:
    """The driver for NVIDIA's cards `gpus`, of which there is at least one."""
    found = tuple(card(gpu) for gpu in gpus)
    parts = [part for gpu in gpus if (part := shared(gpu, machine.cloud))]
    if parts:
        return _grid(parts[0], found, need, machine)
    if refusal := _check(found, need):
        return refusal
    fitting = _fitting(found, need)
    if not fitting:
        return _no_branch(found, need)
    for branch in fitting:
        for source in sources():
            if choice := _choice(branch, source, gpus, found, machine, mirrors):
                return choice
    return _no_source(found, fitting[0], machine)


def check_driver(gpus: tuple[Gpu, ...], need: GpuNeed, driver: str) -> Refusal | None:
    """Whether the installed `driver`, a version, does what is wanted; None if it does, or if nobody can tell."""
    found = tuple(card(gpu) for gpu in gpus)
    if refusal := _check(found, need):
        return refusal
    branch = branch_of(int(driver.partition(".")[0]))
    if need.cuda is None or branch is None or branch.runs(need.cuda, exact=need.exact):
        return None
    what = f"its driver {driver} knows CUDA up to {dotted(branch.cuda)}, and {_wanted(need)}"
    return Refusal(what, f"use CUDA {dotted(_limit(found, branch.cuda))} or older", mismatch=True)


def doubts(gpus: tuple[Gpu, ...], need: GpuNeed) -> tuple[str, ...]:
    """Why what is wanted might not work although nothing speaks against it, in sentences."""
    found = {one.title: one for one in map(card, gpus)}.values()
    return tuple(
        f"{_wanted(need)}, whose compilers do not know {one.title} yet: {dotted(one.cuda)} is the first"
        for one in found
        if need.cuda is not None and one.cuda is not None and need.cuda < one.cuda
    )


def dotted(version: Version) -> str:
    return f"{version[0]}.{version[1]}"


def _check(found: tuple[Card, ...], need: GpuNeed) -> Refusal | None:
    for one in found:
        if need.cuda is not None and one.last_cuda is not None and need.cuda > one.last_cuda:
            what = f"CUDA {dotted(one.last_cuda)} is the last for its {one.title}, and {_wanted(need)}"
            hint = f"use CUDA {dotted(_newest(found))} or older, or a computer with a newer card"
            return Refusal(what, hint, mismatch=True)
    return None


def _fitting(found: tuple[Card, ...], need: GpuNeed) -> list[Branch]:
    return [
        branch
        for branch in all_branches()
        if any(branch.number in source.branches for source in sources())
        and all(branch.drives(one) for one in found)
        and branch.runs(need.cuda, exact=need.exact)
    ]


def _choice(
    branch: Branch,
    source: Source,
    gpus: tuple[Gpu, ...],
    found: tuple[Card, ...],
    machine: Machine,
    mirrors: Mapping[str, str],
) -> Choice | None:
    """What that source has of that branch for that machine, None for nothing."""
    if not source.has(machine.system, machine.arch, branch.number) or (machine.secure_boot and not source.signed):
        return None
    special = quirks(gpus, machine.cloud)
    is_open = _is_open(branch, found, any(quirk.modules == "closed" for quirk in special))
    packages = _groups(source.open if is_open else source.closed, branch, signed_only=machine.secure_boot)
    if is_open is None or not packages:
        return None
    return Choice(
        branch=branch.number,
        flavour="open" if is_open else "proprietary",
        source=source.name,
        repository=source.repository(machine.system, machine.arch, mirrors),
        pin=source.pin.format(branch=branch.number),
        packages=packages,
        fabric=_groups((*source.fabric, *(source.subnet if any(one.fabric for one in found) else ())), branch),
        persistence=_groups(source.persistence, branch),
        builds=not source.signed,
        options="".join(f"{quirk.options}\n" for quirk in special),
    )


def _is_open(branch: Branch, found: tuple[Card, ...], better_closed: bool) -> bool | None:
    """The kind of module that all cards can do with, None if there is none."""
    kinds = {one.modules for one in found}
    if {"open", "closed"} <= kinds:
        return None
    if "open" in kinds:
        return True
    return not better_closed and "closed" not in kinds and opens_by_default(branch.number)


def _groups(groups: tuple[str, ...], branch: Branch, *, signed_only: bool = False) -> tuple[str, ...]:
    """With the branch filled in, and without alternatives that are built on the machine where those are of no use."""
    filled = [group.format(branch=branch.number) for group in groups]
    if signed_only:
        filled = ["|".join(part for part in group.split("|") if "headers" not in part) for group in filled]
    return tuple(filled)


def _grid(part: Shared, found: tuple[Card, ...], need: GpuNeed, machine: Machine) -> Choice | Refusal:
    title = found[0].title
    if not part.url or machine.arch != "x86_64":
        return Refusal(f"its {title} is a part of a card, for which only {machine.cloud} has drivers", _IMAGE)
    if machine.secure_boot:
        what = f"Secure Boot keeps out the GRID driver of its {title}, which is not signed"
        return Refusal(what, _without_secure_boot(machine))
    branch = int(part.version.partition(".")[0])
    if refusal := check_driver((), need, part.version):
        return refusal
    flavour = "open" if part.modules == "open" else "proprietary"
    return Choice(branch, flavour, "GRID", url=part.url, version=part.version)


def _no_branch(found: tuple[Card, ...], need: GpuNeed) -> Refusal:
    for one in found:
        if not any(branch.drives(one) for branch in _installable()):
            return Refusal(f"no driver that can be installed today is for its {one.title}", "use another computer")
    if not _common(found):
        names = " and ".join(sorted({one.title for one in found}))
        return Refusal(f"no driver is for all of its cards: {names}", "take out the older ones")
    what = f"its drivers end at CUDA {dotted(_newest(found))}, and {_wanted(need)}"
    return Refusal(what, f"use CUDA {dotted(_newest(found))} or older", mismatch=True)


def _no_source(found: tuple[Card, ...], branch: Branch, machine: Machine) -> Refusal:
    kinds = {one.modules for one in found}
    if {"open", "closed"} <= kinds:
        names = " and ".join(sorted({one.title for one in found}))
        return Refusal(f"no kind of kernel module is for all of its cards: {names}", "take out the older ones")
    having = [source for source in sources() if source.has(machine.system, machine.arch, branch.number)]
    if having and machine.secure_boot:
        return Refusal(
            f"Secure Boot keeps out driver {branch.number}, which is not signed there", _without_secure_boot(machine)
        )
    systems = sorted(name for source in sources() for name in source.systems)
    there = {
        name.partition(" ")[0]: name.title()
        for name in systems
        if any(
            source.has(name, machine.arch, branch.number) and (source.signed or not machine.secure_boot)
            for source in sources()
        )
    }
    what = f"no driver {branch.number} is published for {machine.name or machine.system.title()} on {machine.arch}"
    return Refusal(what, f"use {' or '.join([*there.values(), 'an image that brings a driver'])}")


def _without_secure_boot(machine: Machine) -> str:
    if machine.cloud in _FLAGS:
        return f"create the machine without Secure Boot: {_FLAGS[machine.cloud]}"
    return "switch Secure Boot off in its firmware"


def _installable() -> list[Branch]:
    return [branch for branch in all_branches() if any(branch.number in source.branches for source in sources())]


def _common(found: tuple[Card, ...]) -> list[Branch]:
    return [branch for branch in _installable() if all(branch.drives(one) for one in found)]


def _newest(found: tuple[Card, ...]) -> Version:
    """The newest CUDA that the cards can do, with the newest driver that is for all of them."""
    return _limit(found, max((branch.cuda for branch in _common(found)), default=(0, 0)))


def _limit(found: tuple[Card, ...], cuda: Version) -> Version:
    return min([cuda, *(one.last_cuda for one in found if one.last_cuda is not None)])


def _wanted(need: GpuNeed) -> str:
    cuda = dotted(need.cuda) if need.cuda else ""
    return f"`{need.reason}` wants {cuda}" if need.reason else f"{cuda} is wanted"


_IMAGE = "use an image of theirs that brings the driver"
_FLAGS = {"azure": "az vm create --security-type Standard", "google": "--no-shielded-secure-boot"}
"""How a cloud makes machines without Secure Boot."""
