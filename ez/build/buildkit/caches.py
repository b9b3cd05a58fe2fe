"""Caches as BuildKit's entries, and the directories of this computer behind those that are local.

The engine knows a local cache by a name made of its path, never by the path.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ez.build.buildkit.gateway import CacheEntry
from ez.build.buildkit.session.content import Store
from ez.build.graph import ImageSource
from ez.build.llb.reference import normalise, registry_of
from ez.build.ocilayout import digest_of
from ez.build.order import Cache


@dataclass(frozen=True)
class Caches:
    """`imports` and `exports` for the engine, `stores` for the session, `written` the directories that are written to;
    `empty` are those to read that hold no cache."""

    imports: tuple[CacheEntry, ...]
    exports: tuple[CacheEntry, ...]
    stores: Mapping[str, Store]
    written: tuple[Path, ...]
    registries: frozenset[str]
    empty: tuple[str, ...]


def make_caches(cache_from: Sequence[Cache], cache_to: Sequence[Cache]) -> Caches:
    """Raises DefinitionError for a reference that is none."""
    stores: dict[str, Store] = {}
    empty, imports, written = [], [], []
    for cache in cache_from:
        attributes = _attributes(cache)
        if cache.kind == "local":
            folder = Path(attributes.pop("src"))
            name = attributes.pop("tag", "latest")
            digest = attributes.pop("digest", "") or digest_of(folder, name)
            if digest is None:
                empty.append(str(folder))
                continue
            stores[f"local:{_name(folder)}"] = Store(folder)
            attributes |= {"src": _name(folder), "digest": digest}
        imports.append((cache.kind, attributes))
    exports = []
    for cache in cache_to:
        attributes = _attributes(cache)
        if cache.kind == "local":
            folder = Path(attributes["dest"])
            stores[f"local:{_name(folder)}"] = Store(folder, writable=True)
            attributes["dest"] = _name(folder)
            written.append(folder)
        if cache.kind != "inline":
            attributes.setdefault("ignore-error", "true")
        exports.append((cache.kind, attributes))
    references = [cache.place for cache in (*cache_from, *cache_to) if cache.kind == "registry"]
    registries = frozenset(registry_of(normalise(ImageSource(reference))) for reference in references)
    return Caches(tuple(imports), tuple(exports), stores, tuple(written), registries, tuple(empty))


def _attributes(cache: Cache) -> dict[str, str]:
    attributes = dict(cache.attributes)
    if "ref" in attributes:
        attributes["ref"] = normalise(ImageSource(attributes["ref"]))
    return attributes


def _name(folder: Path) -> str:
    return hashlib.sha256(bytes(folder.resolve())).hexdigest()[:16]
