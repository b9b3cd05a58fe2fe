"""Whether a size's cards can do what an environment wants of them, before there is a machine that costs money."""

from __future__ import annotations

from functools import cache

from ez.compute.need import GpuNeed
from ez.compute.nvidia.choose import Choice, Machine, Refusal, choose
from ez.compute.nvidia.found import NVIDIA, Gpu
from ez.compute.sizes.words import is_nvidia
from ez.providers.base import Size

SYSTEM = Machine("ubuntu 24.04", "x86_64", "Ubuntu 24.04 LTS")
"""What the machines of clouds are made with; which drivers it can get is the question."""

_DEVICES = {
    "M60": "13f2",
    "V100": "1db4",
    "V100-32GB": "1db5",
    "T4": "1eb8",
    "T4g": "1eb4",
    "A100-40GB": "20b0",
    "A100-80GB": "20b5",
    "A10": "2236",
    "A10G": "2237",
    "L4": "27b8",
    "L40S": "26b9",
    "H100": "2330",
    "H100-NVL": "2321",
    "H200": "2335",
    "B200": "2901",
    "GB200": "2941",
    "RTX PRO 6000": "2bb5",
}
"""What catalogues call NVIDIA's cards -> their PCI device ids (pci.ids)."""

_PARTS = {("aws", "L4"): "1733"}
"""The subsystem of a card that a cloud gives parts of, where it is another one than that of the whole card."""


@cache
def misfit(size: Size, need: GpuNeed) -> Refusal | None:
    """Why the cards of that size cannot do what is wanted; None if they can, if it has none, or if nobody can tell."""
    if not size.gpu:
        return None
    if not is_nvidia(size):
        return Refusal(f"its {size.gpu} is not NVIDIA's", "choose a size with a card of NVIDIA", mismatch=True)
    device = _DEVICES.get(size.gpu)
    if device is None:
        return None
    subsystem = _PARTS.get((size.provider, size.gpu), "") if size.gpu_count < 1 else ""
    machine = Machine(SYSTEM.system, size.architecture.replace("arm64", "aarch64"), SYSTEM.name, cloud=size.provider)
    found = choose((Gpu("", NVIDIA, device, subsystem),), need, machine, {})
    return None if isinstance(found, Choice) else found
