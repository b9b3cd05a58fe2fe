"""Directories that outlive builds: what a tool downloads once serves every project of a computer.

An engine knows a cache by tool and platform (`ez/build/llb` adds the platform), so architectures never share. What
else tells files apart, the ABI, only the image knows: a step takes a directory of its own inside, named by it.

The mounts lie in a step's /dev/shm, memory that is gone with the step, and tools are told by variables. So a cache
hides nothing of the image, and not even an empty mount point of it stays behind.
"""

from __future__ import annotations

from dataclasses import dataclass

from ez.build.graph import CacheMount, Sharing, content_of

ROOT = "/dev/shm/ez-cache"
OWN = "ez-"
"""How the ids of ez's own caches begin, and no others."""

Env = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Cache:
    """`variables` are what `tool` reads, with a directory each below the mount. `abi` says what keeps files apart
    inside, by whom. `sharing` is LOCKED for tools that do not expect another of their kind beside them. A `spare`
    cache only saves time: what is in it is never what a command was run for.
    """

    tool: str
    variables: Env
    abi: str
    sharing: Sharing = Sharing.SHARED
    spare: bool = False

    @property
    def mount(self) -> CacheMount:
        return CacheMount(f"{ROOT}/{self.tool}", f"{OWN}{self.tool}", self.sharing)

    @property
    def env(self) -> Env:
        return self.env_below(f"{ROOT}/{self.tool}")

    def env_below(self, place: str) -> Env:
        return tuple((name, f"{place}/{directory}".rstrip("/")) for name, directory in self.variables)


APT = Cache("apt", (("EZ_APT_CACHE", ""),), "distribution, release, dpkg's architecture: by apt.sh", Sharing.LOCKED)
PIP = Cache("pip", (("PIP_CACHE_DIR", ""),), "distribution, release, Python's SOABI: by pip.sh", spare=True)
UV = Cache("uv", (("UV_CACHE_DIR", ""),), "distribution, release, Python's SOABI: by uv.sh", spare=True)
UV_PROGRAMS = Cache("uv-programs", (("EZ_UV_PROGRAMS", ""), ("UV_PYTHON_CACHE_DIR", "python")), "C library: by uv.sh")
CONDA = Cache("conda", (("CONDA_PKGS_DIRS", ""),), "none: packages carry it in their names", Sharing.LOCKED)
R = Cache("r", (("EZ_R_CACHE", ""),), "distribution, release, R's minor version: by r-packages.sh", Sharing.LOCKED)
DOWNLOADS = Cache("downloads", (("EZ_DOWNLOADS", ""),), "none: files by their checksums")

CACHES = (
    APT,
    PIP,
    UV,
    UV_PROGRAMS,
    CONDA,
    R,
    DOWNLOADS,
    Cache("npm", (("npm_config_cache", ""),), "none: what was built is not kept", spare=True),
    Cache("go-build", (("GOCACHE", ""),), "none: its keys hold Go's version and settings", spare=True),
    Cache("go", (("GOMODCACHE", ""),), "none: sources"),
    Cache("cargo", (("CARGO_HOME", ""),), "none: sources; programs go to CARGO_INSTALL_ROOT"),
    Cache("huggingface", (("HF_HUB_CACHE", ""),), "none: files by their checksums"),
)


def for_commands(image: str, uid: int) -> tuple[CacheMount, Env]:
    """The spare caches for commands of a build file, which run as `uid` on what grew from the base image `image`.

    Only those: whoever downloads a model or modules of Go wants to find them in the image. Nobody can tell what such
    commands leave in a cache, so it is not the one that the steps of ez trust. The base image stands for the ABI.
    """
    place = f"{ROOT}/run"
    env = tuple(variable for cache in CACHES if cache.spare for variable in cache.env_below(f"{place}/{cache.tool}"))
    mount = CacheMount(place, f"{OWN}run-{content_of(image)[:12]}-{uid}", uid=uid, gid=uid)
    return mount, (*env, ("UV_LINK_MODE", "copy"))
