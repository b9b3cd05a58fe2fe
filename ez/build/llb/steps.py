"""Build steps: what `Run` becomes, with the environment it inherits and what its surroundings add."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import Any

from ez.build.buildkit.messages import llb
from ez.build.graph import (
    BindMount,
    CacheMount,
    Mount,
    Run,
    SecretMount,
    SecretVariable,
    SshMount,
    TmpfsMount,
)
from ez.build.llb.encoding import EMPTY, Inputs, Operation, encode
from ez.build.llb.operations import OutputOf
from ez.build.llb.platform import Platform

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

Env = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Surroundings:
    """What every step with network gets and no image keeps: proxies, variables, and files as secret mounts.

    A variable that the base image or the step sets itself is left alone.
    """

    env: Env = ()
    secrets: tuple[SecretMount, ...] = ()
    http_proxy: str = ""
    https_proxy: str = ""
    no_proxy: str = ""


NOTHING = Surroundings()


@dataclass(frozen=True)
class Base:
    """What steps inherit from the image they grow from: its variables, and what surrounds them because of it."""

    env: Env = ()
    surroundings: Surroundings = NOTHING


NO_BASE = Base()


def step(run: Run, output_of: OutputOf, *, base: Base, salt: str, platform: Platform) -> Operation:
    """A step. A `salt` makes it another step to the cache; unlike `ignore_cache` it leaves cache mounts alone."""
    around = base.surroundings if run.network else NOTHING
    env = step_env(run, base.env, around)
    if salt:
        env["EZ_REBUILD"] = salt
    inputs = Inputs()
    mounts = _mounts(run, around.secrets, platform, inputs, output_of)
    meta = llb.Meta(
        args=run.argv,
        env=[f"{name}={value}" for name, value in env.items()],
        cwd=run.cwd or "/",
        user=run.user,
        proxy_env=_proxy(around),
        remove_mount_stubs_recursive=True,
    )
    network = 0 if run.network else 2
    secrets = [
        llb.SecretEnv(id=variable.id, name=variable.name, optional=variable.optional)
        for variable in run.mounts
        if isinstance(variable, SecretVariable)
    ]
    body = llb.ExecOp(meta=meta, mounts=mounts, network=network, secretenv=secrets)
    return Operation(encode("exec", body, inputs.messages(), platform.message()), _capabilities(run, around))


def step_env(run: Run, base_env: Env, around: Surroundings) -> dict[str, str]:
    """The step's variables: the base image's, then what the surroundings add, then its own on top."""
    env = dict(_variables(around.env, base_env, run.env, run.path))
    for mount in run.mounts:
        if isinstance(mount, SshMount):
            env["SSH_AUTH_SOCK"] = mount.target
    return env


def cache_id(mount: CacheMount, platform: Platform) -> str:
    """How an engine knows a cache: no two architectures ever share one."""
    return f"{mount.id}-{platform.os}-{platform.architecture}{platform.variant}"


@lru_cache(maxsize=64)
def _variables(around: Env, base: Env, own: Env, path: tuple[str, ...]) -> dict[str, str]:
    """Most steps of a definition have the same ones."""
    return with_path(merge_env(merge_env(around, base), own), path)


def merge_env(below: Iterable[tuple[str, str]], above: Iterable[tuple[str, str]]) -> Env:
    return tuple({**dict(below), **dict(above)}.items())


def with_path(env: Env, entries: tuple[str, ...]) -> dict[str, str]:
    """`env` with `entries` before its PATH; always with a PATH."""
    merged = dict(env)
    merged["PATH"] = ":".join((*entries, merged.get("PATH") or DEFAULT_PATH))
    return merged


Mounted = BindMount | CacheMount | SecretMount | SshMount | TmpfsMount


def _mounts(
    run: Run, secrets: tuple[SecretMount, ...], platform: Platform, inputs: Inputs, output_of: OutputOf
) -> list[Any]:
    """All mounts in the order official clients use: root and other directories by path, secrets, agent sockets."""
    root = llb.Mount(input=inputs.number(output_of(run.base)), dest="/", output=0)
    directories = [mount for mount in run.mounts if isinstance(mount, BindMount | CacheMount | TmpfsMount)]
    sockets = [mount for mount in run.mounts if isinstance(mount, SshMount)]
    hidden = [mount for mount in run.mounts if isinstance(mount, SecretMount)]
    ordered: list[Mounted] = [
        *sorted(directories, key=lambda mount: mount.target.encode()),
        *hidden,
        *secrets,
        *sockets,
    ]
    outputs = count(1)
    return [root, *(_mount(mount, platform, inputs, output_of, outputs) for mount in ordered)]


def _mount(mount: Mounted, platform: Platform, inputs: Inputs, output_of: OutputOf, outputs: Iterator[int]) -> Any:
    match mount:
        case BindMount():
            return llb.Mount(
                input=inputs.number(output_of(mount.source)),
                dest=mount.target,
                selector=mount.selector,
                readonly=mount.readonly,
                output=EMPTY if mount.by_content else next(outputs),
            )
        case CacheMount():
            cache = llb.CacheOpt(id=cache_id(mount, platform), sharing=mount.sharing.value)
            initial = mount.initial
            return llb.Mount(
                input=EMPTY if initial is None else inputs.number(output_of(initial)),
                selector="" if initial is None else "/cache",
                dest=mount.target,
                output=EMPTY,
                mount_type=3,
                cache_opt=cache,
            )
        case SecretMount():
            secret = llb.SecretOpt(id=mount.id, uid=mount.uid, gid=mount.gid, mode=mount.mode, optional=mount.optional)
            return llb.Mount(input=EMPTY, dest=mount.target, output=EMPTY, mount_type=1, secret_opt=secret)
        case SshMount():
            agent = llb.SSHOpt(id=mount.id, mode=0o600)
            return llb.Mount(input=EMPTY, dest=mount.target, output=EMPTY, mount_type=2, ssh_opt=agent)
        case TmpfsMount():
            memory = llb.TmpfsOpt(size=mount.size) if mount.size else None
            return llb.Mount(input=EMPTY, dest=mount.target, output=EMPTY, mount_type=4, tmpfs_opt=memory)


def _proxy(around: Surroundings) -> Any:
    if not (around.http_proxy or around.https_proxy):
        return None
    return llb.ProxyEnv(http_proxy=around.http_proxy, https_proxy=around.https_proxy, no_proxy=around.no_proxy)


def _capabilities(run: Run, around: Surroundings) -> tuple[str, ...]:
    found = {"exec.meta.base", "exec.mount.bind"}
    if not run.network:
        found.add("exec.meta.network")
    if around.http_proxy or around.https_proxy:
        found.add("exec.meta.proxyenv")
    for mount in (*run.mounts, *around.secrets):
        found |= _mount_capabilities(mount)
    return tuple(sorted(found))


def _mount_capabilities(mount: Mount) -> set[str]:
    match mount:
        case BindMount():
            found = {"exec.mount.bind"}
            if mount.selector:
                found.add("exec.mount.selector")
            if not mount.readonly:
                found.add("exec.mount.bind.readwrite-nooutput")
            return found
        case CacheMount():
            found = {"exec.mount.cache", "exec.mount.cache.sharing"}
            return found | {"exec.mount.selector"} if mount.initial else found
        case SecretMount():
            return {"exec.mount.secret"}
        case SecretVariable():
            return {"exec.secretenv"}
        case SshMount():
            return {"exec.mount.ssh"}
        case TmpfsMount():
            return {"exec.mount.tmpfs", "exec.mount.tmpfs.size"} if mount.size else {"exec.mount.tmpfs"}
