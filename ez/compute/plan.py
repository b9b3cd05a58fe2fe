"""What has to be done to a computer before it can work: facts -> ordered steps, pure."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace

from ez.compute.downloads import engine_settings, package_settings, proxy_settings
from ez.compute.facts import Facts
from ez.errors import PrepareError
from ez.models import Network
from ez.ssh.config_text import computer_alias

OLDEST_ENGINE = (20, 10)
"""The first release whose BuildKit ez can drive; Debian 11 and 12 bring it."""

PACKAGE_SPACE = 1_500_000_000
"""Bytes that a Docker Engine's packages and their downloads want on the system disk, with some air."""

IMAGE_SPACE = 2_000_000_000
"""Bytes for images below which a build hardly succeeds."""

VENDOR_REPOSITORY = "https://download.docker.com/linux"
"""Where Docker publishes its packages (docs.docker.com/engine/install); asked first, then the distribution."""

_GUIDE = "install Docker Engine there (docs.docker.com/engine/install)"


@dataclass(frozen=True)
class Step:
    """One change: `script` is a program of this room's `scripts/`, run as root with `args`; doing it twice is safe.

    `settings` are files (name, text) for the script, for values that a process list must not show.
    `needs_reconnect`: only a new login sees the effect. That a step worked is verified by reading the facts again:
    the plan for them must be empty.
    """

    id: str
    title: str
    script: str
    args: tuple[str, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    needs_reconnect: bool = False


def plan(facts: Facts, need: Network, *, engine: bool = True) -> tuple[Step, ...]:
    """The steps that make the computer ready, in order; none when it is ready.

    `need` is applied to what ez installs; an engine that is there is never reconfigured. Without `engine` the computer
    needs none, or has another one, and its Docker Engine is left as it is.
    Raises PrepareError when the computer cannot be made ready.
    """
    if not engine:
        facts = replace(facts, engine=replace(facts.engine, state="user", kind="", client="", version=""))
    _check_engine(facts)
    installs, rest = _installs(facts, need), _engine_steps(facts)
    if not installs and not rest:
        return ()
    if installs:
        _check_installer(facts, installs)
    _check_rights(facts, (*installs, *rest))
    return (*_clearing(facts), *_network_steps(facts, need, installs), *installs, *rest)


def warnings(facts: Facts) -> tuple[str, ...]:
    """What does not hinder the work now, in sentences for the person."""
    found = []
    if facts.engine.state == "user" and facts.disk.images < IMAGE_SPACE:
        found.append(f"only {gigabytes(facts.disk.images)} are free for images on `{facts.computer}`")
    if facts.engine.rootless:
        found.append(f"the Docker Engine of `{facts.computer}` is rootless: files may get other owners")
    return tuple(found)


def on(facts: Facts, command: str) -> str:
    """A command line to type here that runs `command` on the computer of `facts`, with a terminal for questions."""
    return command if facts.computer == "local" else f"ssh -t {computer_alias(facts.computer)} {shlex.quote(command)}"


def gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"


def _check_engine(facts: Facts) -> None:
    """Raise for an engine or a client that is there and cannot be used."""
    engine = facts.engine
    if engine.kind == "snap":
        _refuse(facts, "the snap package of Docker cannot be used", on(facts, "sudo snap remove docker"))
    if engine.kind == "podman":
        _refuse(facts, "`docker` is Podman's stand-in", on(facts, "sudo apt-get remove podman-docker"))
    if engine.client and not engine.socket:
        _refuse(facts, "the docker client uses another machine's engine", on(facts, "docker context use default"))
    if engine.state == "silent":
        _refuse(facts, "the Docker Engine does not answer", on(facts, "sudo systemctl restart docker"))
    if engine.version and engine.release < OLDEST_ENGINE:
        _refuse(facts, f"Docker Engine {engine.version} is too old, 20.10 is needed", _GUIDE)
    if engine.state in ("absent", "stopped", "headless") and facts.init != "systemd":
        by_hand = on(facts, "sudo dockerd") if engine.daemon else f"{_GUIDE} and start it"
        _refuse(facts, "a Docker Engine cannot be started without systemd", by_hand)


def _installs(facts: Facts, need: Network) -> tuple[Step, ...]:
    settings = package_settings(facts.os, need)
    steps = []
    if not facts.git:
        steps.append(Step("git", "install Git", "install-git", settings=settings))
    if facts.engine.state == "absent":
        system = facts.os.id if facts.os.id in ("debian", "ubuntu") else ""
        arguments = (VENDOR_REPOSITORY, system, facts.os.codename)
        steps.append(Step("engine", "install Docker Engine", "install-engine", arguments, settings))
    elif facts.engine.state == "headless":
        steps.append(Step("client", "install the docker client", "install-client", settings=settings))
    return tuple(steps)


def _engine_steps(facts: Facts) -> tuple[Step, ...]:
    """What follows an installation, or stands alone where the engine is there."""
    steps = []
    if facts.engine.state in ("absent", "stopped", "headless"):
        steps.append(Step("start", "start the Docker Engine", "start-engine"))
    if facts.engine.state != "user" and facts.uid != 0 and "docker" not in facts.groups:
        title = f"let `{facts.user}` use the Docker Engine"
        steps.append(Step("group", title, "join-group", (facts.user,), needs_reconnect=True))
    elif facts.engine.state in ("sudo", "denied"):
        what = f"the Docker Engine refuses `{facts.user}`, who is in group docker"
        _refuse(facts, what, on(facts, "ls -l /var/run/docker.sock"))
    return tuple(steps)


def _check_installer(facts: Facts, installs: tuple[Step, ...]) -> None:
    what = " and ".join(step.title.removeprefix("install ") for step in installs)
    if facts.packages.manager != "apt-get" or not facts.os.is_debian_like:
        system = facts.os.name or facts.os.id
        again = f"install {what} there, then: ez compute prepare {facts.computer}"
        _refuse(facts, f"ez cannot install {what} on {system}", again)
    free = min(facts.disk.root, facts.disk.packages)
    if free < PACKAGE_SPACE:
        needed = f"{gigabytes(free)} free, {gigabytes(PACKAGE_SPACE)} needed to install {what}"
        _refuse(facts, f"disk nearly full, {needed}", on(facts, "sudo apt-get clean && df -h / /var"))


def _check_rights(facts: Facts, steps: tuple[Step, ...]) -> None:
    what = ", ".join(step.title for step in steps)
    if facts.sudo == "password":
        line = f"{facts.user} ALL=(ALL) NOPASSWD: ALL"
        allow = on(facts, f"echo {shlex.quote(line)} | sudo tee /etc/sudoers.d/ez")
        _refuse(facts, f"sudo asks for a password, and root is needed to {what}", allow)
    if facts.sudo == "none":
        ask = f"ask its administrator for Git, Docker Engine and: usermod -aG docker {facts.user}"
        _refuse(facts, f"`{facts.user}` cannot become root, which is needed to {what}", ask)


def _clearing(facts: Facts) -> tuple[Step, ...]:
    """What has to end or be mended before packages can be installed."""
    steps = []
    if facts.cloud_init == "running":
        steps.append(Step("wait", "wait for the first boot's own setup", "wait"))
    elif facts.packages.held:
        steps.append(Step("wait", "wait for another installation", "wait"))
    if facts.packages.interrupted:
        steps.append(Step("repair", "finish an installation that was cut off", "repair"))
    return tuple(steps)


def _network_steps(facts: Facts, need: Network, installs: tuple[Step, ...]) -> tuple[Step, ...]:
    steps = []
    if installs and need.ca_bundle:
        settings = (("ca-bundle", need.ca_bundle), *package_settings(facts.os, need))
        steps.append(Step("authorities", "trust your certificate authorities", "trust", settings=settings))
    if facts.engine.state == "absent" and (settings := proxy_settings(need)):
        steps.append(Step("proxy", "give the engine your proxy", "engine-proxy", settings=settings))
    if facts.engine.state == "absent" and (settings := engine_settings(facts, need)):
        steps.append(Step("mirror", "give the engine your registry mirror", "engine-mirror", settings=settings))
    return tuple(steps)


def _refuse(facts: Facts, what: str, hint: str) -> None:
    """With the reason why a buildkitd is not enough, where there is one and nothing else."""
    only_builds = facts.buildkit.is_there and facts.engine.state != "user"
    about = "; its buildkitd builds images, and environments need a Docker Engine" if only_builds else ""
    raise PrepareError(f"{what}: `{facts.computer}`{about}", hint)
