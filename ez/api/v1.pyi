"""The names of a build file, v1 of the language. Made by scripts/docs."""

from typing import Any, NoReturn

class DataSource: ...

class _Json:
    def encode(self, x: Any) -> str: ...
    def decode(self, x: str) -> Any: ...

json: _Json

def load(module: str, *names: str, **renamed: str) -> None:
    """Names of another build file. The path counts from the file that loads it."""

def struct(**members: Any) -> Any: ...
def fail(*words: Any) -> NoReturn: ...
def base(image: str = "", dev: bool = False, *, order: str = "") -> None:
    """The image to build on (Debian, Ubuntu and their like fully) and whether it is a development
    image."""

def shell(name: str, /) -> None:
    """The shell of a development image: `bash`, `zsh` or `fish`."""

def run(commands: list[str], mount_host: bool = False, *, stage: str = "last") -> None:
    """Commands in one shell (`set -euo pipefail`), in call order, as the user in a development image,
    else as root."""

def git_config(name: str = "", email: str = "", editor: str = "") -> None:
    """Name, address and editor in the Git settings of a development image."""

def include(git: str = "", *, ref: str = "") -> Any:
    """Run the build files of another Git repo; what they define are the members of what it gives."""

_build_context_dir: str

class _Install:
    def python(self, version: str = "3.11") -> None:
        """Python of this version, in an environment of its own that belongs to the user."""

    def conda(self, use_mamba: bool = False) -> None:
        """Python and packages come from conda, by micromamba; `install.python` is then conda's."""

    def uv(self, python_version: str = "3.11") -> None:
        """uv, and a Python that it manages."""

    def pixi(self, use_pixi_mirror: bool = False, pypi_index: str = "") -> None:
        """pixi, with its mirror and package index in its settings."""

    def r_lang(self, *args: Any, **kwargs: Any) -> None:
        """R, from the distribution, unless the base image has it."""

    def julia(self, *args: Any, version: str = "", **kwargs: Any) -> None:
        """Julia; `version=` another one than the table's."""

    def rust(self, version: str = "") -> None:
        """Rust, by rustup, with what it links programs with."""

    def go(self, version: str = "") -> None:
        """Go."""

    def nodejs(self, version: str = "") -> None:
        """Node.js with npm."""

    def codex(self, version: str = "") -> None:
        """The Codex command line."""

    def apt_packages(self, name: list[str] = []) -> None:
        """Packages of the distribution, all calls in one command."""

    def python_packages(
        self,
        name: list[str] = [],
        requirements: str = "",
        local_wheels: list[str] = [],
        *,
        project: str = "",
        secrets: list[str] = [],
    ) -> None:
        """Each list is one installation; the last requirements file; wheels of the repo. Entries may hold
        options of pip. `project=` is a directory with `pyproject.toml` and its lock; `secrets=` name what a
        private index needs."""

    def conda_packages(self, name: list[str] = [], channel: list[str] = [], env_file: str = "") -> None:
        """Packages of conda, all calls in one command, or the environment file of the last call."""

    def r_packages(self, name: list[str]) -> None:
        """Packages of R, one command for each call."""

    def julia_packages(self, name: list[str]) -> None:
        """Packages of Julia, one command for each call."""

    def cuda(self, version: str, cudnn: str = "") -> None:
        """NVIDIA's image with this version of CUDA as the base, and GPUs when it runs."""

    def vscode_extensions(self, name: list[str]) -> None:
        """Extensions for VS Code from Open VSX, in development images: `publisher.name` or
        `publisher.name-1.2.3`."""

install: _Install

class _Config:
    def apt_source(self, source: str = "") -> None:
        """The whole content of `/etc/apt/sources.list`."""

    def pip_index(self, url: str, extra_url: str = "", trust: bool = False) -> None:
        """The package index of pip and uv, and a second one."""

    def conda_channel(self, channel: str = "") -> None:
        """The text of conda's settings file."""

    def cran_mirror(self, url: str = "") -> None:
        """Where packages of R come from."""

    def julia_pkg_server(self, url: str = "") -> None:
        """Where packages of Julia come from, while it is built and in the environment."""

    def jupyter(self, token: str = "", port: int = 0) -> None:
        """Jupyter as a service on port 8888 inside; `port` is the one on the computer, 0 any free one."""

    def rstudio_server(self, *args: Any, **kwargs: Any) -> None:
        """RStudio Server as a service on port 8787 inside."""

    def gpu(self, count: int = 0) -> None:
        """How many GPUs the environment gets when it starts; -1 is all."""

    def shm_size(self, size: int) -> None:
        """Size of the shared memory in MB."""

    def entrypoint(self, args: list[str]) -> None:
        """The program of an image that is not for development; calls add up."""

    def repo(self, url: str, description: str = "") -> None:
        """Where the repo is, as labels of the image."""

    def owner(self, uid: int, gid: int) -> None:
        """The user's and group's id in the environment; in an image that is not for development, whose the
        copied files are."""

config: _Config

class _Runtime:
    def command(self, commands: dict[str, str]) -> None:
        """Named commands, for `ez env exec --command NAME`."""

    def daemon(self, commands: list[list[str]]) -> None:
        """Services of a development image, each supervised, with its own log: `ez env logs NAME
        SERVICE`."""

    def expose(self, envd_port: int, host_port: int = 0, service: str = "", listen_addr: str = "127.0.0.1") -> None:
        """A port inside, and the one on the computer that leads there; 0 is any free one."""

    def environ(self, env: dict[str, str] = {}, extra_path: list[str] = []) -> None:
        """Variables and entries of PATH, while it is built and in the image."""

    def mount(self, host_path: str | DataSource, envd_path: str) -> None:
        """A directory of the computer, or one that ez keeps (`data.envd`), inside the environment."""

    def init(self, commands: list[str]) -> None:
        """Commands at each start, before the services."""

runtime: _Runtime

class _Io:
    def copy(self, source: str, target: str, image: str = "") -> None:
        """A file or directory of the repo, or of another image."""

    def http(self, url: str, checksum: str = "", filename: str = "") -> None:
        """A file from the web, in `/home/envd/extra_source`."""

io: _Io

class _Service:
    def tensorboard(
        self, envd_port: int = 6006, envd_dir: str = "/home/envd/logs", host_port: int = 0, host_dir: str = ""
    ) -> None:
        """TensorBoard over `envd_dir` as a service; `host_dir` is a directory of the computer to see
        there."""

    def jupyter_lab(self, envd_port: int = 8888, host_port: int = 0, token: str = "''") -> None:
        """JupyterLab as a service, with the token given to the container alone."""

    def jupyter_notebook(self, envd_port: int = 8888, host_port: int = 0, token: str = "''") -> None:
        """Jupyter Notebook as a service, with the token given to the container alone."""

service: _Service

class _Envdlib:
    def tensorboard(
        self, envd_port: int = 6006, envd_dir: str = "/home/envd/logs", host_port: int = 0, host_dir: str = "/tmp"
    ) -> None:
        """envdlib's function, without `include`; as there it mounts the computer's `/tmp` unless told
        otherwise."""

    def jupyter_lab(self, envd_port: int = 8888, host_port: int = 0, token: str = "''") -> None:
        """As `service.jupyter_lab`."""

    def jupyter_notebook(self, envd_port: int = 8888, host_port: int = 0, token: str = "''") -> None:
        """As `service.jupyter_notebook`."""

    def mirror(self, pip: str = "tuna", conda: str = "tuna", apt: str = "tuna") -> None:
        """Public mirrors for pip, apt and, where conda is asked for, conda."""

    def mirror_pip(self, source: str = "tuna") -> None:
        """A public mirror for pip: `tuna`, `ustc`, `bfsu` or `aliyun`."""

    def mirror_conda(self, source: str = "tuna") -> None:
        """A public mirror for conda."""

    def mirror_apt(self, source: str = "tuna", include_alpha: bool = False) -> None:
        """A public mirror for apt, of the release that the base image is."""

    def golang(self, version: str = "1.18.8") -> None:
        """As `install.go`."""

    def rust(self) -> None:
        """As `install.rust`."""

    def open_mmlab(self, packages: list[str]) -> None:
        """Packages of OpenMMLab, by openmim."""

    def tensorrt(self, os: str = "20.04", cuda: str = "11.6.2", trt: str = "8.4.3.1") -> None:
        """An error that says how to have TensorRT: its archive needs an account."""

envdlib: _Envdlib

class _DataPath:
    huggingface: str
    dgl: str

class _Data:
    def envd(self, name: str = "") -> DataSource:
        """A directory that ez keeps on the computer for all environments, to mount:
        `~/.cache/envd/data/NAME`, where envd has it."""

    path: _DataPath

data: _Data
