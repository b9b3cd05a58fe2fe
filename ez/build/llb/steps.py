"""Build steps: what `Run` becomes, with the environment it inherits and what its surroundings add."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ez.build.buildkit.messages import llb
from ez.build.graph import BindMount, CacheMount, Mount, Run, SecretMount, SshMount, TmpfsMount
from ez.build.llb.encoding import EMPTY, Inputs, encode
from ez.build.llb.operations import Operation, OutputOf

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


def step(run: Run, output_of: OutputOf, *, base: Base, salt: str, platform: Any) -> Operation:
    """A step. A `salt` makes it another step to the cache; unlike `ignore_cache` it leaves cache mounts alone."""
    around = base.surroundings if run.network else NOTHING
    env = step_env(run, base.env, around)
    if salt:
        env["EZ_REBUILD"] = salt
    inputs = Inputs()
    mounts = _mounts(run, around.secrets, inputs, output_of)
    meta = llb.Meta(
        args=run.argv,
        env=[f"{name}={value}" for name, value in env.items()],
        cwd=run.cwd or "/",
        user=run.user,
        proxy_env=_proxy(around),
        remove_mount_stubs_recursive=True,
    )
    network = 0 if run.network else 2
    body = llb.ExecOp(meta=meta, mounts=mounts, network=network)
    return Operation(encode("exec", body, inputs.messages(), platform), _capabilities(run, around))


def step_env(run: Run, base_env: Env, around: Surroundings) -> dict[str, str]:
    """The step's variables: the base image's, then what the surroundings add, then its own on top."""
    env = with_path(merge_env(merge_env(around.env, base_env), run.env), run.path)
    for mount in run.mounts:
        if isinstance(mount, SshMount):
            env["SSH_AUTH_SOCK"] = mount.target
    return env


def merge_env(below: Iterable[tuple[str, str]], above: Iterable[tuple[str, str]]) -> Env:
    return tuple({**dict(below), **dict(above)}.items())


def with_path(env: Env, entries: tuple[str, ...]) -> dict[str, str]:
    """`env` with `entries` before its PATH; always with a PATH."""
    merged = dict(env)
    merged["PATH"] = ":".join((*entries, merged.get("PATH") or DEFAULT_PATH))
    return merged


def _mounts(run: Run, secrets: tuple[SecretMount, ...], inputs: Inputs, output_of: OutputOf) -> list[Any]:
    """All mounts in the order official clients use: root and other directories by path, secrets, agent sockets."""
    root = llb.Mount(input=inputs.number(output_of(run.base)), dest="/", output=0)
    directories = [mount for mount in run.mounts if not isinstance(mount, SecretMount | SshMount)]
    sockets = [mount for mount in run.mounts if isinstance(mount, SshMount)]
    hidden = [mount for mount in run.mounts if isinstance(mount, SecretMount)]
    ordered: list[Mount] = [
        *sorted(directories, key=lambda mount: mount.target.encode()),
        *hidden,
        *secrets,
        *sockets,
    ]
    return [root, *(_mount(mount, inputs, output_of) for mount in ordered)]


def _mount(mount: Mount, inputs: Inputs, output_of: OutputOf) -> Any:
    match mount:
        case BindMount():
            return llb.Mount(
                input=inputs.number(output_of(mount.source)),
                dest=mount.target,
                selector=mount.selector,
                readonly=mount.readonly,
                output=EMPTY,
            )
        case CacheMount():
            cache = llb.CacheOpt(id=mount.id, sharing=mount.sharing.value)
            return llb.Mount(input=EMPTY, dest=mount.target, output=EMPTY, mount_type=3, cache_opt=cache)
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
            return {"exec.mount.cache", "exec.mount.cache.sharing"}
        case SecretMount():
            return {"exec.mount.secret"}
        case SshMount():
            return {"exec.mount.ssh"}
        case TmpfsMount():
            return {"exec.mount.tmpfs", "exec.mount.tmpfs.size"} if mount.size else {"exec.mount.tmpfs"}
