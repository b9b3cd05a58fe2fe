"""What is there of an environment on a computer, read in the same round trip as the computer's facts."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from ez.models import Port

LABEL_ENVIRONMENT = "ez.env"
LABEL_DIGEST = "ez.digest"
LABEL_SPEC = "ez.spec"
LABEL_REPO = "ez.repo"
LABEL_REF = "ez.ref"
LABEL_KEYS = "ez.keys"
LABEL_WORKDIR = "ez.workdir"
LABEL_TREE = "ez.tree"
LABEL_MOUNTS = "ez.mounts"
LABEL_SERVICES = "ez.services"


@dataclass(frozen=True)
class Container:
    """The environment's container as the engine describes it; `extra` are the variables given with `--env`."""

    name: str
    running: bool
    status: str
    image: str
    labels: dict[str, str] = field(default_factory=dict)
    ports: tuple[Port, ...] = ()
    extra: tuple[tuple[str, str], ...] = ()
    exit_code: int = 0

    @property
    def environment(self) -> str:
        return self.labels.get(LABEL_ENVIRONMENT, "")

    @property
    def digest(self) -> str:
        return self.labels.get(LABEL_DIGEST, "")

    @property
    def spec(self) -> str:
        return self.labels.get(LABEL_SPEC, "")


@dataclass(frozen=True)
class Probe:
    """`sessions` counts the SSH sessions open inside; `host_key` is the container's public host key line. `saved` says
    when the computer rested by itself, and where it put work that was nowhere else."""

    container: Container | None = None
    sessions: int = 0
    host_key: str = ""
    authorized: tuple[str, ...] = ()
    saved: str = ""


def script(name: str) -> str:
    """A shell program of this room."""
    return files("ez.env").joinpath("scripts", f"{name}.sh").read_text("utf-8")


def parse_probe(text: str) -> Probe:
    """The lines of `probe.sh` or `start.sh`; anything else in them is ignored."""
    container, sessions, host_key, authorized, saved = None, 0, "", [], ""
    for line in text.split("\n"):
        key, _, value = line.partition(" ")
        if key == "container":
            container = parse_container(value)
        elif key == "sessions" and value.strip().isdigit():
            sessions = int(value)
        elif key == "host-key":
            host_key = " ".join(value.split()[:2])
        elif key == "authorized":
            authorized.append(value)
        elif key == "saved":
            saved = value
    return Probe(container, sessions, host_key, tuple(authorized), saved)


def parse_container(text: str) -> Container | None:
    """The engine's JSON of one container; None where it is not one of ez's."""
    import json

    try:
        data = json.loads(text)
        config, state = data["Config"], data["State"]
        labels = {str(key): str(value) for key, value in (config.get("Labels") or {}).items()}
        if LABEL_ENVIRONMENT not in labels:
            return None
        return Container(
            name=str(data["Name"]).lstrip("/"),
            running=bool(state.get("Running")),
            status=str(state.get("Status", "")),
            image=str(config.get("Image", "")),
            labels=labels,
            ports=_ports((data.get("NetworkSettings") or {}).get("Ports") or {}, labels.get(LABEL_SERVICES, "")),
            extra=_extra(config.get("Env") or [], labels.get(LABEL_KEYS, "")),
            exit_code=int(state.get("ExitCode", 0)),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _ports(published: dict[str, Any], services: str) -> tuple[Port, ...]:
    """`services` are their names, as `8888=jupyter` with spaces between them."""
    names = dict(entry.partition("=")[::2] for entry in services.split())
    found = []
    for inside, bindings in published.items():
        number = inside.split("/")[0]
        for binding in bindings or []:
            name = names.get(number, "")
            found.append(Port(int(number), int(binding["HostPort"]), name, str(binding["HostIp"])))
    return tuple(sorted(found, key=lambda port: (port.container, port.host)))


def _extra(environment: list[str], keys: str) -> tuple[tuple[str, str], ...]:
    wanted = keys.split(",") if keys else []
    values = dict(entry.partition("=")[::2] for entry in environment)
    return tuple((key, values[key]) for key in wanted if key in values)
