"""What people do with an environment that exists: start, stop, look at its logs, delete it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ez.env.container import container_name
from ez.env.migrate.saving import Saved
from ez.env.probe import Probe, parse_container, parse_probe, script
from ez.errors import CommandError, ContainerError, EzError
from ez.names import is_name
from ez.ssh.host import Host

START_SECONDS = 120


@dataclass(frozen=True)
class Deleted:
    """What `delete` removed: any of `container`, `image`, `tree`; `saved` is work of the tree that was nowhere else."""

    environment: str
    computer: str
    removed: tuple[str, ...]
    saved: tuple[Saved, ...] = ()


def inspect(host: Host, environment: str) -> Probe:
    """The environment's container now; one round trip."""
    return parse_probe(host.script(script("probe"), [environment], timeout=30).text)


def start(host: Host, environment: str) -> Probe:
    """Start the stopped container and wait until it can be entered. Raises ContainerError where there is none."""
    arguments = [container_name(environment), "", "resume", ""]
    try:
        return parse_probe(host.script(script("start"), arguments, input=b"", timeout=START_SECONDS).text)
    except CommandError as error:
        raise _no_container(environment, error) from error


def stop(host: Host, environment: str) -> None:
    """Stop the container; it stays stopped over reboots. A container that is gone is stopped."""
    result = host.run(["docker", "container", "stop", "--time", "10", container_name(environment)], check=False)
    if result.exit_code and b"No such container" not in result.stderr:
        raise ContainerError(
            f"`{environment}` could not be stopped: {' '.join(result.last_lines(3))}", f"ez doctor {host.name}"
        )


def trees(host: Host) -> tuple[str, ...]:
    """Environments whose work trees ez made there, whoever asked for them."""
    return tuple(name for name in host.script(script("trees"), timeout=30).text.split() if is_name(name))


def delete(host: Host, environment: str, *, tree: bool) -> tuple[str, ...]:
    """Remove the container, its image and ez's files for it; the work tree only if `tree`. Raises EzError for a tree
    that ez did not make."""
    try:
        done = host.script(script("delete"), [environment, "tree" if tree else ""], timeout=180)
    except CommandError as error:
        if b"ez-foreign-tree" in error.result.stderr:
            raise EzError(
                f"ez did not make the work tree of `{environment}`, so it does not delete it", "leave out --work-tree"
            ) from error
        raise
    return tuple(done.text.split())


def logs(
    host: Host, environment: str, service: str, *, lines: int, follow: bool, on_line: Callable[[str], None]
) -> None:
    """Give the last `lines` of a service (empty: of the container) to `on_line`, and go on if `follow`."""
    arguments = [environment, service, str(lines), "follow" if follow else ""]
    try:
        host.script(script("logs"), arguments, on_line=on_line)
    except CommandError as error:
        text = error.result.stderr.decode("utf-8", "replace")
        if "ez-no-service" in text:
            names = text.split()[1:]
            raise EzError(
                f"`{environment}` has no service `{service}`",
                f"services with a log: {', '.join(names)}" if names else "the environment has written no service log",
            ) from error
        raise _no_container(environment, error) from error


def services(host: Host, environment: str) -> tuple[str, ...]:
    return tuple(host.script(script("services"), [environment], timeout=30).text.split())


def on_computer(host: Host) -> tuple[Probe, ...]:
    """Every environment the computer's engine knows, by their labels."""
    listing = host.run(
        ["docker", "container", "ls", "--all", "--quiet", "--filter", "label=ez.env"], check=False, timeout=30
    )
    if listing.exit_code:
        raise ContainerError(
            f"the environments of `{host.name}` cannot be listed: {' '.join(listing.last_lines(3))}",
            f"ez doctor {host.name}",
        )
    ids = listing.text.split()
    if not ids:
        return ()
    shown = host.run(["docker", "container", "inspect", "--format", "{{json .}}", *ids], timeout=30)
    found = (parse_container(line) for line in shown.text.split("\n"))
    # Not one that is about to replace another.
    return tuple(Probe(one) for one in found if one is not None and one.name == container_name(one.environment))


def _no_container(environment: str, error: CommandError) -> EzError:
    text = error.result.stderr.decode("utf-8", "replace")
    if "ez-no-container" in text or "No such container" in text:
        return ContainerError(f"`{environment}` has no container on this computer", "ez env go makes a new one")
    return ContainerError(
        f"`{environment}` could not be reached: {' '.join(error.result.last_lines(3))}", f"ez env logs {environment}"
    )
