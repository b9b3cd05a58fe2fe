"""`service.*`: programs that answer at a port."""

from __future__ import annotations

import shlex

from ez.build.frontends.envd.language import Builtin, Call, Parameter
from ez.build.frontends.envd.namespaces import runtime
from ez.build.frontends.envd.record import At, Record, Service
from ez.build.image.services import JUPYTER, program
from ez.models import HostMount, Port

NO_TOKEN = "''"
"""How envdlib writes that there is none."""


def _tensorboard(record: Record, call: Call) -> None:
    target = runtime.mount_target(call.string("envd_dir"))
    if not target:
        shown = call.string("envd_dir")
        raise call.wrong(f"tensorboard: not a directory in the environment: `{shown}`", "give an absolute path")
    port = _published(record, call, "tensorboard")
    if call.string("host_dir"):
        source = runtime.mount_source(call.string("host_dir"), call)
        record.mounts.append(At(HostMount(source, target), call.position))
    _need(record, call, "tensorboard")
    words = ("tensorboard", "--logdir", target, "--port", str(port), "--host", "0.0.0.0")
    _add(record, "tensorboard", f"#!/bin/sh\nexec {shlex.join(words)}\n")


def _jupyter_lab(record: Record, call: Call) -> None:
    _jupyter(record, call, "lab", "jupyterlab")


def _jupyter_notebook(record: Record, call: Call) -> None:
    _jupyter(record, call, "notebook", "notebook")


def _jupyter(record: Record, call: Call, kind: str, package: str) -> None:
    """The token goes to the container alone, as a variable."""
    token = call.string("token")
    if not token.isprintable():
        raise call.wrong(f"{kind}: a token with control characters", "use letters and digits")
    port = _published(record, call, f"jupyter-{kind}")
    _need(record, call, package)
    variable = f"EZ_JUPYTER_{port}_TOKEN"
    if token not in ("", NO_TOKEN):
        record.private[variable] = token
    _add(record, f"jupyter_{kind}", program(JUPYTER, kind, str(port), variable))


def _need(record: Record, call: Call, package: str) -> None:
    if all(asked.value != (package,) for asked in record.pip_packages):
        record.pip_packages.append(At((package,), call.position))


def _published(record: Record, call: Call, service: str) -> int:
    inside, outside = runtime.ports_of(call)
    record.ports.append(Port(inside, outside, service))
    return inside


def _add(record: Record, name: str, text: str) -> None:
    """A second one of the same kind has a log of its own."""
    taken = {service.name for service in record.services}
    names = (name, *(f"{name}_{number}" for number in range(1, len(taken) + 1)))
    record.services.append(Service(next(one for one in names if one not in taken), text))


def _tensorboard_parameters(host_directory: str) -> tuple[Parameter, ...]:
    return (
        Parameter("envd_port", "int", 6006),
        Parameter("envd_dir", default="/home/envd/logs"),
        Parameter("host_port", "int", 0),
        Parameter("host_dir", default=host_directory),
    )


_JUPYTER_PARAMETERS = (
    Parameter("envd_port", "int", 8888),
    Parameter("host_port", "int", 0),
    Parameter("token", default=NO_TOKEN),
)


def builtins(space: str, host_directory: str) -> tuple[Builtin, ...]:
    """The services as functions of `space`; `host_directory` is what TensorBoard mounts unless told otherwise."""
    return (
        Builtin(f"{space}.tensorboard", _tensorboard, _tensorboard_parameters(host_directory)),
        Builtin(f"{space}.jupyter_lab", _jupyter_lab, _JUPYTER_PARAMETERS),
        Builtin(f"{space}.jupyter_notebook", _jupyter_notebook, _JUPYTER_PARAMETERS),
    )


BUILTINS = builtins("service", "")
