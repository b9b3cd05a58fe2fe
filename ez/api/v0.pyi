"""The names of a build file, v0 of the language. Made by scripts/docs."""

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
def base(os: str = "", language: str = "", image: str = "") -> None:
    """`language` (`python3.9`, `r`, `julia`) is `base(dev=True)` and that language in v1, Python by
    conda; `image` is `base(image=...)`. Without `base`: Python 3.11."""

def shell(name: str, /) -> None:
    """`zsh`; every other word is `bash`."""

def run(commands: list[str], mount_host: bool = False, *, stage: str = "last") -> None:
    """Commands in one shell (`set -euo pipefail`), in call order, as the user in a development image,
    else as root."""

def git_config(name: str = "", email: str = "", editor: str = "") -> None:
    """Name, address and editor in the Git settings of a development image."""

def include(git: str = "", *, ref: str = "") -> Any:
    """Run the build files of another Git repo; what they define are the members of what it gives."""

_build_context_dir: str

class _Install:
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
        """As in v1; conda is always there. Nothing in an image of your own."""

    def r_packages(self, name: list[str]) -> None:
        """As in v1; an empty list asks for nothing."""

    def julia_packages(self, name: list[str]) -> None:
        """As in v1; an empty list asks for nothing."""

    def cuda(self, version: str, cudnn: str = "8") -> None:
        """As in v1; `os` of `base` is the system below it. Nothing in an image of your own."""

    def vscode_extensions(self, name: list[str]) -> None:
        """Extensions for VS Code from Open VSX, in development images: `publisher.name` or
        `publisher.name-1.2.3`."""

install: _Install

class _Config:
    def apt_source(self, source: str = "") -> None:
        """The whole content of `/etc/apt/sources.list`."""

    def pip_index(self, url: str = "", extra_url: str = "", trust: bool = False) -> None:
        """As in v1, which needs `url` too."""

    def conda_channel(self, channel: str = "", use_mamba: bool = False) -> None:
        """As in v1; `use_mamba` is `install.conda(use_mamba=True)`."""

    def cran_mirror(self, url: str = "") -> None:
        """Where packages of R come from."""

    def julia_pkg_server(self, url: str = "") -> None:
        """Where packages of Julia come from, while it is built and in the environment."""

    def jupyter(self, token: str = "", port: int = 0) -> None:
        """As in v1, for Python alone."""

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
    def copy(self, host_path: str = "", envd_path: str = "") -> None:
        """`io.copy(source=..., target=...)` of v1."""

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
