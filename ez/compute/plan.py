"""What has to be done to a computer before it can work: facts and need -> ordered steps, pure."""

from __future__ import annotations

import shlex
from dataclasses import replace

from ez.compute.downloads import package_settings, proxy_settings
from ez.compute.engine_settings import engine_settings
from ez.compute.facts import Facts
from ez.compute.need import DEALLOCATE, POWER_OFF, SUSPEND, WATCHDOG_VERSION, Need
from ez.compute.nvidia.steps import GpuSteps, gpu_steps
from ez.compute.step import Step as Step
from ez.errors import PrepareError
from ez.ssh.config_text import computer_alias

OLDEST_ENGINE = (20, 10)
"""The first release whose BuildKit ez can drive; Debian 11 and 12 bring it."""

PACKAGE_SPACE = 1_500_000_000
"""Bytes that a Docker Engine's packages and their downloads want on the system disk, with some air."""

DRIVER_SPACE = 3_000_000_000
"""Bytes that a driver, a kernel with its headers and a compiler want beside that."""

IMAGE_SPACE = 2_000_000_000
"""Bytes for images below which a build hardly succeeds."""

VENDOR_REPOSITORY = "https://download.docker.com/linux"
"""Where Docker publishes its packages (docs.docker.com/engine/install); asked first, then the distribution."""

_GUIDE = "install Docker Engine there (docs.docker.com/engine/install)"
_ENGINE_DOWNLOADS = ("git", "engine", "client")
_UNNAMED = ("proxy", "engine-settings")
_SHOWN_TITLES = 6
_RESTS = {SUSPEND: "stop the environments", POWER_OFF: "power off", DEALLOCATE: "have the cloud stop it"}


def plan(facts: Facts, need: Need, *, repair: bool = False) -> tuple[Step, ...]:
    """The steps that make the computer ready, in order; none when it is ready.

    What is there is never upgraded or reconfigured, but for what cards need of an engine. With `repair` what ez sets
    up is put right although nothing seems to be missing. Raises PrepareError when the computer cannot be made ready.
    """
    if not need.engine:
        facts = replace(facts, engine=replace(facts.engine, state="user", kind="", client="", version=""))
    _check_engine(facts)
    gpu = gpu_steps(facts, need, repair=repair)
    if need.gpu is not None and gpu.refusal is not None and (need.gpu.required or gpu.refusal.mismatch):
        _refuse(facts, gpu.refusal.what, gpu.refusal.hint)
    settings = _settings_steps(facts, need, gpu)
    git, engine = _git_steps(facts, need), _engine_steps(facts, need, settings, repair=repair)
    late = (*gpu.late, *(settings if facts.engine.state != "absent" else ()), *gpu.last, *_watchdog(facts, need))
    steps = (*gpu.early, *git, *engine, *late)
    if not steps and not repair:
        return ()
    downloads = tuple(step for step in steps if step.id in _ENGINE_DOWNLOADS or step in gpu.downloads)
    if downloads:
        _check_installer(facts, downloads)
    _check_rights(facts, steps)
    return (*_clearing(facts, repair=repair), *_network_steps(facts, need, downloads), *steps)


def warnings(facts: Facts, need: Need | None = None, *, repair: bool = False) -> tuple[str, ...]:
    """What does not hinder the work now, in sentences for the person."""
    found = []
    if facts.engine.state == "user" and facts.disk.images < IMAGE_SPACE:
        found.append(f"only {gigabytes(facts.disk.images)} are free for images on `{facts.computer}`")
    if facts.engine.rootless:
        found.append(f"the Docker Engine of `{facts.computer}` is rootless: files may get other owners")
    gpu = gpu_steps(facts, need or Need(), repair=repair)
    found += [f"`{facts.computer}`: {note}" for note in gpu.notes]
    if gpu.refusal is not None:
        found.append(f"the cards of `{facts.computer}` cannot be used: {gpu.refusal.what} ({gpu.refusal.hint})")
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


def _git_steps(facts: Facts, need: Need) -> tuple[Step, ...]:
    settings = package_settings(facts.os, need.network)
    return () if facts.git or not need.git else (Step("git", "install Git", "install-git", settings=settings),)


def _engine_steps(facts: Facts, need: Need, settings: tuple[Step, ...], *, repair: bool) -> tuple[Step, ...]:
    """The engine: installed with its `settings` where there is none, started, and open to the login user."""
    engine, network, steps = facts.engine, need.network, list[Step]()
    packages = package_settings(facts.os, network)
    if engine.state == "absent":
        if proxy := proxy_settings(network):
            steps.append(Step("proxy", "give the engine your proxy", "engine-proxy", settings=proxy))
        system = facts.os.id if facts.os.id in ("debian", "ubuntu") else ""
        arguments = (VENDOR_REPOSITORY, system, facts.os.codename)
        steps += [*settings, Step("engine", "install Docker Engine", "install-engine", arguments, packages)]
    elif engine.state == "headless":
        steps.append(Step("client", "install the docker client", "install-client", settings=packages))
    if engine.state in ("absent", "stopped", "headless") or (repair and need.engine):
        steps.append(Step("start", "start the Docker Engine", "start-engine"))
    if engine.state != "user" and facts.uid != 0 and "docker" not in facts.groups:
        title = f"let `{facts.user}` use the Docker Engine"
        steps.append(Step("group", title, "join-group", (facts.user,), needs_reconnect=True))
    elif engine.state in ("sudo", "denied"):
        what = f"the Docker Engine refuses `{facts.user}`, who is in group docker"
        _refuse(facts, what, on(facts, "ls -l /var/run/docker.sock"))
    return tuple(steps)


def _settings_steps(facts: Facts, need: Need, gpu: GpuSteps) -> tuple[Step, ...]:
    """For an engine that ez installs, or one that has to be told of the cards."""
    files = engine_settings(facts, need, gpu=gpu.usable and bool(gpu.last)) if need.engine else ()
    if not files:
        return ()
    is_new = facts.engine.state == "absent"
    title = "settle the engine's settings" if is_new else "tell the engine of the cards"
    return (Step("engine-settings", title, "engine-settings", ("keep" if is_new else "restart",), files),)


def _watchdog(facts: Facts, need: Need) -> tuple[Step, ...]:
    if need.idle is None:
        return ()
    idle = need.idle
    wanted = (str(idle.minutes), idle.action, WATCHDOG_VERSION, *([str(idle.until)] if idle.until else []))
    if facts.watchdog.split() == list(wanted) or not (idle.minutes or idle.until or facts.watchdog):
        return ()
    if facts.init != "systemd":
        _refuse(facts, "an idle watchdog needs systemd", "leave its time out of the settings")
    when = [f"after {idle.minutes} idle minutes"] if idle.minutes else []
    when += ["when its time is over"] if idle.until else []
    title = f"{_RESTS[idle.action]} {' and '.join(when)}" if when else "end the idle watchdog"
    return (Step("watchdog", title, "watchdog", wanted),)


def _check_installer(facts: Facts, downloads: tuple[Step, ...]) -> None:
    titles = [step.title.removeprefix("install ") for step in downloads if step.title.startswith("install ")]
    what = " and ".join(titles) or "anything"
    if facts.packages.manager != "apt-get" or not facts.os.is_debian_like:
        system = facts.os.name or facts.os.id
        again = f"install {what} there, then: ez compute prepare {facts.computer}"
        _refuse(facts, f"ez cannot install {what} on {system}", again)
    free = min(facts.disk.root, facts.disk.packages)
    space = PACKAGE_SPACE + (DRIVER_SPACE if any(step.id in ("driver", "grid") for step in downloads) else 0)
    if free < space:
        needed = f"{gigabytes(free)} free, {gigabytes(space)} needed to install {what}"
        _refuse(facts, f"disk nearly full, {needed}", on(facts, "sudo apt-get clean && df -h / /var"))


def _check_rights(facts: Facts, steps: tuple[Step, ...]) -> None:
    titles = [step.title for step in steps if step.id not in _UNNAMED]
    rest = len(titles) - _SHOWN_TITLES
    what = ", ".join(titles[:_SHOWN_TITLES]) + (f" and for {rest} more steps" if rest > 0 else "")
    if facts.sudo == "password":
        line = f"{facts.user} ALL=(ALL) NOPASSWD: ALL"
        allow = on(facts, f"echo {shlex.quote(line)} | sudo tee /etc/sudoers.d/ez")
        _refuse(facts, f"sudo asks for a password, and root is needed to {what}", allow)
    if facts.sudo == "none":
        ask = f"ask its administrator for Git, Docker Engine and: usermod -aG docker {facts.user}"
        _refuse(facts, f"`{facts.user}` cannot become root, which is needed to {what}", ask)


def _clearing(facts: Facts, *, repair: bool) -> tuple[Step, ...]:
    """What has to end or be mended before packages can be installed."""
    steps = []
    if facts.cloud_init == "running":
        steps.append(Step("wait", "wait for the first boot's own setup", "wait"))
    elif facts.packages.held:
        steps.append(Step("wait", "wait for another installation", "wait"))
    if facts.packages.interrupted:
        steps.append(Step("repair", "finish an installation that was cut off", "repair"))
    elif repair and facts.packages.manager == "apt-get":
        steps.append(Step("repair", "finish what installations left undone", "repair"))
    return tuple(steps)


def _network_steps(facts: Facts, need: Need, downloads: tuple[Step, ...]) -> tuple[Step, ...]:
    if not downloads or not need.network.ca_bundle:
        return ()
    settings = (("ca-bundle", need.network.ca_bundle), *package_settings(facts.os, need.network))
    return (Step("authorities", "trust your certificate authorities", "trust", settings=settings),)


def _refuse(facts: Facts, what: str, hint: str) -> None:
    """With the reason why a buildkitd is not enough, where there is one and nothing else."""
    only_builds = facts.buildkit.is_there and facts.engine.state != "user"
    about = "; its buildkitd builds images, and environments need a Docker Engine" if only_builds else ""
    raise PrepareError(f"{what}: `{facts.computer}`{about}", hint)
