"""NVIDIA's driver branches and where packages of them come from, from `branches.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from ez.compute.nvidia.cards import Card, Version, version


@dataclass(frozen=True)
class Branch:
    """`cuda` is the newest CUDA that its drivers know; a `preview` has features that nobody relies on yet."""

    number: int
    cuda: Version
    preview: bool = False

    def drives(self, card: Card) -> bool:
        return card.first <= self.number and (not card.last or self.number <= card.last)

    def runs(self, cuda: Version | None, *, exact: bool) -> bool:
        """Whether programs made with that CUDA run: by the driver's own word, or by CUDA's minor version compatibility
        (docs.nvidia.com/deploy/cuda-compatibility)."""
        return cuda is None or (cuda <= self.cuda if exact else cuda[0] <= self.cuda[0])


@dataclass(frozen=True)
class Repository:
    """Packages for apt. `suites` is `/` for a flat one. `key` is a keyring that the machine has, or addresses of keys,
    one of which has the `fingerprint` (one for each, joined by `|`); empty for one that is taken as it comes."""

    name: str
    url: str
    suites: str
    components: str
    key: str
    fingerprint: str

    @property
    def args(self) -> tuple[str, ...]:
        return (self.name, self.url, self.suites, self.components, self.key, self.fingerprint)


@dataclass(frozen=True)
class Source:
    """Where a system gets drivers from; the tuples are groups of packages, as `branches.toml` tells of them."""

    name: str
    systems: tuple[str, ...]
    branches: tuple[int, ...]
    signed: bool
    open: tuple[str, ...]
    closed: tuple[str, ...]
    pin: str
    fabric: tuple[str, ...]
    subnet: tuple[str, ...]
    persistence: tuple[str, ...]
    row: Mapping[str, Any]

    def repository(self, system: str, arch: str, mirrors: Mapping[str, str]) -> Repository | None:
        """What has to be added to the machine's package sources, None where it has them."""
        row = self.row
        if "repository" not in row:
            return None
        base = mirrors.get(row["mirror"]) or row["repository"]
        folder = row["folders"][system]
        if "components" in row:
            return Repository(f"{self.name.lower()}-more", base, folder, row["components"], row["key"], "")
        url = f"{base.rstrip('/')}/{folder}/{row['machines'][arch]}/"
        keys = "|".join(f"{url}{name}" for name in row["key"].split("|"))
        return Repository("nvidia-driver", url, "/", "", keys, "" if row["mirror"] in mirrors else row["fingerprint"])

    def has(self, system: str, arch: str, branch: int) -> bool:
        systems = self.row.get("only", {}).get(str(branch), self.systems)
        return system in systems and branch in self.branches and arch in self.row.get("machines", (arch,))


def all_branches() -> tuple[Branch, ...]:
    """The default first, then newer ones, then older ones, and previews last of all."""
    rows = [
        Branch(row["number"], version(row["cuda"]) or (0, 0), row.get("preview", False)) for row in _table()["branch"]
    ]
    return tuple(sorted(rows, key=_preference))


def branch_of(number: int) -> Branch | None:
    """What is known of an installed branch: that of the nearest older one for a number that the table does not have."""
    older = [branch for branch in all_branches() if branch.number <= number]
    return max(older, key=lambda branch: branch.number, default=None)


def system(id: str, version: str, codename: str) -> str:
    """`debian 12`, by os-release(5); for a system made of another's packages that one, empty if nobody knows."""
    own = f"{id} {version}"
    if any(own in source.systems for source in sources()):
        return own
    return str(_table()["codenames"].get(codename, own))


def sources() -> tuple[Source, ...]:
    return tuple(_source(row) for row in _table()["source"])


def opens_by_default(branch: int) -> bool:
    return bool(branch >= _table()["open_from"])


def kernel_packages() -> tuple[str, ...]:
    """The group of the kernel with its headers."""
    return (_table()["kernel"]["packages"],)


def kernel_image() -> str:
    """The group of the kernel alone."""
    return str(_table()["kernel"]["image"])


def header_packages() -> tuple[str, ...]:
    """Groups of what a module is built with."""
    return tuple(_table()["kernel"]["headers"])


def toolkit_packages() -> tuple[str, ...]:
    return tuple(_table()["toolkit"]["packages"])


def toolkit_repository(arch: str, mirrors: Mapping[str, str]) -> Repository | None:
    """NVIDIA's repository of the container toolkit, None where there is none for the architecture."""
    row = _table()["toolkit"]
    if arch not in row["architectures"]:
        return None
    base = (mirrors.get(row["mirror"]) or row["repository"]).rstrip("/")
    url = f"{base}/{row['folder'].format(architecture=row['architectures'][arch])}"
    fingerprint = "" if row["mirror"] in mirrors else row["fingerprint"]
    return Repository("nvidia-toolkit", url, "/", "", f"{base}/{row['key']}", fingerprint)


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files("ez.compute.nvidia").joinpath("branches.toml").read_text("utf-8"))


def _preference(branch: Branch) -> tuple[int, int]:
    if branch.preview:
        return (3, branch.number)
    distance = branch.number - _table()["default"]
    return (0 if distance == 0 else 1 if distance > 0 else 2, abs(distance))


def _source(row: Mapping[str, Any]) -> Source:
    return Source(
        name=row["name"],
        systems=tuple(row["systems"]),
        branches=tuple(row["branches"]),
        signed=row["signed"],
        open=tuple(row.get("open", ())),
        closed=tuple(row.get("closed", ())),
        pin=row.get("pin", ""),
        fabric=tuple(row.get("fabric", ())),
        subnet=tuple(row.get("subnet", ())),
        persistence=tuple(row.get("persistence", ())),
        row=row,
    )
