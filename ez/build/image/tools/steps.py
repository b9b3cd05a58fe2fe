"""The steps that install tools. Each grows from a state and makes or changes only the places that it names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ez.build.graph import NO_NOTE, Files, MkDirAction, MkFileAction, Note, Run, State
from ez.build.image.branches import Branch
from ez.build.image.caches import APT, CONDA, DOWNLOADS, UV_PROGRAMS, Cache, R
from ez.build.image.layers import PLAIN, Surroundings, step
from ez.build.image.shell import command
from ez.build.image.tools.table import DOWNLOADS as TABLE
from ez.build.image.tools.table import RUST, SERVERS

CONDA_ROOT = "/opt/conda"
CONDA_ENVIRONMENT = f"{CONDA_ROOT}/envs/envd"

Env = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Wanted:
    """A tool for a state: its `version` (empty for the table's), its builtin's other arguments, what surrounds the step
    and what people are told about it. An `equipped` state has curl and authorities."""

    version: str = ""
    options: tuple[str, ...] = ()
    around: Surroundings = PLAIN
    note: Note = NO_NOTE
    equipped: bool = True


@dataclass(frozen=True)
class Tool:
    """How a tool is installed, the only `places` where it changes anything (and `settings`, where it has options), and
    what finds it there."""

    install: Callable[[State, Wanted], State]
    places: tuple[str, ...]
    path: tuple[str, ...] = ()
    env: Env = ()
    settings: tuple[str, ...] = ()


def branch(start: State, name: str, wanted: Wanted) -> Branch:
    """The tool `name` beside what else grows from `start`."""
    tool = TOOLS[name]
    places = (*tool.places, *tool.settings) if any(wanted.options) else tool.places
    return Branch(start, tool.install(start, wanted), places)


def conda(start: State, python: str, wanted: Wanted) -> Branch:
    """micromamba and the environment of conda, with Python of the version `python` if that is not empty."""
    made = _run(start, "micromamba", wanted, ("conda", "conda-environment"), (python,), caches=(CONDA,))
    return Branch(start, made, (CONDA_ROOT,))


def conda_packages(base: State, arguments: tuple[str, ...], wanted: Wanted, **options: object) -> Run:
    """`micromamba install` with `arguments` into the environment of conda; `options` as those of `layers.step`."""
    argv = command("apt", "fetch", "conda", "conda-packages", arguments=arguments)
    return step(base, argv, _caches(wanted, CONDA, DOWNLOADS), wanted.around, note=wanted.note, **options)  # type: ignore[arg-type]


def conda_shell(base: State) -> Run:
    """`conda activate` in interactive shells."""
    return step(base, command("conda-shell"), (), note=Note("ez: conda in interactive shells"))


def r_lang(base: State, wanted: Wanted, *, compiling: bool) -> Run:
    """R of the distribution, so no branch; with what it compiles packages with, if `compiling`."""
    argv = command("apt", "r", arguments=("compile" if compiling else "",))
    return step(base, argv, (APT,), wanted.around, note=wanted.note)


def rstudio(base: State, wanted: Wanted, *, compiling: bool) -> Run:
    """RStudio Server, and R as `r_lang` has it, unless the image has them. They are packages, so no branch."""
    scripts = ("apt", "fetch", "rstudio-absent", "download", "r", "rstudio-server")
    argv = command(*scripts, arguments=(*TABLE["rstudio"].arguments(), "compile" if compiling else ""))
    return step(base, argv, (APT, DOWNLOADS), wanted.around, note=wanted.note)


def r_packages(base: State, repository: str, packages: tuple[str, ...], wanted: Wanted) -> Run:
    argv = command("fetch", "r-packages", arguments=(repository, SERVERS["cran"], *packages))
    return step(base, argv, (R,), wanted.around, note=wanted.note)


def julia_packages(base: State, server: str, packages: tuple[str, ...], wanted: Wanted) -> Run:
    argv = command("fetch", "julia-packages", arguments=(server, *packages))
    return step(base, argv, (), wanted.around, note=wanted.note)


def program(start: State, name: str, programs: tuple[str, ...], wanted: Wanted) -> Branch:
    """`programs` out of the archive of `name`, in /usr/bin."""
    made = _run(start, name, wanted, ("programs", "program"), programs)
    return Branch(start, made, tuple(f"/usr/bin/{one}" for one in programs))


def _run(
    start: State,
    name: str,
    wanted: Wanted,
    scripts: tuple[str, ...],
    arguments: tuple[str, ...],
    *,
    version: str = "",
    caches: tuple[Cache, ...] = (),
) -> Run:
    words = (*TABLE[name].arguments(version), *arguments)
    argv = command("apt", "fetch", "download", *scripts, arguments=words)
    return step(start, argv, _caches(wanted, DOWNLOADS, *caches), wanted.around, note=wanted.note)


def _caches(wanted: Wanted, *caches: Cache) -> tuple[Cache, ...]:
    """With apt's for a state that may lack authorities. One that is equipped does not wait for those who use apt."""
    return caches if wanted.equipped else (*caches, APT)


def _archive(name: str, place: str, share: str = "") -> Callable[[State, Wanted], State]:
    def install(start: State, wanted: Wanted) -> State:
        return _run(start, name, wanted, ("archive",), (place, share), version=wanted.version)

    return install


def _uv(start: State, wanted: Wanted) -> State:
    return _run(start, "uv", wanted, ("programs", "uv-tool"), wanted.options, caches=(UV_PROGRAMS,))


def _rust(start: State, wanted: Wanted) -> State:
    return _run(start, "rust", wanted, ("rustup",), (wanted.version or RUST,))


def _codex(start: State, wanted: Wanted) -> State:
    return _run(start, "codex", wanted, ("programs", "program"), ("codex",), version=wanted.version)


def _pixi(start: State, wanted: Wanted) -> State:
    mirror, index = wanted.options
    made = _run(start, "pixi", wanted, ("programs", "program"), ("pixi",))
    settings = _pixi_settings(bool(mirror), index)
    if not settings:
        return made
    actions = (MkDirAction("/etc/pixi", 0o777), MkFileAction("/etc/pixi/config.toml", settings.encode()))
    return Files(made, actions, wanted.note)


def _pixi_settings(mirror: bool, index: str) -> str:
    """Labels of conda-forge are not on the mirror."""
    tables = []
    if mirror:
        forge = "https://conda.anaconda.org/conda-forge"
        tables.append(
            f'[mirrors]\n"https://conda.anaconda.org" = ["https://prefix.dev"]\n'
            f'"{forge}/label" = ["{forge}/label"]\n"{forge}" = ["https://prefix.dev/conda-forge"]\n'
        )
    if index:
        tables.append(f'[pypi-config]\nindex-url = "{index}"\n')
    return "\n".join(tables)


_DEPOTS = "/opt/julia/user_packages:/opt/julia/local/share/julia:/opt/julia/share/julia"
"""Where people's packages go, and where Julia has its own ready to run."""

TOOLS = {
    "uv": Tool(
        _uv,
        ("/usr/bin/uv", "/usr/bin/uvx", "/opt/python"),
        env=(
            ("UV_LINK_MODE", "copy"),
            ("UV_PYTHON_INSTALL_DIR", "/opt/python"),
            ("UV_PYTHON_PREFERENCE", "only-managed"),
        ),
    ),
    "pixi": Tool(_pixi, ("/usr/bin/pixi",), settings=("/etc/pixi",)),
    "julia": Tool(
        _archive("julia", "/opt/julia", "share"),
        ("/opt/julia",),
        ("/opt/julia/bin",),
        (("JULIA_DEPOT_PATH", _DEPOTS),),
    ),
    "rust": Tool(
        _rust, ("/opt/rust",), ("/opt/rust/bin",), (("CARGO_HOME", "/opt/rust"), ("RUSTUP_HOME", "/opt/rust/rustup"))
    ),
    "go": Tool(_archive("go", "/usr/local/go"), ("/usr/local/go",), ("/usr/local/go/bin",)),
    "nodejs": Tool(_archive("nodejs", "/opt/nodejs", "share"), ("/opt/nodejs",), ("/opt/nodejs/bin",)),
    "codex": Tool(_codex, ("/usr/bin/codex",)),
}
"""Tools that touch only their own places; what is in /opt and in need of packages belongs to the group ez."""

CONDA_PATH = (f"{CONDA_ENVIRONMENT}/bin", f"{CONDA_ROOT}/bin")
CONDA_ENV: Env = (
    ("CONDA_DEFAULT_ENV", "envd"),
    ("CONDA_PREFIX", CONDA_ENVIRONMENT),
    ("MAMBA_EXE", f"{CONDA_ROOT}/bin/micromamba"),
    ("MAMBA_ROOT_PREFIX", CONDA_ROOT),
)
"""What an active environment of conda says in a process."""
