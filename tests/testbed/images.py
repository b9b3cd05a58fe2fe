"""Images of the testbed: root file systems by debootstrap, the rest by Dockerfiles in images/."""

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from .archive import Entry, pack
from .docker import docker, image_id, inspect
from .registry import Registry
from .shell import TestbedError, run
from .world import REPOSITORY, World

_FOLDER = Path(__file__).parent / "images"
_MACHINE_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
_PUBLIC_CERTIFICATES = Path("/usr/share/ca-certificates")
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)

STAND_INS = {
    "ubuntu:20.04": "bookworm",
    "ubuntu:22.04": "bookworm",
    "ubuntu:24.04": "trixie",
    "debian:12": "bookworm",
    "debian:12-slim": "bookworm",
    "debian:bookworm": "bookworm",
    "debian:bookworm-slim": "bookworm",
    "debian:13": "trixie",
}
"""What docker.io would have -> the Debian release that stands in for it (its os-release says so)."""

LOCAL_STAND_INS = ("ubuntu:22.04", "debian:12")
"""Those that the host's own engine gets as well, unless it has them."""


@dataclass(frozen=True)
class Recipe:
    """How one image is made: a Dockerfile on top of another image of this testbed.

    `files` are what it copies: files and folders beside it. One that is `on_demand` is made when a test first wants it.
    """

    name: str
    dockerfile: str
    base: str
    files: tuple[str, ...] = ()
    certificates: bool = field(default=False, kw_only=True)
    on_demand: bool = field(default=False, kw_only=True)


def _computer(base: str, *, on_demand: bool = False) -> Recipe:
    packages = ("computer-packages",)
    return Recipe(
        f"computer:{base}", "computer.Dockerfile", f"base:{base}", packages, certificates=True, on_demand=on_demand
    )


_RECIPES = (
    Recipe("services", "services.Dockerfile", "base:bookworm", ("git-sshd_config", "registry.yml")),
    _computer("bookworm"),
    _computer("trixie"),
    Recipe("ready", "ready.Dockerfile", "computer:trixie"),
    Recipe("ready-28", "ready-28.Dockerfile", "computer:trixie"),
    _computer("bullseye", on_demand=True),
    _computer("bookworm-arm64", on_demand=True),
    _computer("forky", on_demand=True),
    Recipe("cloud", "cloud.Dockerfile", "computer:trixie", on_demand=True),
    Recipe("cloud-ready", "cloud.Dockerfile", "ready", on_demand=True),
    Recipe("gpu:bookworm", "gpu.Dockerfile", "computer:bookworm", ("gpu",), on_demand=True),
    Recipe("gpu:trixie", "gpu.Dockerfile", "computer:trixie", ("gpu",), on_demand=True),
    Recipe("gpu:ubuntu", "gpu-ubuntu.Dockerfile", "computer:trixie", ("gpu",), on_demand=True),
)
_STANDARD = tuple(recipe for recipe in _RECIPES if not recipe.on_demand)


def ensure_images(world: World) -> None:
    """Make every image that is missing or older than its recipe: from what was kept, or anew, side by side."""
    suites = sorted(set(STAND_INS.values()))
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda suite: _ensure_base(world, suite), suites))
        wanted = _wanted(world)
        if _all_current(world, wanted):
            return
        kept = _kept_images(world, wanted)
        if kept.exists():
            docker("load", "--quiet", "--input", str(kept), timeout=300)
        else:
            list(pool.map(lambda suite: _build_upon(world, f"base:{suite}", wanted), suites))


def ensure_image(world: World, name: str) -> None:
    """Make one image with what it stands on, unless it is there and current."""
    recipe = next((recipe for recipe in _RECIPES if recipe.name == name), None)
    if recipe is None:
        _ensure_base(world, name.removeprefix("base:"))
        return
    ensure_image(world, recipe.base)
    inputs = _inputs(world, recipe.name)
    if not _is_current(world, recipe.name, inputs):
        _build(world, recipe, inputs)


def keep_images(world: World) -> None:
    """Before they are removed: save them for the next `up`, and drop what was saved of older ones."""
    if any(image_id(world.image(f"base:{suite}")) is None for suite in STAND_INS.values()):
        return
    wanted = _wanted(world)
    kept = _kept_images(world, wanted)
    if kept.exists() or not _all_current(world, wanted):
        return
    for older in world.cache.glob(f"{world.name}-images-*"):
        older.unlink()
    part = kept.with_suffix(".part")
    docker("save", "--output", str(part), *(world.image(name) for name in wanted), timeout=300)
    part.rename(kept)


def ensure_stand_ins(world: World, registry: Registry) -> None:
    """Put what build files name into the registry, and the commonest into the host's engine."""
    missing = [tag for tag in STAND_INS if not registry.has(f"library/{tag}")]
    if len(missing) == len(STAND_INS):
        _fill(world, registry)
    else:
        _push(world, registry, missing)
    for tag in LOCAL_STAND_INS:
        if image_id(tag) is None:
            docker("tag", world.image(f"base:{STAND_INS[tag]}"), tag)


def machine_certificates() -> dict[str, bytes]:
    """Certificates that this machine trusts beyond the public ones: file name -> PEM."""
    if not _MACHINE_BUNDLE.exists():
        return {}
    public = {body for path in _PUBLIC_CERTIFICATES.rglob("*.crt") for body in _bodies(path.read_text())}
    extra = sorted(set(_bodies(_MACHINE_BUNDLE.read_text())) - public)
    return {f"machine-{number}.crt": (body + "\n").encode() for number, body in enumerate(extra)}


def _bodies(bundle: str) -> list[str]:
    return _PEM.findall(bundle)


def _ensure_base(world: World, name: str) -> None:
    """`name` is a release, and an architecture behind `-` where it is not the host's."""
    library = REPOSITORY / "scripts" / "lib"
    script = f'. "{library}/engine.sh" && . "{library}/base-image.sh" && ensure_base_image "$@"'
    extra = ",".join((_FOLDER / "computer-packages").read_text().split())
    run(
        "bash", "-c", script, "base-image", world.image(f"base:{name}"), *name.split("-"),
        environment={"EZ_TESTBED_CACHE": str(world.cache), "EZ_BASE_IMAGE_EXTRA": extra}, timeout=600,
    )  # fmt: skip


def _wanted(world: World) -> dict[str, str]:
    """Name of each image that is always there -> digest of all that it is made of."""
    return {recipe.name: _inputs(world, recipe.name) for recipe in _STANDARD}


def _inputs(world: World, name: str) -> str:
    for recipe in _RECIPES:
        if recipe.name == name:
            return _digest(_inputs(world, recipe.base), _context(recipe))
    return _layers(world, name)


def _layers(world: World, name: str) -> str:
    """Digest of an image's layers: its id also has the time of its import in it."""
    found = inspect("image", world.image(name))
    if found is None:
        raise TestbedError(f"the image is gone: {world.image(name)}")
    return _digest(*found["RootFS"]["Layers"])


def _is_current(world: World, name: str, inputs: str) -> bool:
    found = inspect("image", world.image(name))
    return found is not None and found["Config"]["Labels"].get("ez.testbed.inputs") == inputs


def _build_upon(world: World, base: str, wanted: dict[str, str]) -> None:
    for recipe in _STANDARD:
        if recipe.base == base:
            if not _is_current(world, recipe.name, wanted[recipe.name]):
                _build(world, recipe, wanted[recipe.name])
            _build_upon(world, recipe.name, wanted)


def _build(world: World, recipe: Recipe, inputs: str) -> None:
    tag = world.image(recipe.name)
    docker(
        "build", "--quiet", "--force-rm", "--file", recipe.dockerfile,
        "--build-arg", f"BASE={world.image(recipe.base)}", "--label", f"ez.testbed.inputs={inputs}", "--tag", tag, "-",
        stdin=_context(recipe), timeout=600,
    )  # fmt: skip


def _all_current(world: World, wanted: dict[str, str]) -> bool:
    return all(_is_current(world, name, inputs) for name, inputs in wanted.items())


def _kept_images(world: World, wanted: dict[str, str]) -> Path:
    return world.cache / f"{world.name}-images-{_digest(*wanted.values())[:16]}.tar"


def _fill(world: World, registry: Registry) -> None:
    """Fill an empty registry, from its files as they were kept the first time if nothing has changed."""
    bases = [_layers(world, f"base:{suite}") for suite in sorted(set(STAND_INS.values()))]
    kept = world.cache / f"{world.name}-registry-{_digest(*bases, *STAND_INS)[:16]}.tar"
    if kept.exists():
        registry.unpack(kept.read_bytes())
        return
    _push(world, registry, list(STAND_INS))
    for older in world.cache.glob(f"{world.name}-registry-*"):
        older.unlink()
    registry.pack(kept)


def _push(world: World, registry: Registry, tags: list[str]) -> None:
    for tag in tags:
        registry.push(world.image(f"base:{STAND_INS[tag]}"), f"library/{tag}")


def _digest(*parts: str | bytes) -> str:
    whole = hashlib.sha256()
    for part in parts:
        whole.update(hashlib.sha256(part.encode() if isinstance(part, str) else part).digest())
    return whole.hexdigest()


def _context(recipe: Recipe) -> bytes:
    named = [_FOLDER / name for name in (recipe.dockerfile, *recipe.files)]
    every = [path for one in named for path in (sorted(one.iterdir()) if one.is_dir() else [one])]
    entries = [Entry(str(path.relative_to(_FOLDER)), path.read_bytes()) for path in every]
    if recipe.certificates:
        entries.append(Entry("machine-certificates", None, 0o755))
        entries += [Entry(f"machine-certificates/{name}", body) for name, body in machine_certificates().items()]
    return pack(entries)
