"""Bring the index up to date with the truth: the containers on the computers, by their labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

from ez.compute.ensure import all_computers
from ez.env.container import container_name
from ez.env.manage import on_computer
from ez.env.probe import LABEL_REF, LABEL_REPO, LABEL_TREE, LABEL_WORKDIR, Container, Probe
from ez.errors import EzError
from ez.events import Notice, Sink
from ez.ssh.host import Host
from ez.state import EnvironmentRecord, State

MISSING = "missing"


def refresh(
    state: State, connect: Callable[[str], AbstractContextManager[Host]], computer: str | None, sink: Sink
) -> None:
    """Ask `computer`, or all of them; one that cannot be asked is told of and keeps its records."""
    names = [item.name for item in all_computers(state)]
    for name in [computer] if computer else names:
        with _told(name, sink), connect(name) as host:
            _update(state, name, on_computer(host))


@contextmanager
def _told(name: str, sink: Sink) -> Iterator[None]:
    try:
        yield
    except EzError as error:
        sink(Notice(f"`{name}` could not be asked: {error.message}", "warning"))


def _update(state: State, computer: str, found: tuple[Probe, ...]) -> None:
    known = [probe.container for probe in found if probe.container is not None]
    # Images hand their labels on, so that a label alone does not make a container ours.
    containers = {item.environment: item for item in known if item.name == container_name(item.environment)}
    with state.transaction():
        for record in state.environments(computer):
            container = containers.pop(record.name, None)
            status = container.status if container else MISSING
            ports = container.ports if container else ()
            state.save_environment(replace(record, status=status, ports=ports))
        for name, container in containers.items():
            state.save_environment(_record(name, computer, container))


def _record(name: str, computer: str, container: Container) -> EnvironmentRecord:
    """What the labels tell of an environment that the index does not know."""
    repo = container.labels.get(LABEL_REPO, "")
    is_path = repo.startswith("/")
    return EnvironmentRecord(
        name=name,
        computer=computer,
        repo_url="" if is_path else repo,
        repo_path=repo if is_path else "",
        ref=container.labels.get(LABEL_REF, ""),
        container=container.name,
        image=container.image,
        digest=container.digest,
        alias=f"{name}.ez",
        workdir=container.labels.get(LABEL_WORKDIR, ""),
        host_path=container.labels.get(LABEL_TREE, ""),
        ports=container.ports,
        status=container.status,
    )
