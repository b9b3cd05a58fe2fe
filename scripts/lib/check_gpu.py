"""scripts/check-gpu: what ez knows of this machine's NVIDIA cards, held against what their driver says."""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from ez.compute.facts import Facts, facts
from ez.compute.need import GpuNeed, Need
from ez.compute.nvidia.branches import all_branches
from ez.compute.nvidia.cards import card, cards
from ez.compute.plan import plan
from ez.errors import EzError
from ez.ssh.local import LocalHost

_QUERY = "index,uuid,name,memory.total,driver_version,compute_cap,pci.bus_id,persistence_mode"
_NOT_READY = 802
"""cudaErrorSystemNotReady: the fabric manager is missing."""


@dataclass(frozen=True)
class Finding:
    """`verdict`: `ok`, `differs` (something that ez should know better), or `not tried`, for what could not be."""

    what: str
    saw: str
    verdict: str = "ok"


def main() -> int:
    arguments = _parse()
    if arguments.change:
        subprocess.run([sys.executable, "-m", "ez", "compute", "prepare", "local"], check=False)
    host = LocalHost(environment=os.environ, home=Path.home())
    findings = list(_findings(host))
    if arguments.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            print(f"{finding.verdict:9}  {finding.what:26}  {finding.saw}")
    return int(any(finding.verdict == "differs" for finding in findings))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/check-gpu", description="ez and a real NVIDIA card.")
    parser.add_argument("--change", action="store_true", help="make this machine ready first")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _findings(host: LocalHost) -> Iterator[Finding]:
    found = facts(host)
    nvidia = found.nvidia
    yield Finding(
        "system", f"{found.os.name}, kernel {found.kernel}, {found.arch}, {found.place}, {found.cloud or 'no cloud'}"
    )
    rows = _driver_rows()
    yield from _detection(found, rows)
    yield Finding("driver", f"{nvidia.driver or 'none'} {nvidia.flavour} {nvidia.source}".strip())
    yield from _tables(found, rows)
    yield from _cuda(found, rows)
    yield Finding("container toolkit", nvidia.toolkit or "none", "ok" if nvidia.toolkit else "not tried")
    yield Finding("CDI", "names this driver" if nvidia.cdi else "no specification of this driver")
    yield Finding("engine", f"{found.engine.version or 'none'} ({found.engine.state})")
    yield _plan(found)
    yield from _container(found, rows)


def _driver_rows() -> list[list[str]]:
    """What nvidia-smi says of each card, in the order of `_QUERY`."""
    if not shutil.which("nvidia-smi"):
        return []
    command = ["nvidia-smi", f"--query-gpu={_QUERY}", "--format=csv,noheader,nounits"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return (
        [[cell.strip() for cell in line.split(",")] for line in done.stdout.splitlines()] if not done.returncode else []
    )


def _detection(found: Facts, rows: list[list[str]]) -> Iterator[Finding]:
    own = cards(found.gpus)
    for gpu in own:
        known = card(gpu)
        saw = f"10de:{gpu.device}:{gpu.subsystem} {known.title}, driver {gpu.driver or 'none'}"
        yield Finding(f"PCI {gpu.address}", saw, "ok" if known.known else "differs")
    if not rows:
        yield Finding("nvidia-smi", "no card", "not tried" if not own else "differs")
        return
    yield Finding("cards", f"{len(own)} on the PCI bus, {len(rows)} by nvidia-smi", _same(len(own) == len(rows)))
    if found.nvidia.driver:
        yield Finding(
            "version",
            f"{found.nvidia.driver} by ez, {rows[0][4]} by nvidia-smi",
            _same(found.nvidia.driver == rows[0][4]),
        )


def _tables(found: Facts, rows: list[list[str]]) -> Iterator[Finding]:
    """The card table against what the driver tells of the card at the same address."""
    said = {row[6].lower()[-12:]: row for row in rows}
    for gpu in cards(found.gpus):
        row, known = said.get(gpu.address[-12:]), card(gpu)
        if row is None:
            yield Finding(f"table, {gpu.address}", "nvidia-smi does not tell of it", "not tried")
            continue
        name = known.name.removeprefix("a ").removesuffix(" card")
        yield Finding(
            f"table, {gpu.address}",
            f"{known.capability} ({name}) by ez, {row[5]} ({row[2]}) by nvidia-smi",
            _same(known.capability == row[5]),
        )
        flavours = {"open": {"open"}, "closed": {"proprietary"}, "either": {"open", "proprietary"}}[known.modules]
        if found.nvidia.flavour:
            yield Finding(
                f"module, {gpu.address}",
                f"{found.nvidia.flavour} runs, ez would take {' or '.join(sorted(flavours))}",
                _same(found.nvidia.flavour in flavours),
            )


def _cuda(found: Facts, rows: list[list[str]]) -> Iterator[Finding]:
    """The driver's own library: does CUDA start, with how many cards, and which version is it."""
    try:
        library = ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        yield Finding("cuInit", str(error), "not tried")
        return
    code, count, version = library.cuInit(0), ctypes.c_int(), ctypes.c_int()
    about = " (no fabric manager)" if code == _NOT_READY else ""
    yield Finding("cuInit", f"{code}{about}", _same(code == 0))
    if code:
        return
    library.cuDeviceGetCount(ctypes.byref(count))
    yield Finding("cuDeviceGetCount", f"{count.value}, nvidia-smi has {len(rows)}", _same(count.value == len(rows)))
    library.cuDriverGetVersion(ctypes.byref(version))
    says = (version.value // 1000, version.value % 1000 // 10)
    branch = int((found.nvidia.driver or (rows[0][4] if rows else "0")).partition(".")[0])
    ours = next((one.cuda for one in all_branches() if one.number == branch), None)
    written = ".".join(map(str, ours)) if ours else "nothing"
    yield Finding(
        "CUDA of the driver",
        f"{says[0]}.{says[1]} by the driver, {written} by ez for branch {branch}",
        _same(ours == says),
    )


def _plan(found: Facts) -> Finding:
    try:
        steps = plan(found, Need(gpu=GpuNeed(required=True)))
    except EzError as error:
        return Finding("plan", f"refused: {error.message}")
    return Finding("plan", ", ".join(step.id for step in steps) or "nothing to do")


def _container(found: Facts, rows: list[list[str]]) -> Iterator[Finding]:
    """A container of an image that is there, with all cards; ez's own proof is a step of its plan."""
    proof = found.nvidia.proof
    yield Finding("proof by ez", f"with driver {proof}" if proof else "none yet", "ok" if proof else "not tried")
    if found.engine.state != "user" or not found.nvidia.toolkit:
        return
    done = subprocess.run(["docker", "images", "--quiet", "ez/gpu-proof"], capture_output=True, text=True, check=False)
    image = done.stdout.split()
    if not image:
        return
    flags = ["--device", "nvidia.com/gpu=all"] if found.nvidia.cdi else ["--gpus", "all"]
    command = ["docker", "run", "--rm", *flags, image[0], "nvidia-smi", "-L"]
    seen = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    saw = seen.stdout.strip().replace("\n", "; ") or seen.stderr.strip().splitlines()[-1]
    yield Finding("container", saw, _same(seen.stdout.count("UUID") == len(rows)))


def _same(agrees: bool) -> str:
    return "ok" if agrees else "differs"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except EzError as error:
        print(f"error: {error.message}\n\nhint: {error.hint}", file=sys.stderr)
        sys.exit(1)
