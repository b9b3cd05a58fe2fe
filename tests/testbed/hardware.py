"""What is in a `gpu` computer, and what goes wrong there: data for the programs of images/gpu."""

import hashlib
from dataclasses import dataclass

from .archive import Entry

KERNELS = ("current", "newer", "moved")


@dataclass(frozen=True)
class Card:
    """A device on the PCI bus. `modules`: the flavours of the kernel module that drive it, `open`, `proprietary`,
    `both`, or `grid` for a part of a card; `first` and `last` are driver branches (NVIDIA's supported-chips lists)."""

    name: str
    device: str
    subsystem: str = "0000"
    vendor: str = "10de"
    kind: str = "030200"
    memory: int = 0
    capability: str = "0.0"
    modules: str = "both"
    first: int = 450
    last: int = 999


NVSWITCH = Card("NVSwitch", "22a3", kind="068000")

CARDS = {
    "K80": Card("Tesla K80", "102d", "106c", memory=11441, capability="3.7", modules="proprietary", last=470),
    "M60": Card("Tesla M60", "13f2", "113a", memory=8192, capability="5.2", modules="proprietary", last=580),
    "P100": Card(
        "Tesla P100-PCIE-16GB", "15f8", "118f", memory=16384, capability="6.0", modules="proprietary", last=580
    ),
    "V100": Card(
        "Tesla V100-PCIE-16GB", "1db4", "1214", memory=16384, capability="7.0", modules="proprietary", last=580
    ),
    "T4": Card("Tesla T4", "1eb8", "12a2", memory=15360, capability="7.5"),
    "A100": Card("NVIDIA A100-SXM4-40GB", "20b0", "144e", memory=40960, capability="8.0"),
    "A10": Card("NVIDIA A10", "2236", "1482", memory=23028, capability="8.6", first=470),
    "A10-part": Card("NVIDIA A10-4Q", "2236", "14f4", memory=4096, capability="8.6", modules="grid", first=550),
    "L4": Card("NVIDIA L4", "27b8", "16ca", memory=23034, capability="8.9", first=525),
    "H100": Card("NVIDIA H100 80GB HBM3", "2330", "16c1", memory=81559, capability="9.0", first=525),
    "B200": Card("NVIDIA B200", "2901", "1999", memory=183359, capability="10.0", modules="open", first=570),
    "RTX-PRO-6000": Card(
        "NVIDIA RTX PRO 6000 Blackwell Server Edition",
        "2bb5",
        "204e",
        memory=97887,
        capability="12.0",
        modules="open",
        first=575,
    ),
    "MI300X": Card("AMD Instinct MI300X", "74a1", "74a1", vendor="1002", kind="120000"),
    "NVv4": Card("Radeon Instinct MI25 MxGPU", "686c", "0c35", vendor="1002", kind="030000"),
}
"""What `Hardware.cards` names."""

CLOUDS = {"azure": "Microsoft Corporation", "aws": "Amazon EC2", "google": "Google", "": "QEMU"}
"""What `Hardware.cloud` names -> the vendor that the firmware tells."""

FAULTS = (
    "dkms-build",  # Every build of a kernel module fails.
    "dkms-once",  # The next one does.
    "dkms-slow",  # A build takes 20 seconds longer: time to cut something off.
    "fabric",  # The fabric manager ends as it starts.
    "toolkit-cdi",  # The toolkit cannot write its specification.
)


@dataclass(frozen=True)
class Hardware:
    """What a `gpu` computer is made of.

    `kernel` says what the distribution's archive has beside the kernel that runs: `current` nothing else, `newer` a
    newer one too, `moved` the newer one alone, so that the headers of the one that runs are gone. `secure_boot` is
    None without EFI. `nouveau`: the kernel brings it along and loads it.
    """

    cards: tuple[str, ...] = ("T4",)
    switches: int = 0
    secure_boot: bool | None = False
    nouveau: bool = False
    kernel: str = "current"
    cloud: str = ""

    def files(self) -> list[Entry]:
        """What is on the computer's disk before its first start."""
        folder = "var/lib/testbed/hardware"
        archive = f"deb [signed-by=/usr/share/keyrings/testbed.gpg] file:/srv/kernel/{self.kernel} ./\n"
        found = [
            Entry(folder, None, 0o755),
            Entry("var/lib/testbed/faults", None, 0o755),
            Entry(f"{folder}/cards", "".join(self._lines())),
            Entry(f"{folder}/vendor", CLOUDS[self.cloud] + "\n"),
            Entry("etc/apt/sources.list.d/testbed.list", archive),
        ]
        if self.secure_boot is not None:
            found.append(Entry(f"{folder}/secure-boot", f"{int(self.secure_boot)}"))
        return [*found, Entry(f"{folder}/nouveau", "")] if self.nouveau else found

    def _lines(self) -> list[str]:
        cards = [*(CARDS[name] for name in self.cards), *[NVSWITCH] * self.switches]
        return [_line(f"0000:00:{number + 4:02x}.0", card) for number, card in enumerate(cards)]


def _line(address: str, card: Card) -> str:
    digest = hashlib.sha256(f"{address} {card.device}".encode()).hexdigest()
    uuid = f"GPU-{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"
    words = (address, card.vendor, card.device, card.subsystem, card.kind, uuid, card.memory, card.capability)
    return " ".join(map(str, (*words, card.modules, card.first, card.last, card.name))) + "\n"
