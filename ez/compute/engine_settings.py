"""The engine's daemon.json: what ez wants in it, merged with what is there."""

from __future__ import annotations

import json
from typing import Any

from ez.compute.facts import Facts
from ez.compute.need import Need
from ez.errors import PrepareError

FIRST_WITH_CDI = (25, 0)
"""The first release that gives devices to containers by CDI, where `features.cdi` is on."""

CDI_BY_ITSELF = (28, 3)
"""The first that has it on by itself (docs.docker.com/reference/cli/dockerd, CDI)."""

LEAST_CACHE, MOST_CACHE = 5, 200
"""GB of build cache that are never cleared away: between these a quarter of the disk."""

_LISTS = ("registry-mirrors", "insecure-registries")
_TABLES = ("features", "runtimes", "builder", "log-opts")


def engine_settings(facts: Facts, need: Need, *, gpu: bool) -> tuple[tuple[str, str], ...]:
    """daemon.json, the text that it was made from, and what is new in it; nothing where it is as it should be.

    An engine that ez installs gets its store, limits and mirror; one that is there only what it lacks for cards, if
    `gpu`. What somebody wrote there stays. Raises PrepareError where it has to be changed and is not understood, and
    where an engine that ez installs could not start with it.
    """
    fresh = facts.engine.state == "absent"
    mirror = dict(need.network.mirrors).get("registry", "") if fresh else ""
    if (fresh or gpu) and (mistake := _mistake(facts.engine.settings)):
        _refuse(facts, f"the engine's settings are {mistake}", is_mirror=False)
    present = _read(facts.engine.settings)
    if present is None:
        if mirror or gpu:
            what = "the registry mirror" if mirror else "what NVIDIA cards need"
            _refuse(facts, f"the engine's settings cannot be merged with {what}", is_mirror=bool(mirror))
        return ()
    settings = present
    if fresh:
        settings = _with_mirror(_of_a_new_engine(settings, facts.disk.images), mirror)
    if gpu:
        settings = _with_cards(settings, facts.engine.release if not fresh else FIRST_WITH_CDI)
    if settings == present:
        return ()
    return (
        ("daemon.json", json.dumps(settings, indent=2) + "\n"),
        ("daemon.json.before", facts.engine.settings or ""),
        ("daemon.json.added", "".join(f"{line}\n" for line in _added(present, settings))),
    )


def _of_a_new_engine(settings: dict[str, Any], disk: int) -> dict[str, Any]:
    """`disk`: bytes that images may take. Engines that know no image store but their own pass over that feature."""
    added: dict[str, Any] = {}
    if not {"log-driver", "log-opts"} & settings.keys():
        added |= {"log-driver": "json-file", "log-opts": {"max-size": "50m", "max-file": "3"}}
    if "builder" not in settings:
        cache = min(max(disk // 4_000_000_000, LEAST_CACHE), MOST_CACHE)
        added["builder"] = {"gc": {"enabled": True, "defaultKeepStorage": f"{cache}GB"}}
    # The containerd image store has drivers of its own, and no user namespaces.
    if not {"storage-driver", "userns-remap"} & settings.keys():
        added["features"] = {"containerd-snapshotter": True, **settings.get("features", {})}
    return {**settings, **added}


def _with_mirror(settings: dict[str, Any], mirror: str) -> dict[str, Any]:
    mirrors = settings.get("registry-mirrors", [])
    if not mirror or mirror in mirrors:
        return settings
    merged = {**settings, "registry-mirrors": [mirror, *mirrors]}
    if mirror.startswith("http://"):
        # For builds Docker 20.10 takes a mirror's scheme from here alone (moby's daemon.RegistryHosts).
        merged["insecure-registries"] = [mirror.rstrip("/"), *settings.get("insecure-registries", [])]
    return merged


def _with_cards(settings: dict[str, Any], release: tuple[int, int]) -> dict[str, Any]:
    """`release` of the engine, (0, 0) while it does not run: then nothing is decided yet."""
    if release == (0, 0) or release >= CDI_BY_ITSELF:
        return settings
    if release >= FIRST_WITH_CDI:
        return {**settings, "features": {"cdi": True, **settings.get("features", {})}}
    runtime = {"path": "nvidia-container-runtime", "runtimeArgs": []}
    return {**settings, "runtimes": {"nvidia": runtime, **settings.get("runtimes", {})}}


def _added(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What people are shown: the rest of the file may hold a proxy's password."""
    lines = []
    for key, value in after.items():
        old = before.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            lines += [f"{key}.{line}" for line in _added(old, value)]
        elif isinstance(value, list) and isinstance(old, list):
            lines += [f"{key}: {json.dumps(entry)}" for entry in value if entry not in old]
        elif value != old:
            lines.append(f"{key}: {json.dumps(value)}")
    return lines


def _mistake(text: str | None) -> str:
    """What is wrong with the file for every engine, empty for nothing."""
    try:
        _parsed(text or "")
    except json.JSONDecodeError as error:
        return f"no JSON (line {error.lineno}: {error.msg})"
    except RecursionError:
        return "no settings of an engine"
    return ""


def _read(text: str | None) -> dict[str, Any] | None:
    """None for a file that cannot be read or merged."""
    try:
        settings = _parsed(text) if text is not None else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(settings, dict):
        return None
    lists = all(isinstance(settings.get(name, []), list) for name in _LISTS)
    tables = all(isinstance(settings.get(name, {}), dict) for name in _TABLES)
    return settings if lists and tables else None


def _parsed(text: str) -> Any:
    """Of an empty file engines start as without one."""
    return json.loads(text if text.strip() else "{}")


def _refuse(facts: Facts, what: str, *, is_mirror: bool) -> None:
    hint = "correct that file" if facts.engine.settings is not None else "make it readable, and shorter than 2800 bytes"
    raise PrepareError(
        f"{what}: `/etc/docker/daemon.json` on `{facts.computer}`",
        f"{hint}, or unset `mirrors.registry`" if is_mirror else hint,
    )
