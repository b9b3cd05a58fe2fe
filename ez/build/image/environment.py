"""What makes an image one to enter with `ez env go`: its environment, its configuration and its services.

The image has the user, sshd and the container's init (`layers.access` right on the base image, so that environments
share it; `layers.programs` last, so that a changed service runs no step again).
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from ez.build.graph import ImageConfig
from ez.build.image.layers import HOME, INIT, USER
from ez.models import Runtime

LOCALE = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
SHELLS = {"bash": "/bin/bash", "zsh": "/usr/bin/zsh", "fish": "/usr/bin/fish"}
STRICT = "set -euo pipefail\n"

USER_PATH = f"{HOME}/.local/bin"


def variables(workdir: str, shell: str) -> dict[str, str]:
    """What names the environment and its shell."""
    return {"ENVD_WORKDIR": workdir, "SHELL": SHELLS[shell]}


def services(
    init: Iterable[str],
    daemons: Iterable[Iterable[str]],
    more: Iterable[tuple[str, str]] = (),
    *,
    join: Callable[[Iterable[str]], str] = shlex.join,
) -> dict[str, str]:
    """Programs by envd's names for them: shell scripts that run at each start, and commands to keep running.

    `more` are programs of ez's own to keep running, by names that do not begin with `init_`. `join` makes a line of
    shell of a command.
    """
    scripts = {f"init_{number}": f"#!/bin/bash\n{script}\n" for number, script in enumerate(init)}
    commands = {f"daemon_{number}": f"#!/bin/sh\nexec {join(command)}\n" for number, command in enumerate(daemons)}
    return scripts | commands | dict(more)


def image_config(config: ImageConfig, workdir: str) -> ImageConfig:
    """`config` for a container that starts ez's init, as root."""
    return replace(config, user="root", workdir=workdir, entrypoint=(INIT,), cmd=())


def runtime(base: Runtime, workdir: str, environ: Mapping[str, str], path: tuple[str, ...]) -> Runtime:
    return replace(base, user=USER, home=HOME, workdir=workdir, environ=tuple(sorted(environ.items())), path=path)
