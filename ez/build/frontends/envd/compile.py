"""A record -> graph, image configuration and runtime, in envd's fixed order, whatever the order of the calls.

Base image, package sources, access, Python, apt packages and beside them pip, copied files, `run`, and last the
container's own programs: a change of those, or of a service, runs no step again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import takewhile

from ez.build.frontends import Described
from ez.build.frontends.envd import extensions, files, packages, toolchains
from ez.build.frontends.envd.record import At, Commands, Record
from ez.build.frontends.inputs import Inputs
from ez.build.frontends.passwords import without_user
from ez.build.frontends.where import where
from ez.build.graph import BindMount, FileAction, ImageConfig, Mount, Note, Run, State
from ez.build.image import caches, environment, layers, python, services
from ez.build.image.branches import join
from ez.build.image.environment import LOCALE, STRICT, USER_PATH
from ez.build.image.layers import HOME, USER, USER_ID, Surroundings
from ez.build.image.python import VENV_PATH, Installer, PipCall
from ez.build.image.shell import text
from ez.build.image.tools.steps import CONDA_ENV, CONDA_PATH, TOOLS
from ez.build.llb.reference import normalise
from ez.errors import DefinitionError
from ez.models import Port, Runtime


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
        env = tuple(variable for variable in self._building() if variable not in _TOOL_ENV)
        return Surroundings(env, tuple(entry for entry in self.path if entry not in _TOOL_PATHS))

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


_TOOL_PATHS = {VENV_PATH, USER_PATH, *CONDA_PATH, *(place for tool in TOOLS.values() for place in tool.path)}
_TOOL_ENV = {*CONDA_ENV, *(variable for tool in TOOLS.values() for variable in tool.env)}

JUPYTER_PORT = 8888
RSTUDIO_PORT = 8787
JUPYTER_TOKEN = "EZ_JUPYTER_TOKEN"


def compile_record(record: Record, name: str, inputs: Inputs, access: bool) -> Described:
    """Raises DefinitionError where the calls do not fit together or a file they name cannot be used."""
    _check(record, name)
    target = _target(record, f"{HOME}/{name}", record.dev or access)
    state: State = toolchains.base_image(record)
    state = packages.apt_source(state, record)
    if target.entered:
        state = layers.access(state, record.shell, record.base if record.dev else None)
    settings = files.settings(record) if target.entered else ()
    if target.entered and _commands_come_early(record):
        state, settings = layers.work_directory(state, target.workdir, settings), ()
    start = state
    for part in record.parts or (record,):
        state, settings = _content(state, part, inputs, target, start, settings)
    if target.entered:
        settings = (*settings, *files.mount_parents(record, target.workdir))
        state = layers.programs(state, _services(record), files.given_away(record), target.workdir, settings)
    return Described(state, _config(record, target), _runtime(record, target), warnings=_warnings(record, target))


def _content(
    state: State, record: Record, inputs: Inputs, target: Target, start: State, settings: tuple[FileAction, ...]
) -> tuple[State, tuple[FileAction, ...]]:
    """What the build file asks for between `start` and the container's programs, and the `settings` left to write."""
    state = _commands(state, record, inputs, target, "before-packages")
    state = _software(state, record, inputs, target)
    state = _commands(state, record, inputs, target, "before-files")
    state = files.downloads(state, record)
    state = files.copies(state, record, inputs)
    if target.entered:
        state = extensions.extensions(state, record, start)
    if record.run and target.entered and not _commands_come_early(record.whole):
        state, settings = layers.work_directory(state, target.workdir, settings), ()
    return _commands(state, record, inputs, target, "last"), settings


def _commands_come_early(record: Record) -> bool:
    return bool(record.run) and (bool(record.parts) or any(asked.value.stage != "last" for asked in record.run))


def _check(record: Record, name: str) -> None:
    if not name or "/" in name or name in (".", "..") or not name.isprintable():
        raise DefinitionError(f"not a name for an environment: `{name!r}`", "give another name")
    if record.dev and record.entrypoint is not None:
        raise DefinitionError(
            "`config.entrypoint` is only for custom image, maybe you need `runtime.init`",
            "use `runtime.init` or `runtime.daemon`, or leave out `dev=True`",
            **where(record.entrypoint.position),
        )
    normalise(toolchains.base_image(record))
    for asked in record.mounts:
        # What runs in the environment could make a link of it, to any place of the computer.
        if asked.value.source.startswith(f"{HOME}/{name}/"):
            raise DefinitionError(
                f"runtime.mount: `{asked.value.source}` is in the repo, which is mounted already",
                f'make a link at the start: `runtime.init(["ln -sfn {asked.value.source} {asked.value.target}"])`',
                **where(asked.position),
            )


def _target(record: Record, workdir: str, entered: bool) -> Target:
    """The user's variables win over the tool's; a PATH among them does not count, as in envd."""
    environ = dict(LOCALE)
    path = list(dict.fromkeys(record.extra_path))
    if entered:
        environ |= environment.variables(workdir, record.shell)
    if record.python and not record.conda:
        path.append(VENV_PATH)
    path.extend(toolchains.path(record))
    environ |= toolchains.environ(record)
    if entered:
        path.append(USER_PATH)
    if record.julia_pkg_server:
        environ["JULIA_PKG_SERVER"] = record.julia_pkg_server
    environ |= record.environ
    environ.pop("PATH", None)
    return Target(workdir, entered, tuple(sorted(environ.items())), tuple(dict.fromkeys(path)))


def _software(state: State, record: Record, inputs: Inputs, target: Target) -> State:
    """What is installed. The apt packages are the trunk; what needs neither them nor one another is a branch each."""
    calls = packages.pip_calls(record, inputs, target.workdir)
    early = _beside_apt(record, calls)
    start = packages.python(state, record, target.early, venv=not early)
    trunk = toolchains.r_lang(packages.apt(start, record, target.early), record, target.early)
    if target.entered:
        trunk = toolchains.rstudio(trunk, record, target.early)
    tools = toolchains.beside(start, record, target.early, equipped=target.entered)
    if tools and trunk == start:
        trunk, tools = tools[0].state, tools[1:]
    branches = packages.venv(start, record, early, target.early, target.late) if early else ()
    state = _commands(join(trunk, (*tools, *branches)), record, inputs, target, "before-python-packages")
    state = python.install_late(state, early, target.late)
    for call in calls[len(early) :]:
        if record.dev and f"{call.cwd}/".startswith(f"{target.workdir}/"):
            state = layers.work_directory(state, target.workdir)
        state = python.install(state, call, target.late)
    return toolchains.packages(state, record, inputs, target.workdir, target.late, target.entered)


def _beside_apt(record: Record, calls: tuple[PipCall, ...]) -> tuple[PipCall, ...]:
    """The calls that can go on beside the apt packages, if there are any; each finds what those before it installed."""
    if record.python is None or record.whole.conda or not record.apt_packages:
        return ()
    if any(asked.value.stage == "before-python-packages" for asked in record.run):
        return ()
    return tuple(takewhile(lambda call: call.installer is not Installer.PIP, calls))


def _commands(state: State, record: Record, inputs: Inputs, target: Target, stage: str) -> State:
    """`run`: each call one shell; as the user in a development image, else as root. The user's variables win."""
    wanted = [asked for asked in record.run if asked.value.stage == stage]
    if not wanted:
        return state
    image = toolchains.base_image(record.whole).reference
    cache, variables = caches.for_commands(image, USER_ID if record.dev else 0)
    around = target.user if record.dev else target.late
    env = tuple({**dict(variables), **dict(around.env)}.items())
    for asked in wanted:
        state = Run(
            state,
            _program("\n".join(asked.value.lines), target),
            env=env,
            path=around.path,
            cwd=target.workdir,
            user=USER if record.dev else "",
            mounts=(cache, *_context(asked, inputs, target)),
            note=Note(_label(asked.value), asked.position),
        )
    return state


def _program(lines: str, target: Target) -> tuple[str, ...]:
    """Images to enter have bash; of others nobody knows. It is no step of ez's own, and not called as one."""
    return ("bash", "-c", STRICT + lines) if target.entered else ("/bin/sh", "-c", text("run"), "run", lines)


def _context(asked: At[Commands], inputs: Inputs, target: Target) -> tuple[Mount, ...]:
    if not asked.value.mount_context:
        return ()
    return (BindMount(target.workdir, files.local(inputs, (".",), asked.position), readonly=False),)


def _label(commands: Commands) -> str:
    first = next((line.strip() for line in commands.lines if line.strip()), "")
    shown = first.splitlines()[0] if first else "nothing"
    return f"run {shown[:80]}" + (" ..." if len(commands.lines) > 1 or len(first) > 80 else "")


def _services(record: Record) -> dict[str, str]:
    more = [(service.name, service.program) for service in record.services]
    if record.jupyter:
        more.append(("jupyter", services.program(services.JUPYTER, "notebook", str(JUPYTER_PORT), JUPYTER_TOKEN)))
    if record.rstudio:
        more.append(("rstudio", services.program(services.RSTUDIO)))
    daemons = (asked.value for asked in record.daemons)
    return environment.services(_init_scripts(record), daemons, more, join=services.with_variables)


def _ports(record: Record) -> tuple[Port, ...]:
    found = list(record.ports)
    if record.jupyter:
        found.append(Port(JUPYTER_PORT, record.jupyter.value.port, "jupyter"))
    if record.rstudio:
        found.append(Port(RSTUDIO_PORT, 0, "rstudio-server"))
    return tuple(found)


def _private(record: Record) -> dict[str, str]:
    token = record.jupyter.value.token if record.jupyter else ""
    return {**record.private, **({JUPYTER_TOKEN: token} if token else {})}


def _labels(record: Record) -> tuple[tuple[str, str], ...]:
    """The repo, without a name or password in its URL."""
    url, description = record.repo
    labels = {
        "org.opencontainers.image.source": without_user(url),
        "org.opencontainers.image.description": description,
    }
    return tuple((name, value) for name, value in labels.items() if value)


def _init_scripts(record: Record) -> tuple[str, ...]:
    return tuple(STRICT + "\n".join(asked.value) for asked in record.init)


def _config(record: Record, target: Target) -> ImageConfig:
    """A plain image keeps the base image's user, directory and entrypoint; one to enter starts ez's init as root."""
    config = ImageConfig(env=target.environ, path=target.path, labels=_labels(record))
    if not target.entered:
        return replace(config, entrypoint=record.entrypoint.value if record.entrypoint else ())
    ports = tuple(dict.fromkeys(f"{port.container}/tcp" for port in _ports(record)))
    return environment.image_config(replace(config, ports=ports), target.workdir)


def _runtime(record: Record, target: Target) -> Runtime:
    return Runtime(
        user=USER if target.entered else "",
        home=HOME if target.entered else "",
        workdir=target.workdir if target.entered else "",
        environ=target.environ,
        path=target.path,
        ports=_ports(record),
        daemons=tuple(asked.value for asked in record.daemons),
        init=_init_scripts(record),
        commands=tuple(sorted(record.commands.items())),
        entrypoint=record.entrypoint.value if record.entrypoint else (),
        gpus=-1 if record.cuda and not record.gpus else record.gpus,
        shm_mb=record.shm_mb,
        shell=record.shell,
        mounts=tuple(asked.value for asked in record.mounts),
        owner=record.owner or (),
        private=tuple(sorted(_private(record).items())),
    )


def _warnings(record: Record, target: Target) -> tuple[str, ...]:
    found = list(toolchains.warnings(record))
    if "PATH" in record.environ:
        found.append("runtime.environ: `PATH` is not taken from `env`; use `extra_path`")
    if record.jupyter and not record.jupyter.value.token and target.entered:
        found.append("config.jupyter has no token: whoever reaches its port on the computer may use it")
    if record.rstudio and target.entered:
        found.append("config.rstudio_server asks for no password: whoever reaches its port on the computer may use it")
    if target.entered and record.entrypoint is not None:
        found.append("config.entrypoint is kept for plain images; in this environment nothing starts it")
    if target.entered:
        found += [
            f"io.copy to `{asked.value.target}` is hidden by the repo, which is mounted at `{target.workdir}`"
            for asked in record.copies
            if f"{files.destination(asked.value)}/".startswith(f"{target.workdir}/")
        ]
    return tuple(found)
