"""What an environment wants of its computer: cards, by its definition, and rest when nobody works, by the settings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from ez.build.definition import Definition
from ez.build.graph import Files, MkFileAction, Run, base_image, walk
from ez.compute.engine_settings import CDI_BY_ITSELF, FIRST_WITH_CDI
from ez.compute.facts import Facts
from ez.compute.need import DEALLOCATE, POWER_OFF, SUSPEND, GpuNeed, IdleNeed, Need
from ez.compute.nvidia.cards import Version
from ez.compute.nvidia.steps import gpu_steps
from ez.config import Settings
from ez.errors import ConfigError, UsageError
from ez.names import shown
from ez.state import State

_LARGEST_FILE = 1_000_000
_LEAST_MINUTES, _MOST_MINUTES = 5, 10_080
_PINS = re.compile(r"(requirements[\w.-]*\.(txt|in)|environment\.ya?ml|pyproject\.toml|[\w.-]*\.lock)", re.ASCII)

# Images whose own program refuses a driver that does not know their CUDA (NVIDIA_REQUIRE_CUDA).
_IMAGE = re.compile(r"(?:^|/)nvidia/cuda:(\d{1,2})\.(\d{1,2})(?=[.-]|$)", re.ASCII)

# Packages that a CUDA comes with: wheels by their local version or PyTorch's index, NVIDIA's own, and conda's.
_WHEELS = (
    re.compile(r"[\w.-]+==[\w.]+\+cu(?P<major>\d{2})(?P<minor>\d)\b", re.ASCII),
    re.compile(r"/whl/cu(?P<major>\d{2})(?P<minor>\d)\b", re.ASCII),
    re.compile(r"\bnvidia-cuda-runtime(?:-cu\d{2})?==(?P<major>\d{2})\.(?P<minor>\d{1,2})\b", re.ASCII),
    re.compile(r"\b(?:cudatoolkit|pytorch-cuda|cuda-version)==?(?P<major>\d{2})\.(?P<minor>\d{1,2})\b", re.ASCII),
)


def gpu_need(definition: Definition) -> GpuNeed | None:
    """None for a definition that asks for no cards. Their absence is no error; a CUDA that does not fit them is."""
    if not definition.runtime.gpus:
        return None
    image = base_image(definition.state)
    if image is not None and (found := _IMAGE.search(image.reference)):
        return GpuNeed(cuda=(int(found[1]), int(found[2])), reason=image.reference)
    newest: tuple[Version, str] = max(_wheels(definition), default=((0, 0), ""))
    return GpuNeed(cuda=newest[0] if newest[1] else None, reason=newest[1], exact=False)


def gives_by_cdi(facts: Facts) -> bool:
    """Whether containers get cards as CDI devices, which they keep when systemd reloads its units; else by `--gpus`."""
    engine = facts.engine
    if not facts.nvidia.cdi or engine.release < FIRST_WITH_CDI:
        return False
    return engine.release >= CDI_BY_ITSELF or _is_on(engine.settings or "")


def why_no_cards(facts: Facts) -> str:
    """Why containers cannot have the computer's cards, or what would change that; empty where it has none."""
    cards = gpu_steps(facts, Need(gpu=GpuNeed()))
    if cards.refusal is not None:
        return f": {cards.refusal.what} ({cards.refusal.hint})"
    return (
        f" (ez compute prepare {facts.computer} --gpu)" if cards.usable else "".join(f": {one}" for one in cards.notes)
    )


def asked_gpu(gpu: bool | None, cuda: str | None) -> GpuNeed | None:
    """What a person asks for with `--gpu` and `--cuda`, None where that is nothing. Raises UsageError."""
    if cuda is None:
        return GpuNeed(required=True) if gpu else None
    if gpu is False:
        raise UsageError("`--cuda` is for cards that `--no-gpu` leaves alone", "leave one of the two out")
    found = re.fullmatch(r"(\d{1,2})\.(\d{1,2})(\.\d{1,3})?", cuda, re.ASCII)
    if found is None:
        raise UsageError(f"`--cuda` is no version: `{shown(cuda)}`", "write it as --cuda 12.4")
    return GpuNeed(required=True, cuda=(int(found[1]), int(found[2])), reason="--cuda")


def idle_need(settings: Settings) -> IdleNeed | None:
    """None where nothing is said of it. Raises ConfigError."""
    after, action = settings.text("idle.after"), settings.text("idle.action")
    if action not in (SUSPEND, POWER_OFF):
        raise ConfigError(f"`idle.action` is {SUSPEND} or {POWER_OFF}: `{action}`", "ez config set idle.action suspend")
    if after in ("", "off"):
        return IdleNeed(0, action) if after else None
    if not (after.isascii() and after.isdigit() and _LEAST_MINUTES <= int(after[:6]) <= _MOST_MINUTES):
        what = f"`idle.after` is a number of minutes from {_LEAST_MINUTES} to {_MOST_MINUTES}, or off: `{after}`"
        raise ConfigError(what, "ez config set idle.after 60")
    return IdleNeed(int(after), action)


def idle_of(settings: Settings, state: State, computer: str) -> IdleNeed | None:
    """The same for a computer: a machine of a cloud stops as it was made to, whatever the settings say of others."""
    record = state.machines.named(computer)
    return idle_need(settings) if record is None else IdleNeed(record.idle_minutes, DEALLOCATE, int(record.expires))


def _wheels(definition: Definition) -> Iterator[tuple[Version, str]]:
    """Every CUDA that a package is pinned to, and the words that say so."""
    for text in _texts(definition):
        for pattern in _WHEELS:
            for found in pattern.finditer(text):
                yield (int(found["major"]), int(found["minor"])), found[0].lstrip("/")


def _texts(definition: Definition) -> Iterator[str]:
    """What steps run and write, and the files of the repo that packages are pinned in."""
    for state in walk(definition.state):
        if isinstance(state, Run):
            yield " ".join((*state.argv, *(value for _, value in state.env)))
        elif isinstance(state, Files):
            yield from (
                action.data.decode("utf-8", "replace") for action in state.actions if isinstance(action, MkFileAction)
            )
    for name in definition.inputs:
        path = Path(definition.context, name)
        if _PINS.fullmatch(path.name) and path.is_file() and path.stat().st_size <= _LARGEST_FILE:
            yield path.read_text("utf-8", "replace")


def _is_on(settings: str) -> bool:
    try:
        found = json.loads(settings or "{}")
    except (ValueError, RecursionError):
        return False
    features = found.get("features") if isinstance(found, dict) else None
    return isinstance(features, dict) and features.get("cdi") is True
