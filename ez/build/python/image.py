"""`Image`: a chain of calls that describes an image. Each call gives a new value; none reads, runs or fetches."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ez.build import graph
from ez.build.engines.address import Address
from ez.build.graph import (
    CopyAction,
    Diff,
    FileAction,
    Files,
    ImageSource,
    Merge,
    MkDirAction,
    MkFileAction,
    RmAction,
    Run,
    SshMount,
    State,
    SymlinkAction,
    base_image,
)
from ez.build.image import layers, python
from ez.build.image.environment import STRICT
from ez.build.image.layers import Surroundings
from ez.build.image.python import VENV, VENV_PATH
from ez.build.python import arguments, sources, steps
from ez.build.python.arguments import Owner, Words
from ez.build.python.branches import rebased, side_by_side
from ez.build.python.cuda import cuda_image
from ez.build.python.made import ANYWHERE, DISTRIBUTION, Made, Touch, touch_of
from ez.build.python.place import caller, wrong
from ez.build.python.steps import note
from ez.build.python.values import Git, Http, Local, Secret, Seen
from ez.models import Image as BuiltImage
from ez.models import Port

if TYPE_CHECKING:
    from ez.build.definition import Definition

_PYTHON = re.compile(r"3\.\d{1,3}(\.\d{1,3})?")
_PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9]+(/[a-z0-9]+)?")


@dataclass(frozen=True, init=False, repr=False)
class Image:
    """An image: `Image("ubuntu:22.04")` and what calls add to it. A value: equal by content, never changed.

    Calls raise DefinitionError, with the file and line of the caller, for arguments that make no sense. Steps see
    the variables, PATH entries, directory and user that were set before them; `apt_install`, `with_python` and
    `pip_install` run as root in `/`.
    """

    made: Made

    def __init__(self, reference: str, *, platform: str = "") -> None:
        object.__setattr__(self, "made", Made(sources.image(reference, platform, caller())))

    @classmethod
    def of(cls, made: Made) -> Image:
        image = cls.__new__(cls)
        object.__setattr__(image, "made", made)
        return image

    def __repr__(self) -> str:
        return f"<Image {self.made.state.identity[:12]}>"

    # Packages

    def apt_install(self, *packages: Words) -> Image:
        """Packages of the distribution (Debian's and Ubuntu's)."""
        names = arguments.words("apt_install", packages)
        label = note(f"apt-get install {' '.join(names)}")
        state = layers.apt_packages(self.made.state, names, self._as_root(), label, python=self.made.python)
        return self._then(state, Touch(DISTRIBUTION, packages=True)) if names else self

    def with_python(self, version: str = "3.11") -> Image:
        """Python `version` (`3.12` or `3.12.4`) as the virtual environment /opt/venv, first in PATH."""
        if not _PYTHON.fullmatch(arguments.text("with_python", version)):
            raise wrong(f"with_python: not a version of Python 3: `{version}`", "write it as `3.12` or `3.12.4`")
        if self.made.python:
            raise wrong(f"with_python: this image has Python {self.made.python} already", "call with_python once")
        state = python.python(self.made.state, version, self._as_root(), note(f"install Python {version}"))
        places = (*DISTRIBUTION, VENV, "/opt/python")
        return self.path(VENV_PATH)._then(state, Touch(places, packages=True), python=version)

    def pip_install(
        self,
        *packages: Words,
        requirements: str = "",
        index: str = "",
        extra_index: str = "",
        options: Words = (),
        secrets: Iterable[Secret] = (),
    ) -> Image:
        """Python packages, those of the file `requirements` too; `options` go to pip as they are.

        `secrets` are for an index that asks who one is: `Secret("netrc", target="/root/.netrc")`.
        """
        names = arguments.words("pip_install", packages)
        if not names and not requirements:
            raise wrong("pip_install: nothing to install", "name packages or requirements=")
        call = steps.pip_call(names, requirements, self.made.config.workdir, index, extra_index, options)
        call = replace(call, mounts=(*call.mounts, *sources.mounts("pip_install", secrets, _state_of)))
        state = python.install(self.made.state, call, self._as_root())
        return self._then(state, Touch((VENV,), whole=True) if self.made.python else ANYWHERE)

    def with_cuda(self, version: str, *, cudnn: bool = True, flavour: str = "devel") -> Image:
        """NVIDIA's image with CUDA `version` (`12.4` or `12.4.1`) in place of the base image, and all GPUs.

        `flavour` is `devel`, `runtime` or `base` (without cuDNN only).
        """
        base = base_image(self.made.state)
        reference = cuda_image(base, arguments.text("with_cuda", version), cudnn, flavour)
        return self._on(sources.image(reference, base.platform if base else "", caller())).gpus()

    # Commands and files

    def run(
        self,
        *command: str,
        env: Mapping[str, str] | None = None,
        cwd: str = "",
        user: str = "",
        mounts: Iterable[Seen] = (),
        secrets: Iterable[Seen] = (),
        ssh: bool = False,
        network: bool = True,
    ) -> Image:
        """Run a line of shell (`run("make && make install")`), or a program (`run("make", "install")`).

        `mounts` and `secrets` are what it sees besides the image; `ssh` lends it the person's SSH agent.
        """
        config = self.made.config
        argv, label = steps.command(command)
        seen = sources.mounts("run", (*mounts, *secrets), _state_of)
        step = Run(
            self.made.state,
            argv,
            env=tuple({**dict(self._as_root().env), **arguments.variables("run", env or {})}.items()),
            path=config.path,
            cwd=arguments.place("run", cwd) if cwd else config.workdir or "/",
            user=arguments.text("run", user) or config.user,
            mounts=(*seen, SshMount()) if ssh else seen,
            network=network,
            note=note(label),
        )
        return self._then(step, ANYWHERE)

    def copy(
        self, source: str, target: str, *, owner: Owner = None, mode: int | None = None, exclude: Iterable[str] = ()
    ) -> Image:
        """A file, or what is in a directory, of the directory in which the program runs."""
        return self.copy_from(Local(tuple(exclude)), source, target, owner=owner, mode=mode)

    def copy_from(
        self,
        origin: str | Image | Git | Http | Local,
        source: str,
        target: str,
        *,
        owner: Owner = None,
        mode: int | None = None,
    ) -> Image:
        """A file, or what is in a directory, of another image (by name or as a value) or of a source.

        A file goes into `target` where that ends with a slash. `owner` is `uid` or `uid:gid`.
        """
        position = caller()
        state, place = sources.find("copy_from", _state_of(origin), source, position)
        uid, gid = arguments.owner("copy_from", owner)
        checked = None if mode is None else arguments.mode("copy_from", mode)
        action = CopyAction(state, place, arguments.place("copy_from", target), uid=uid, gid=gid, mode=checked)
        return self._files(f"copy {_shown(origin)}{source} to {target}", action)

    def git(self, url: str, to: str, *, ref: str = "", commit: str = "", owner: Owner = None) -> Image:
        """The files of a Git repository; `Git` with `copy_from` knows more."""
        return self.copy_from(Git(url, ref, commit), "/", to, owner=owner)

    def http(self, url: str, to: str, *, checksum: str = "", mode: int = 0o644, owner: Owner = None) -> Image:
        """A file by HTTP. `checksum` is `sha256:` and 64 hex digits."""
        return self.copy_from(Http(url, checksum, mode), "/", to, owner=owner)

    def mkdir(self, path: str, *, mode: int = 0o755, owner: Owner = None) -> Image:
        """A directory, with its parents."""
        uid, gid = arguments.owner("mkdir", owner)
        place = arguments.place("mkdir", path).rstrip("/") or "/"
        action = MkDirAction(place, arguments.mode("mkdir", mode), uid=uid, gid=gid)
        return self._files(f"mkdir {path}", action)

    def mkfile(self, path: str, content: str | bytes, *, mode: int = 0o644, owner: Owner = None) -> Image:
        """A small file."""
        uid, gid = arguments.owner("mkfile", owner)
        place = arguments.place("mkfile", path)
        data = content if isinstance(content, bytes) else arguments.text("mkfile", content).encode()
        above = posixpath.dirname(place)
        actions: list[FileAction] = [MkDirAction(above)] if above != "/" else []
        actions.append(MkFileAction(place, data, arguments.mode("mkfile", mode), uid, gid))
        return self._then(Files(self.made.state, tuple(actions), note(f"write {path}")), touch_of(actions[-1:]))

    def rm(self, path: str, *, wildcard: bool = False, missing_ok: bool = True) -> Image:
        """Remove a file or a directory; a `wildcard` is `*`, `?` or `[...]` in `path`."""
        action = RmAction(arguments.place("rm", path).rstrip("/"), missing_ok, wildcard)
        return self._files(f"rm {path}", action)

    def symlink(self, target: str, path: str) -> Image:
        """A symbolic link at `path` that says `target`."""
        place, label = arguments.place("symlink", path), f"ln -s {target} {path}"
        if base_image(self.made.state) is None:
            return self._files(label, SymlinkAction(arguments.text("symlink", target), place))
        argv = ("ln", "-sfn", "--", arguments.text("symlink", target), place)
        return self._then(Run(self.made.state, argv, network=False, note=note(label)), Touch((place,), whole=True))

    # What steps and the image's users find

    def env(self, variables: Mapping[str, str] | None = None, /, **more: str) -> Image:
        """Variables of all later steps and of the image."""
        found = {**dict(self.made.config.env), **arguments.variables("env", variables or {}, more)}
        return self._configured(env=tuple(found.items()))

    def path(self, *directories: str) -> Image:
        """Directories to put before the PATH of all later steps and of the image."""
        wanted = tuple(arguments.place("path", directory) for directory in directories)
        return self._configured(path=tuple(dict.fromkeys((*wanted, *self.made.config.path))))

    def workdir(self, path: str) -> Image:
        """Where later steps and the image's program run. In an environment that is the repo."""
        return self._configured(workdir=arguments.place("workdir", path).rstrip("/") or "/")

    def user(self, name: str) -> Image:
        """As whom later steps and the image's program run: a name, `uid` or `uid:gid`."""
        return self._configured(user=arguments.text("user", name))

    def entrypoint(self, *argv: str) -> Image:
        return self._configured(entrypoint=arguments.argv("entrypoint", argv))

    def cmd(self, *argv: str) -> Image:
        return self._configured(cmd=arguments.argv("cmd", argv))

    def label(self, labels: Mapping[str, str]) -> Image:
        found = {**dict(self.made.config.labels), **arguments.texts("label", labels)}
        return self._configured(labels=tuple(found.items()))

    def expose(self, port: int, *, host: int = 0, service: str = "") -> Image:
        """A port of the image; in an environment it is published as `host`, 0 for any free one."""
        arguments.number("expose", port, 65535, least=1)
        arguments.number("expose", host, 65535)
        ports = tuple(dict.fromkeys((*self.made.config.ports, f"{port}/tcp")))
        opened = (*self.made.runtime.ports, Port(port, host, arguments.text("expose", service)))
        return self._configured(ports=ports)._running(ports=opened)

    def gpus(self, count: int = -1) -> Image:
        """How many GPUs an environment asks for: -1 for all, 0 for none."""
        return self._running(gpus=arguments.number("gpus", count, 1024, least=-1))

    def daemon(self, *argv: str) -> Image:
        """A program that an environment keeps running."""
        return self._running(daemons=(*self.made.runtime.daemons, arguments.argv("daemon", argv)))

    def init(self, script: str) -> Image:
        """Lines of bash that run at each start of an environment, as its user."""
        return self._running(init=(*self.made.runtime.init, STRICT + arguments.text("init", script)))

    # Images of images

    def platform(self, name: str) -> Image:
        """Grow from the base image of another platform (`linux/arm64`) than the one that is built for."""
        base = base_image(self.made.state)
        if base is None or not _PLATFORM.fullmatch(arguments.text("platform", name)):
            raise wrong(f"platform: not a platform of a base image: `{name}`", "write it as `linux/arm64`")
        return self._on(replace(base, platform=name))

    def merge(self, *images: Image) -> Image:
        """All files of `images` on top of this one's, later ones winning; its configuration stays."""
        inputs = (self.made.state, *(_image("merge", image).made.state for image in images))
        return self._then(Merge(inputs, note("merge images")), ANYWHERE)

    def diff(self, lower: Image) -> Image:
        """Only what this image adds to `lower`: `base.merge(built.diff(base))`."""
        state = Diff(_image("diff", lower).made.state, self.made.state, note=note("difference of images"))
        return self._then(state, ANYWHERE)

    def parallel(self, *branches: Callable[[Image], Image]) -> Image:
        """Work that goes on side by side: each function is given this image and adds to it; later ones win.

        `image.parallel(lambda image: image.apt_install("make"), lambda image: image.pip_install("numpy"))`
        """
        start = replace(self.made, touched=())
        ends = [_image("parallel", branch(Image.of(start))).made for branch in branches]
        made = side_by_side(start, ends, note("join work done side by side"))
        return Image.of(replace(made, touched=(*self.made.touched, *made.touched)))

    # Out of the program

    def definition(self, name: str = "image", *, access: bool = False) -> Definition:
        """What is built; paths count from the current directory. With `access` it is an environment to enter, called
        `name`. Raises DefinitionError."""
        from ez.build.frontends.inputs import Inputs
        from ez.build.load import define
        from ez.build.python.complete import described

        here, made = Path.cwd(), self.made
        inputs = Inputs(here)
        return define(described(made.state, made.config, made.runtime, inputs, name, access), inputs, here)

    def build(
        self,
        tag: str,
        engine: Address | Path | str | None = None,
        *,
        environment: Mapping[str, str] = MappingProxyType({}),
        **options: Any,
    ) -> BuiltImage:
        """Build it as the image `tag` of the engine at `engine`: a socket's path, or `tcp://host:port`.

        Without one it is the engine that the Docker CLI would use with the variables in `environment`; `os.environ`
        is not read unless it is given.

        `options` are those of `ez.build.solve.build` (`network`, `secrets`, `sink`, ...), and so is what it raises.
        """
        from ez.build.engines.discover import find_engine
        from ez.build.solve import build

        definition = self.definition()
        address = find_engine(environment, Path.home()).address if engine is None else _address(engine)
        with ThreadPoolExecutor(1) as outside_of_a_notebooks_loop:
            return outside_of_a_notebooks_loop.submit(build, definition, address, tag, **options).result()

    # How a call makes a new value

    def _then(self, state: State, touch: Touch, **changes: Any) -> Image:
        return Image.of(replace(self.made, state=state, touched=(*self.made.touched, touch), **changes))

    def _files(self, label: str, *actions: FileAction) -> Image:
        return self._then(Files(self.made.state, actions, note(label)), touch_of(actions))

    def _configured(self, **changes: Any) -> Image:
        return Image.of(replace(self.made, config=replace(self.made.config, **changes)))

    def _running(self, **changes: Any) -> Image:
        return Image.of(replace(self.made, runtime=replace(self.made.runtime, **changes)))

    def _on(self, base: ImageSource) -> Image:
        old = base_image(self.made.state)
        assert old is not None
        return Image.of(replace(self.made, state=rebased(self.made.state, old, base)))

    def _as_root(self) -> Surroundings:
        config = self.made.config
        return Surroundings(tuple({"DEBIAN_FRONTEND": "noninteractive", **dict(config.env)}.items()), config.path)


def Scratch() -> Image:
    """An image without any file, to be filled with `copy_from`, `git` or `http`."""
    return Image.of(Made(graph.Scratch()))


def _address(engine: Address | Path | str) -> Address:
    if isinstance(engine, str) and "://" in engine:
        return Address.parse(engine)
    return engine if isinstance(engine, Address) else Address.unix(engine)


def _image(call: str, given: object) -> Image:
    if not isinstance(given, Image):
        raise wrong(f"{call}: not an image: `{str(given)[:60]}`", 'give a value made with `Image("...")`')
    return given


def _state_of(origin: object) -> sources.Origin:
    if isinstance(origin, Image):
        return origin.made.state
    if isinstance(origin, str | Git | Http | Local):
        return origin
    raise wrong(f"not a place to copy from: `{str(origin)[:60]}`", "give an image, or Git, Http or Local")


def _shown(origin: object) -> str:
    """Where files come from, as people read it before the path."""
    match origin:
        case str():
            return f"{origin}:"
        case Git() | Http():
            return f"{origin.url} "
        case _:
            return ""
