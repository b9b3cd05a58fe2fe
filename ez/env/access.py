"""How a person gets into an environment: its SSH alias, the keys it lets in, its place in the index."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ez.build.definition import Definition
from ez.build.engines.discover import find_docker
from ez.config import Settings
from ez.env.container import ATTACH, container_name
from ez.env.credentials.signing import signing_lines
from ez.env.probe import Probe, script
from ez.env.reference import ssh_address
from ez.env.request import GoContext, GoRequest, Request
from ez.env.source import Source
from ez.env.source.git import git, text
from ez.errors import ContainerError, UsageError
from ez.models import Access, Computer, Image, LocalEndpoint, SshEndpoint
from ez.ssh.host import Host
from ez.ssh.hostkeys import known_hosts_lines_for
from ez.ssh.resolve import resolve
from ez.state import EnvironmentRecord


def git_hosts(request: Request, context: GoContext) -> str:
    """known_hosts lines of the repo's Git servers, as far as this person knows them."""
    if request.repo.url is not None:
        urls = [request.repo.url]
    else:
        listed = git(
            ["config", "--get-regexp", r"^remote\..*\.url$"], directory=Path(request.repo.path or "."), check=False
        )
        urls = [line.partition(" ")[2] for line in text(listed.stdout).splitlines()]
    return known_hosts_of(urls, context)


def known_hosts_of(urls: Iterable[str], context: GoContext) -> str:
    """known_hosts lines of the servers of Git addresses, as far as this person knows them."""
    lines: list[str] = []
    for address in dict.fromkeys(filter(None, map(_ssh_address, urls))):
        lines += _known(address, context)
    return "\n".join(lines)


def _ssh_address(url: str) -> tuple[str, int] | None:
    try:
        return ssh_address(url)
    except UsageError:
        return None


def _known(address: tuple[str, int], context: GoContext) -> tuple[str, ...]:
    """Lines for a server by the name that people give it, also where their OpenSSH configuration renames it."""
    settings = context.settings
    host, port = address
    environment, home = settings.environment, settings.directories.home
    resolved = resolve(SshEndpoint(host, port), environment=environment, home=home, config_file=context.config_file)
    return known_hosts_lines_for(host, port, resolved.known_hosts, environment=environment)


def lets_in(context: GoContext, probe: Probe) -> bool:
    """Whether the environment knows this person's key already."""
    return context.ssh().client_key()[1] in probe.authorized


def prepare_home(request: GoRequest, context: GoContext, host: Host, directories: Iterable[str] = ()) -> None:
    """Put on the computer what the container reads at each start: public keys, names, certificates. Two round trips.

    `directories` are made where nothing has their names.
    """
    arguments = [request.name, context.ssh().client_key()[1], git_hosts(request, context), _git_identity(request)]
    arguments.append("\n".join(directories))
    host.script(script("home"), arguments, input=context.network.ca_bundle.encode(), timeout=30)


def _git_identity(request: GoRequest) -> str:
    """Git settings with the person's name and address, so that commits inside are theirs, and signed as theirs."""
    directory = Path(request.repo.path) if request.repo.path else Path.cwd()

    def setting(key: str) -> str:
        return text(git(["config", "--get", key], directory=directory, check=False).stdout).strip()

    lines = ["[user]"]
    for key in ("name", "email"):
        value = setting(f"user.{key}")
        if value and "\n" not in value:
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            lines.append(f'\t{key} = "{escaped}"')
    return "\n".join([*lines, *signing_lines(setting, directory)])


def publish(
    request: GoRequest,
    context: GoContext,
    computer: Computer,
    definition: Definition,
    source: Source,
    probe: Probe,
    image: Image,
) -> Access:
    """Write the SSH alias with the pinned key of the container, then the index; both at once or not at all."""
    running = probe.container
    if running is None or not probe.host_key:
        raise ContainerError(f"`{request.name}` runs and shows no host key", "run the same command with --rebuild")
    if isinstance(computer.endpoint, SshEndpoint):
        _publish_computer(context, computer, computer.endpoint)
    alias = context.ssh().publish_environment(
        request.name,
        computer=computer.name,
        user=definition.runtime.user,
        attach=[*_docker(context.settings, computer), "exec", "-i", "-u", "root", container_name(request.name), ATTACH],
        host_keys=[probe.host_key],
        forward_agent=request.agent,
    )
    workdir = definition.runtime.workdir or f"{definition.runtime.home}/{request.name}"
    context.state.save_environment(
        EnvironmentRecord(
            name=request.name,
            computer=computer.name,
            repo_url=request.repo.url or "",
            repo_path=request.repo.path or "",
            ref=request.repo.ref or "",
            entry=request.entry,
            container=running.name,
            image=image.reference,
            digest=definition.digest,
            alias=alias,
            workdir=workdir,
            host_path=source.checkout.path,
            ports=running.ports,
            commands=definition.runtime.commands,
            status="running",
        )
    )
    return Access(alias, definition.runtime.user, workdir, running.ports)


def _docker(settings: Settings, computer: Computer) -> list[str]:
    """The docker client; told which engine, where it would find another one without this run's variables."""
    if not isinstance(computer.endpoint, LocalEndpoint):
        return ["docker"]
    engine = find_docker(settings.environment, settings.directories.home)
    return ["docker"] if engine.lasts else ["docker", "--host", f"unix://{engine.address}"]


def _publish_computer(context: GoContext, computer: Computer, endpoint: SshEndpoint) -> None:
    settings = context.settings
    resolved = resolve(
        endpoint,
        environment=settings.environment,
        home=settings.directories.home,
        config_file=context.config_file,
    )
    context.ssh().publish_computer(computer.name, resolved, endpoint.host_keys)
