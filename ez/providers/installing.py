"""How ez was installed, and so how the SDK of a cloud is added to it."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ez.providers.wire import mapping

PROJECT = "ez-env"


def command(extra: str) -> str:
    """What a person types to have the SDK of `extra` beside this ez."""
    return command_for(extra, Path(sys.prefix), sys.executable, _origin(), has_pip=find_spec("pip") is not None)


def command_for(extra: str, prefix: Path, python: str, origin: Mapping[str, Any], *, has_pip: bool) -> str:
    """`prefix` is the environment that ez runs in, `origin` the `direct_url.json` of its installation, which is empty
    for one from a package index (packaging.python.org, "Recording the Direct URL Origin")."""
    source = _folder(origin)
    if source and prefix == source / ".venv" and (script := source / "scripts" / "install").is_file():
        return f"{shlex.quote(str(script))} --{extra}"
    wanted = shlex.quote(_requirement(extra, origin))
    if (prefix / "pipx_metadata.json").is_file():
        return f"pipx install --force {wanted}"
    if (prefix / "uv-receipt.toml").is_file():
        return f"uv tool install --force {wanted}"
    how = f"{shlex.quote(python)} -m pip install" if has_pip else f"uv pip install --python {shlex.quote(python)}"
    editable = mapping(origin.get("dir_info")).get("editable") is True
    return f"{how} --editable {shlex.quote(f'{source}[{extra}]')}" if editable and source else f"{how} {wanted}"


def _origin() -> Mapping[str, Any]:
    try:
        return mapping(json.loads(distribution(PROJECT).read_text("direct_url.json") or "{}"))
    except (PackageNotFoundError, OSError, ValueError):
        return {}


def _folder(origin: Mapping[str, Any]) -> Path | None:
    """Where ez's own folder is, if it was installed from one."""
    address = urlsplit(str(origin.get("url") or ""))
    return Path(unquote(address.path)) if address.scheme == "file" and "dir_info" in origin else None


def _requirement(extra: str, origin: Mapping[str, Any]) -> str:
    """As pip, pipx and uv take it."""
    url, repository = str(origin.get("url") or ""), mapping(origin.get("vcs_info"))
    if not url:
        return f"{PROJECT}[{extra}]"
    if repository:
        url = f"{repository.get('vcs', 'git')}+{url}@{repository.get('commit_id', 'HEAD')}"
    return f"{PROJECT}[{extra}] @ {url}"
