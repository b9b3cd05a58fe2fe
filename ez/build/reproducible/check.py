"""The same image from the same description: steps are told one moment as their time, and two images are compared.

Where the engine can rewrite times (BuildKit 0.13 and later in an engine with the containerd image store, and a
standalone one) a moment for the whole build makes two builds of locked inputs equal to the byte. Docker's older image
store keeps the times at which steps wrote their files; there the comparison says so for each of them.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from ez.build.definition import Definition
from ez.build.engines.address import Address
from ez.build.explain.parts import is_own
from ez.build.graph import Run, State
from ez.build.lock.rewrite import rewrite
from ez.build.reproducible.layers import ImageContents, LayerFiles, read_image, remove_image
from ez.build.reproducible.likely import likely_reason
from ez.models import Image

EPOCH = "SOURCE_DATE_EPOCH"
"""The variable by which programs take a moment for the current time (reproducible-builds.org)."""

APART = 1.1
"""Seconds from the begin of one build to that of the next, so that what a step has from a clock of seconds differs."""

MOST_FILES = 1000
"""Files of a layer that are told; the rest is a number."""


@dataclass(frozen=True)
class FileDifference:
    """A path whose entries differ in `what` (`contents`, `time`, `mode`, `owner`, `kind`, `link`, `only in the first`,
    `only in the second`), with a likely reason."""

    path: str
    what: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class LayerDifference:
    """A layer that differs: its number from 0, what made it, the first files that differ and how many do."""

    number: int
    made_by: str
    files: tuple[FileDifference, ...]
    count: int


@dataclass(frozen=True)
class Comparison:
    """Two builds of one description. `settings` are the keys of the image configuration that differ."""

    first: str
    second: str
    layers: tuple[LayerDifference, ...] = ()
    settings: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        return self.first == self.second

    @property
    def only_times(self) -> bool:
        """Whether nothing differs but when files were written, which an engine that can rewrite times would mend."""
        files = [file for layer in self.layers for file in layer.files]
        return bool(files) and all(file.what == ("time",) for file in files)


BuildOnce = Callable[[Definition, Address, str, str], Image]
"""`(definition, engine, reference, salt) -> Image`: a whole build, nothing of it from a cache."""


def check_reproducible(definition: Definition, first: Address, second: Address, build: BuildOnce) -> Comparison:
    """Build `definition` twice, on two engines or on one, and tell what differs. The images are removed again.

    The second build begins `APART` after the first or later. Processes, machine names and the `salt` differ, too.

    Engines are compared whose image store is of one kind: the ids mean different things in the two. Raises what `build`
    raises, and EngineError where an image cannot be read.
    """
    name = f"ez-check/{secrets.token_hex(6)}"
    references = (f"{name}:first", f"{name}:second")
    try:
        images = []
        for engine, reference in zip((first, second), references, strict=True):
            began = time.monotonic()
            images.append(build(definition, engine, reference, secrets.token_hex(8)))
            if len(images) == 1:
                time.sleep(max(0.0, began + APART - time.monotonic()))
        if images[0].id == images[1].id:
            return Comparison(images[0].id, images[1].id)
        compared = compare_images((first, references[0]), (second, references[1]))
        return replace(compared, first=images[0].id, second=images[1].id)
    finally:
        for engine, reference in zip((first, second), references, strict=True):
            remove_image(engine, reference)


def compare_images(first: tuple[Address, str], second: tuple[Address, str]) -> Comparison:
    """What differs between two images, each named by its engine and its reference. Raises EngineError."""
    one, other = read_image(*first), read_image(*second)
    return Comparison(one.id, other.id, _layers(one, other), _settings(one, other))


def normalised(definition: Definition, timestamp: int) -> Definition:
    """`definition` with the moment `timestamp` (Unix seconds) told to the steps of the person's own commands.

    ez's own steps have a fixed one, so that a timestamp runs none of them again.
    """

    def change(state: State) -> State:
        if isinstance(state, Run) and not is_own(state.argv) and EPOCH not in dict(state.env):
            return replace(state, env=(*state.env, (EPOCH, str(timestamp))))
        return state

    return replace(definition, state=rewrite(definition.state, change))


def _layers(one: ImageContents, other: ImageContents) -> tuple[LayerDifference, ...]:
    found = []
    for number in range(max(len(one.layers), len(other.layers))):
        here = one.layers[number] if number < len(one.layers) else None
        there = other.layers[number] if number < len(other.layers) else None
        if here is None or there is None or here.digest != there.digest:
            differences = _files(here.files if here else {}, there.files if there else {})
            made_by = next((layer.made_by for layer in (here, there) if layer), "")
            found.append(LayerDifference(number, made_by, tuple(differences[:MOST_FILES]), len(differences)))
    return tuple(found)


def _files(one: LayerFiles, other: LayerFiles) -> list[FileDifference]:
    found = []
    for path in sorted({*one, *other}):
        here, there = one.get(path), other.get(path)
        if here is None or there is None:
            what: tuple[str, ...] = (f"only in the {'second' if here is None else 'first'}",)
        else:
            what = tuple(name for name in here if here[name] != there.get(name))
        if what:
            found.append(FileDifference(path, what, likely_reason(path, what)))
    return found


def _settings(one: ImageContents, other: ImageContents) -> tuple[str, ...]:
    names = sorted({*one.config, *other.config} - {"rootfs"})
    return tuple(name for name in names if one.config.get(name) != other.config.get(name))
