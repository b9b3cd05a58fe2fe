"""scripts/check-gpu: what ez knows of this machine's NVIDIA cards, held against what their driver says."""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import re
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
from ez.compute.nvidia.choose import dotted
from ez.compute.plan import plan
from ez.errors import EzError, PrepareError
from ez.ssh.local import LocalHost

_QUERY = "index,uuid,name,memory.total,driver_version,compute_cap,pci.bus_id,persistence_mode"
_NOT_READY = 802
"""cudaErrorSystemNotReady: the fabric manager is missing."""

_SECONDS = 120
"""How long nvidia-smi may take: without persistence, seconds for each card."""


@dataclass(frozen=True)
class Finding:
    """`verdict`: `ok`, `differs` (something that ez should know better), or `not tried`, for what could not be."""

    what: str
    saw: str
    verdict: str = "ok"


@dataclass(frozen=True)
class Smi:
    """What nvidia-smi says: of each card a row in the order of `_QUERY`, or why there is none."""

    rows: tuple[tuple[str, ...], ...] = ()
    trouble: str = ""


def main() -> int:
    arguments = _parse()
    made_ready = _make_ready() if arguments.change else 0
    found, smi = facts(LocalHost(environment=os.environ, home=Path.home())), _ask_driver()
    findings = list(_findings(found, smi))
    if arguments.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            print(f"{finding.verdict:9}  {finding.what:26}  {finding.saw}")
    if not cards(found.gpus) and not smi.rows:
        raise PrepareError("this machine has no NVIDIA card, so nothing was proven", "run it on a machine that has one")
    return int(bool(made_ready) or any(finding.verdict == "differs" for finding in findings))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/check-gpu", description="ez and a real NVIDIA card.")
    parser.add_argument("--change", action="store_true", help="make this machine ready first, and prove it anew")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    return parser.parse_args()


def _make_ready() -> int:
    """Its exit code. What it prints is talk here; `--repair` repeats the proof where one is there."""
    command = [sys.executable, "-m", "ez", "compute", "prepare", "local", "--gpu", "--repair", "--verbose"]
    return subprocess.run(command, stdout=sys.stderr, check=False).returncode


def _ask_driver() -> Smi:
    if not shutil.which("nvidia-smi"):
        return Smi(trouble="there is no nvidia-smi")
    command = ["nvidia-smi", f"--query-gpu={_QUERY}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Smi(trouble=str(error))
    rows = tuple(tuple(cell.strip() for cell in line.split(",")) for line in done.stdout.splitlines())
    if done.returncode or not all(len(row) == len(_QUERY.split(",")) for row in rows):
        said = (done.stdout or done.stderr).strip().splitlines()
        return Smi(trouble=f"{said[0] if said else 'it says nothing'} (exit code {done.returncode})")
    return Smi(rows)


def _findings(found: Facts, smi: Smi) -> Iterator[Finding]:
    nvidia = found.nvidia
    place = f"{found.arch}, {found.place}, {found.cloud or 'no cloud'}, Secure Boot {found.secure_boot}"
    yield Finding("system", f"{found.os.name}, kernel {found.kernel}, {place}")
    yield from _detection(found, smi)
    driver = f"{nvidia.driver} {nvidia.flavour}, from {nvidia.source}" if nvidia.driver else "none is loaded"
    yield Finding("driver", driver, _tried(bool(nvidia.driver or nvidia.source == "windows")))
    yield from _tables(found, smi)
    yield from _cuda(found, smi)
    yield Finding("container toolkit", nvidia.toolkit or "none", _tried(bool(nvidia.toolkit)))
    described = "names this driver" if nvidia.cdi else "no specification of this driver"
    yield Finding("CDI", described, _tried(nvidia.cdi))
    engine = f"{found.engine.version or 'none'} ({found.engine.state})"
    yield Finding("engine", engine, _tried(found.engine.state == "user"))
    yield _plan(found)
    yield _proof(found)


def _detection(found: Facts, smi: Smi) -> Iterator[Finding]:
    own, driver = cards(found.gpus), found.nvidia.driver
    for gpu in own:
        known = card(gpu)
        saw = f"10de:{gpu.device}:{gpu.subsystem} {known.title}, driver {gpu.driver or 'none'}"
        yield Finding(f"PCI {gpu.address}", saw, _same(known.known))
    if not smi.rows:
        # A driver that is loaded has to know of its cards.
        yield Finding("nvidia-smi", smi.trouble or "no card", "differs" if driver else "not tried")
        return
    # Under WSL the cards are not on Linux's PCI bus.
    counted = len(own) == len(smi.rows) or found.nvidia.source == "windows"
    yield Finding("cards", f"{len(own)} on the PCI bus, {len(smi.rows)} by nvidia-smi", _same(counted))
    if driver:
        version = smi.rows[0][4]
        yield Finding("version", f"{driver} by ez, {version} by nvidia-smi", _same(driver == version))


def _tables(found: Facts, smi: Smi) -> Iterator[Finding]:
    """The card table against what the driver tells of the card at the same address."""
    said = {row[6].lower()[-12:]: row for row in smi.rows}
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


def _cuda(found: Facts, smi: Smi) -> Iterator[Finding]:
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
    seen = f"{count.value}, nvidia-smi has {len(smi.rows)}"
    yield Finding("cuDeviceGetCount", seen, _same(count.value == len(smi.rows)))
    library.cuDriverGetVersion(ctypes.byref(version))
    says = (version.value // 1000, version.value % 1000 // 10)
    driver = found.nvidia.driver or (smi.rows[0][4] if smi.rows else "")
    branch = int(number[0]) if (number := re.match(r"\d+", driver, re.ASCII)) else 0
    ours = next((one.cuda for one in all_branches() if one.number == branch), None)
    yield Finding(
        "CUDA of the driver",
        f"{dotted(says)} by the driver, {dotted(ours) if ours else 'nothing'} by ez for branch {branch}",
        _same(ours == says),
    )


def _plan(found: Facts) -> Finding:
    try:
        steps = plan(found, Need(gpu=GpuNeed(required=True)))
    except EzError as error:
        return Finding("plan", f"refused: {error.message} ({error.hint})", "not tried")
    return Finding("plan", ", ".join(step.id for step in steps) or "nothing to do")


def _proof(found: Facts) -> Finding:
    """Of `ez compute prepare`: that a container saw all cards, and CUDA started in it."""
    nvidia = found.nvidia
    if nvidia.proof and nvidia.proof == nvidia.driver:
        return Finding("container", f"saw the cards with driver {nvidia.proof}, and CUDA started in it")
    older = f"with driver {nvidia.proof}, which does not run" if nvidia.proof else "none has been tried yet"
    return Finding("container", f"{older}: scripts/check-gpu --change", "not tried")


def _same(agrees: bool) -> str:
    return "ok" if agrees else "differs"


def _tried(there: bool) -> str:
    return "ok" if there else "not tried"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except EzError as error:
        print(f"error: {error.message}\n\nhint: {error.hint}", file=sys.stderr)
        sys.exit(1)
