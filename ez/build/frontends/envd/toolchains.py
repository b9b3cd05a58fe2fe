"""conda, CUDA, and the languages and tools beside Python, as steps."""

from __future__ import annotations

from dataclasses import replace

from ez.build.frontends.envd import files
from ez.build.frontends.envd.conda_files import environment_files
from ez.build.frontends.envd.record import DEFAULT_IMAGE, At, Record
from ez.build.frontends.inputs import Inputs
from ez.build.frontends.where import where
from ez.build.graph import BindMount, Files, ImageSource, MkDirAction, MkFileAction, Note, State
from ez.build.image import cuda, layers
from ez.build.image.branches import Branch
from ez.build.image.layers import Surroundings
from ez.build.image.tools import steps
from ez.build.image.tools.steps import CONDA_ENV, CONDA_PATH, TOOLS, Wanted
from ez.errors import DefinitionError

NEEDED = {"rust": ("gcc", "libc6-dev"), "nodejs": ("libatomic1",)}
"""Packages of the distribution that a tool is of no use without: what Rust links with, and a library of Node.js."""


def base_image(record: Record) -> ImageSource:
    """The image that all grows from: what `base` names, or NVIDIA's that stands for it."""
    named = record.image.value if record.image else DEFAULT_IMAGE
    position = record.image.position if record.image else None
    base = ImageSource(named, note=Note(f"base image {named}", position))
    if record.cuda is None:
        return base
    flavour = "devel" if record.dev else "runtime"
    try:
        if record.image is None:
            reference = cuda.newest_image(record.cuda.value.version, flavour)
        else:
            reference = cuda.cuda_image(base, record.cuda.value.version, True, flavour)
    except DefinitionError as error:
        message = f"install.cuda: {error.message}"
        raise DefinitionError(message, error.hint, **where(record.cuda.position)) from error
    return ImageSource(reference, note=Note(f"base image {reference}", record.cuda.position))


def path(record: Record) -> tuple[str, ...]:
    """Where the tools are, Python's own place first."""
    conda = CONDA_PATH if record.conda else ()
    return (*conda, *(place for asked in record.tools if (tool := TOOLS.get(asked.value.name)) for place in tool.path))


def environ(record: Record) -> dict[str, str]:
    found = dict(CONDA_ENV) if record.conda else {}
    for asked in record.tools:
        if tool := TOOLS.get(asked.value.name):
            found.update(tool.env)
    return found


def system_packages(record: Record) -> tuple[At[tuple[str, ...]], ...]:
    """What the tools need, and where they are asked for."""
    return tuple(At(NEEDED[asked.value.name], asked.position) for asked in record.tools if asked.value.name in NEEDED)


def beside(start: State, record: Record, around: Surroundings, *, equipped: bool) -> tuple[Branch, ...]:
    """Every tool that touches only its own places, as a branch that grows from `start`."""
    found = []
    if record.conda:
        found.append(_conda(start, record, record.conda, around, equipped=equipped))
    for asked in record.tools:
        if asked.value.name in TOOLS:
            note = Note(f"install {asked.value.name} {asked.value.version}".strip(), asked.position)
            wanted = Wanted(asked.value.version, asked.value.options, around, note, equipped)
            found.append(steps.branch(start, asked.value.name, wanted))
    return tuple(found)


def r_lang(state: State, record: Record, around: Surroundings) -> State:
    """R is a package of the distribution, installed after those that were asked for by name."""
    for asked in record.tools:
        if asked.value.name == "r_lang":
            wanted = Wanted(around=around, note=Note("install R", asked.position))
            state = steps.r_lang(state, wanted, compiling=bool(record.whole.r_packages))
    return state


def rstudio(state: State, record: Record, around: Surroundings) -> State:
    if record.rstudio is None:
        return state
    wanted = Wanted(around=around, note=Note("install RStudio Server", record.rstudio))
    return steps.rstudio(state, wanted, compiling=bool(record.whole.r_packages))


def packages(state: State, record: Record, inputs: Inputs, workdir: str, around: Surroundings, entered: bool) -> State:
    """What is installed by conda, R and Julia: after the packages of Python, as envd does."""
    state = _conda_packages(state, record, inputs, workdir, around, entered)
    if record.conda and entered:
        state = steps.conda_shell(state)
    for asked in record.r_packages:
        wanted = Wanted(around=around, note=Note(label_of("R install.packages", asked.value), asked.position))
        state = steps.r_packages(state, record.cran_mirror, asked.value, wanted)
    for asked in record.julia_packages:
        wanted = Wanted(around=around, note=Note(label_of("julia Pkg.add", asked.value), asked.position))
        state = steps.julia_packages(state, record.julia_pkg_server, asked.value, wanted)
    return state


def warnings(record: Record) -> tuple[str, ...]:
    found = []
    if record.cuda and record.image is None and "ubuntu22.04" not in base_image(record).reference:
        found.append(f"install.cuda: this CUDA comes on {base_image(record).reference.rpartition('-')[2]} only")
    if record.conda and not record.python and not record.conda_packages and not record.conda_env_file:
        found.append("install.conda alone gives no Python; add `install.python()`")
    return tuple(found)


def _conda(start: State, record: Record, asked: At[bool], around: Surroundings, *, equipped: bool) -> Branch:
    """Python is made together with the environment, unless it is asked for by another part of a written order."""
    whole, state = record.whole, start
    if channels := whole.conda_channel:
        text = channels.value if channels.value.endswith("\n") or not channels.value else channels.value + "\n"
        actions = (MkDirAction(steps.CONDA_ROOT), MkFileAction(f"{steps.CONDA_ROOT}/.condarc", text.encode()))
        state = Files(start, actions, Note("write .condarc", channels.position))
    version = whole.python.value if whole.python else ""
    label = f"install conda and Python {version}" if version else "install conda"
    made = steps.conda(state, version, Wanted(around=around, note=Note(label, asked.position), equipped=equipped))
    return replace(made, start=start)


def _conda_packages(
    state: State, record: Record, inputs: Inputs, workdir: str, around: Surroundings, entered: bool
) -> State:
    """One command: the environment file, if one is set at the end, or else all names and channels."""
    if record.conda_env_file is not None:
        return _environment_file(state, record, inputs, workdir, around, entered)
    names = tuple(name for asked in record.conda_packages for name in asked.value.names)
    if not names:
        return state
    channels = dict.fromkeys(channel for asked in record.conda_packages for channel in asked.value.channels)
    arguments = (*(word for channel in channels for word in ("-c", channel)), *names)
    note = Note(label_of("conda install", names), record.conda_packages[0].position)
    return steps.conda_packages(state, arguments, Wanted(around=around, note=note, equipped=entered))


def _environment_file(
    state: State, record: Record, inputs: Inputs, workdir: str, around: Surroundings, entered: bool
) -> State:
    """Only the files that it names are there, so that no other change of the repo runs the step again."""
    assert record.conda_env_file is not None
    path, position = record.conda_env_file.value, record.conda_env_file.position
    needed, directories = environment_files(inputs, path, position)
    place = workdir if directories else files.MOUNT
    if directories and record.dev:
        state = layers.work_directory(state, workdir)
    mount = BindMount(place, files.local(inputs, needed, position), readonly=not directories)
    wanted = Wanted(around=around, note=Note(f"conda env update -f {path}", position), equipped=entered)
    return steps.conda_packages(state, ("-f", inputs.locate(path)), wanted, cwd=place, mounts=(mount,))


def label_of(what: str, names: tuple[str, ...]) -> str:
    """What people are told about a step that installs `names`."""
    return f"{what} {' '.join(names)}"[:100]
