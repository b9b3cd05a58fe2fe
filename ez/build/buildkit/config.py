"""Image configurations (the Docker and OCI image JSON): what a base image says, and what the built one is to say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ez.build.graph import ImageConfig
from ez.build.llb.platform import Platform
from ez.build.llb.steps import Env, merge_env, with_path


def env_of(config: Mapping[str, Any]) -> Env:
    """The variables an image sets."""
    pairs = (str(entry).partition("=") for entry in _section(config).get("Env") or ())
    return tuple((name, value) for name, _, value in pairs)


def built_config(
    base: Mapping[str, Any],
    config: ImageConfig,
    platform: Platform,
    labels: Mapping[str, str],
    timestamp: int | None = None,
) -> bytes:
    """`config` on top of `base`, with its history; the engine adds entries for the new layers itself.

    The image was made at `timestamp` (Unix seconds), None for whenever the engine says.
    """
    made: dict[str, Any] = {
        "architecture": base.get("architecture") or platform.architecture,
        "os": base.get("os") or platform.os,
        "config": _applied(_section(base), config, env_of(base), labels),
        "history": base.get("history") or [],
        "rootfs": {"type": "layers", "diff_ids": []},
    }
    if timestamp is not None:
        made["created"] = datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if variant := base.get("variant") or platform.variant:
        made["variant"] = variant
    return json.dumps(made, sort_keys=True).encode()


def _applied(section: Mapping[str, Any], config: ImageConfig, env: Env, labels: Mapping[str, str]) -> dict[str, Any]:
    made = dict(section)
    made["Env"] = [f"{name}={value}" for name, value in with_path(merge_env(env, config.env), config.path).items()]
    made["Labels"] = {**(section.get("Labels") or {}), **dict(config.labels), **labels}
    if config.user:
        made["User"] = config.user
    if config.workdir:
        made["WorkingDir"] = config.workdir
    if config.entrypoint:
        made["Entrypoint"] = list(config.entrypoint)
        made.pop("Cmd", None)
    if config.cmd:
        made["Cmd"] = list(config.cmd)
    if config.ports:
        made["ExposedPorts"] = {**(section.get("ExposedPorts") or {}), **{port: {} for port in config.ports}}
    return made


def _section(config: Mapping[str, Any]) -> Mapping[str, Any]:
    section = config.get("config")
    return section if isinstance(section, dict) else {}
