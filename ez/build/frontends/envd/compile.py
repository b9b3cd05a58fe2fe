"""A record -> graph, image configuration and runtime, in envd's fixed order, whatever the order of the calls.

Base image, package sources, access, Python, apt packages and beside them pip, copied files, `run`, and last the
container's own programs: a change of those, or of a service, runs no step again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import takewhile

from ez.build.frontends import Described
from ez.build.frontends.envd import files, packages
from ez.build.frontends.envd.record import DEFAULT_IMAGE, At, Commands, Record
from ez.build.frontends.inputs import Inputs
from ez.build.frontends.where import where
from ez.build.graph import BindMount, ImageConfig, ImageSource, Mount, Note, Run, State
from ez.build.image import caches, environment, layers, python
from ez.build.image.branches import join
from ez.build.image.environment import LOCALE, STRICT, USER_PATH
from ez.build.image.layers import HOME, USER, USER_ID, Surroundings
from ez.build.image.python import VENV_PATH, Installer, PipCall
from ez.errors import DefinitionError
from ez.models import Runtime


@dataclass(frozen=True)
class Target:
    """What is being made. `entered` images have the user, sshd and the container's init; others are plain."""

    workdir: str
    entered: bool
    environ: tuple[tuple[str, str], ...]
    path: tuple[str, ...]

    @property
    def early(self) -> Surroundings:
        """The environment of steps before Python is there."""
        return Surroundings(self._building(), tuple(entry for entry in self.path if entry not in _TOOL_PATHS))

    @property
    def late(self) -> Surroundings:
        return Surroundings(self._building(), self.path)

    @property
    def user(self) -> Surroundings:
        """The environment of steps that run as the user."""
        env = {"DEBIAN_FRONTEND": "noninteractive", "HOME": HOME, "USER": USER, **dict(self.environ)}
        return Surroundings(tuple(sorted(env.items())), self.path)

    def _building(self) -> tuple[tuple[str, str], ...]:
        """Without what names the environment, so that environments share these steps' results."""
        shared = {name: value for name, value in self.environ if name not in ("ENVD_WORKDIR", "SHELL")}
        return tuple(sorted({"DEBIAN_FRONTEND": "noninteractive", **shared}.items()))


_TOOL_PATHS = (VENV_PATH, USER_PATH)


def compile_record(record: Record, name: str, inputs: Inputs, access: bool) -> Described:
    """Raises DefinitionError where the calls do not fit together or a file they name cannot be used."""
    _check(record, name)
    target = _target(record, f"{HOME}/{name}", record.dev or access)
    image = record.image
    state: State = ImageSource(
        image.value if image else DEFAULT_IMAGE,
        note=Note(f"base image {image.value if image else DEFAULT_IMAGE}", image.position if image else None),
    )
    state = packages.apt_source(state, record)
    if target.entered:
        state = layers.access(state, record.shell)
    state = _software(state, record, inputs, target)
    state = files.copies(state, record, inputs)
    settings = files.settings(record) if target.entered else ()
    if record.run and target.entered:
        state, settings = layers.work_directory(state, target.workdir, settings), ()
    state = _commands(state, record, inputs, target)
    if target.entered:
        state = layers.programs(state, _services(record), files.given_away(record), target.workdir, settings)
    return Described(state, _config(record, target), _runtime(record, target), warnings=_warnings(record, target))


def _check(record: Record, name: str) -> None:
    if not name or "/" in name or name in (".", "..") or not name.isprintable():
        raise DefinitionError(f"not a name for an environment: `{name!r}`", "give another name")
    if record.dev and record.entrypoint is not None:
        raise DefinitionError(
            "`config.entrypoint` is only for custom image, maybe you need `runtime.init`",
            "use `runtime.init` or `runtime.daemon`, or leave out `dev=True`",
            **where(record.entrypoint.position),
        )


def _target(record: Record, workdir: str, entered: bool) -> Target:
    """The user's variables win over the tool's; a PATH among them does not count, as in envd."""
    environ = dict(LOCALE)
    path = list(dict.fromkeys(record.extra_path))
    if entered:
        environ |= environment.variables(workdir, record.shell)
    if record.python:
        path.append(VENV_PATH)
    if entered:
        path.append(USER_PATH)
    environ |= record.environ
    environ.pop("PATH", None)
    return Target(workdir, entered, tuple(sorted(environ.items())), tuple(path))


def _software(state: State, record: Record, inputs: Inputs, target: Target) -> State:
    """What is installed. The apt packages are the trunk; what needs neither them nor one another is a branch each."""
    calls = packages.pip_calls(record, inputs, target.workdir)
    early = _beside_apt(record, calls)
    start = packages.python(state, record, target.early, venv=not early)
    trunk = packages.apt(start, record, target.early)
    branches = packages.venv(start, record, early, target.early, target.late) if early else ()
    state = python.install_late(join(trunk, branches), early, target.late)
    for call in calls[len(early) :]:
        if record.dev and call.cwd == target.workdir:
            state = layers.work_directory(state, target.workdir)
        state = python.install(state, call, target.late)
    return state


def _beside_apt(record: Record, calls: tuple[PipCall, ...]) -> tuple[PipCall, ...]:
    """The calls that can go on beside the apt packages, if there are any; each finds what those before it installed."""
    if record.python is None or not record.apt_packages:
        return ()
    return tuple(takewhile(lambda call: call.installer is not Installer.PIP, calls))


def _commands(state: State, record: Record, inputs: Inputs, target: Target) -> State:
    """`run`: each call one shell; as the user in a development image, else as root. The user's variables win."""
    if not record.run:
        return state
    image = record.image.value if record.image else DEFAULT_IMAGE
    cache, variables = caches.for_commands(image, USER_ID if record.dev else 0)
    around = target.user if record.dev else target.late
    env = tuple({**dict(variables), **dict(around.env)}.items())
    for asked in record.run:
        state = Run(
            state,
            ("bash", "-c", STRICT + "\n".join(asked.value.lines)),
            env=env,
            path=around.path,
            cwd=target.workdir,
            user=USER if record.dev else "",
            mounts=(cache, *_context(asked, inputs, target)),
            note=Note(_label(asked.value), asked.position),
        )
    return state


def _context(asked: At[Commands], inputs: Inputs, target: Target) -> tuple[Mount, ...]:
    if not asked.value.mount_context:
        return ()
    return (BindMount(target.workdir, files.local(inputs, (".",), asked.position), readonly=False),)


def _label(commands: Commands) -> str:
    first = next((line.strip() for line in commands.lines if line.strip()), "")
    shown = first.splitlines()[0] if first else "nothing"
    return f"run {shown[:80]}" + (" ..." if len(commands.lines) > 1 or len(first) > 80 else "")


def _services(record: Record) -> dict[str, str]:
    return environment.services(_init_scripts(record), (asked.value for asked in record.daemons))


def _init_scripts(record: Record) -> tuple[str, ...]:
    return tuple(STRICT + "\n".join(asked.value) for asked in record.init)


def _config(record: Record, target: Target) -> ImageConfig:
    """A plain image keeps the base image's user, directory and entrypoint; one to enter starts ez's init as root."""
    config = ImageConfig(env=target.environ, path=target.path)
    if not target.entered:
        return replace(config, entrypoint=record.entrypoint.value if record.entrypoint else ())
    ports = tuple(dict.fromkeys(f"{port.container}/tcp" for port in record.ports))
    return environment.image_config(replace(config, ports=ports), target.workdir)


def _runtime(record: Record, target: Target) -> Runtime:
    return Runtime(
        user=USER if target.entered else "",
        home=HOME if target.entered else "",
        workdir=target.workdir if target.entered else "",
        environ=target.environ,
        path=target.path,
        ports=tuple(record.ports),
        daemons=tuple(asked.value for asked in record.daemons),
        init=_init_scripts(record),
        commands=tuple(sorted(record.commands.items())),
        entrypoint=record.entrypoint.value if record.entrypoint else (),
        gpus=record.gpus,
        shm_mb=record.shm_mb,
        shell=record.shell,
    )


def _warnings(record: Record, target: Target) -> tuple[str, ...]:
    found = []
    if "PATH" in record.environ:
        found.append("runtime.environ: `PATH` is not taken from `env`; use `extra_path`")
    if target.entered and record.entrypoint is not None:
        found.append("config.entrypoint is kept for plain images; in this environment nothing starts it")
    if target.entered:
        found += [
            f"io.copy to `{asked.value.target}` is hidden by the repo, which is mounted at `{target.workdir}`"
            for asked in record.copies
            if f"{files.destination(asked.value)}/".startswith(f"{target.workdir}/")
        ]
    return tuple(found)
