"""The graphics cards of a computer and what is there to use them, as `scripts/facts.sh` tells it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ez.compute.reader import Reader

NVIDIA = "10de"
AMD = "1002"

_DRIVER_VERSION = re.compile(r"\b(\d{2,4}\.\d{1,4}(?:\.\d{1,4})?)\b", re.ASCII)
_PACKAGE = re.compile(r"([a-z0-9][a-z0-9.+-]{1,80})/([\w.:~+-]{1,80})/(install|hold)", re.ASCII)
_DRIVER_PACKAGE = re.compile("cuda-drivers|linux-modules-nvidia|nvidia-(driver|open|kernel|headless|dkms|tesla|legacy)")
_TOOLKIT_VERSION = re.compile(r"version v?(\d{1,4}\.\d{1,4}[\w.~+-]{0,30})", re.ASCII)


@dataclass(frozen=True)
class Gpu:
    """A display controller on the PCI bus. `vendor`, `device` and `subsystem` (that of the subsystem's device) are four
    hexadecimal digits; `driver` is the kernel driver that has it: `nvidia`, `nouveau`, `vfio-pci`, or empty."""

    address: str
    vendor: str
    device: str
    subsystem: str = ""
    driver: str = ""


@dataclass(frozen=True)
class Package:
    """An installed package of the driver. `held` ones are not upgraded."""

    name: str
    version: str
    held: bool


@dataclass(frozen=True)
class Nvidia:
    """What is there of NVIDIA's software.

    `driver` is the version of the kernel module that is loaded, `flavour` its kind (`open` or `proprietary`), empty
    without one; `installed` is the version of the module on disk for the kernel that runs. `source` is where the driver
    came from: `packages` (dpkg's, in `packages`), `runfile` (NVIDIA's installer), `windows` (WSL's), `other` (an image
    that brings it), empty without one. `toolkit` is the version of the container toolkit. `cdi`: a CDI specification
    is that of the driver that is loaded. `fabric` is the version of the fabric manager that runs. `persistence`:
    nvidia-persistenced runs. `proof` is the driver version with which a container was last seen to use the cards.
    """

    driver: str = ""
    flavour: str = ""
    installed: str = ""
    source: str = ""
    packages: tuple[Package, ...] = ()
    toolkit: str = ""
    cdi: bool = False
    fabric: str = ""
    persistence: bool = False
    proof: str = ""

    @property
    def works(self) -> bool:
        """Whether containers can get the cards, as far as can be seen."""
        return bool(self.driver or self.source == "windows") and bool(self.toolkit or self.cdi)

    @property
    def branch(self) -> int:
        """The driver's branch, that of the module that is loaded if there is one: 580 of `580.95.05`. 0 without one."""
        version = self.driver or self.installed
        return int(version.partition(".")[0]) if version else 0

    @property
    def held(self) -> bool:
        """Whether a package of the driver is held, as ez leaves it behind."""
        return any(package.held and _is_driver(package.name) for package in self.packages)


def read_gpus(reader: Reader) -> tuple[Gpu, ...]:
    return tuple(_gpu(reader, word) for word in reader.words("gpus"))


def read_nvidia(reader: Reader) -> Nvidia:
    told = reader.text("nvidia.version")
    driver = _first(_DRIVER_VERSION, told)
    installed = _first(_DRIVER_VERSION, reader.text("nvidia.installed"))
    packages = tuple(_package(word) for word in reader.words("nvidia.packages") if _PACKAGE.fullmatch(word))
    return Nvidia(
        driver=driver,
        flavour="" if not driver else "open" if "open kernel module" in told.lower() else "proprietary",
        installed=installed,
        source=_source(reader, bool(driver or installed), packages),
        packages=packages,
        toolkit=_first(_TOOLKIT_VERSION, reader.text("nvidia.toolkit")),
        cdi=reader.flag("nvidia.cdi"),
        fabric=_fabric(packages) if reader.flag("nvidia.fabric") else "",
        persistence=reader.flag("nvidia.persistence"),
        proof=_first(_DRIVER_VERSION, reader.text("nvidia.proof")),
    )


def upstream(version: str) -> str:
    """A package's version as its maker counts it: `580.95.05` of `1:580.95.05-0ubuntu1`."""
    return version.partition(":")[2].partition("-")[0] if ":" in version else version.partition("-")[0]


def _gpu(reader: Reader, word: str) -> Gpu:
    address, *ids = word.split("/")
    if len(ids) != 4 or not all(re.fullmatch("[0-9a-f]{4}", part) for part in ids[:2]):
        raise reader.error("gpus", f"is no PCI device: `{word[:40]}`")
    vendor, device, subsystem, driver = ids
    return Gpu(address[:20], vendor, device, subsystem if re.fullmatch("[0-9a-f]{4}", subsystem) else "", driver[:20])


def _package(word: str) -> Package:
    name, version, want = word.split("/")
    return Package(name, version, want == "hold")


def _source(reader: Reader, is_there: bool, packages: tuple[Package, ...]) -> str:
    if reader.flag("nvidia.windows"):
        return "windows"
    if reader.flag("nvidia.runfile"):
        return "runfile"
    if any(_is_driver(package.name) for package in packages):
        return "packages"
    return "other" if is_there else ""


def _is_driver(name: str) -> bool:
    """A package that brings the kernel module, or pulls it in; parts of a driver stay behind when it is removed."""
    return bool(_DRIVER_PACKAGE.match(name))


def _fabric(packages: tuple[Package, ...]) -> str:
    found = [package.version for package in packages if package.name.startswith("nvidia-fabricmanager")]
    return upstream(found[0]) if found else "unknown"


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""
