"""Each prerequisite and each link of the chain: fine, or with the exact fix."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from ez.build.engines.discover import BUILDKITD
from ez.compute.facts import Facts, facts
from ez.compute.need import GpuNeed, Need
from ez.compute.nvidia.cards import called, cards
from ez.compute.nvidia.steps import gpu_steps
from ez.compute.plan import IMAGE_SPACE, OLDEST_ENGINE, gigabytes, on, plan
from ez.compute.reach import reach
from ez.config import Settings
from ez.env.check import Check
from ez.env.doctor_clouds import cloud_checks
from ez.env.doctor_link import link_check
from ez.env.engine import buildkitd_there, engine_here, engine_of
from ez.errors import EzError, HostError, HostKeyError, HostUnreachableError, LoginError, PrepareError
from ez.models import Computer, LocalEndpoint
from ez.ssh.host import Host
from ez.state import State

TIMEOUT_SECONDS = 5.0
PUBLIC_REGISTRY = "https://registry-1.docker.io"
LARGEST_SKEW = 60.0
"""Seconds of clock difference from which certificates and caches go wrong."""

LEAST_MEMORY = 1_500_000_000
_OLDEST_SSH = (7, 6)
"""First OpenSSH with all that ez's configuration uses (release notes, `accept-new` and `RemoteCommand`)."""


def checks(settings: Settings, computer: Computer, connect: Callable[[Computer], Host]) -> Iterator[Check]:
    """Check this computer's tools and files, then `computer`; each finding comes as soon as it is known.

    `connect` opens the computer. Nothing takes longer than its own limit of 5 to 60 seconds, and nothing is raised.
    """
    yield _ssh(settings)
    yield _git(settings)
    yield _agent(settings)
    yield _ssh_config(settings)
    yield _index(settings)
    yield link_check(settings)
    yield from cloud_checks(settings)
    yield from _computer(settings, computer, connect)


def _ssh(settings: Settings) -> Check:
    title, fix = "OpenSSH client", "sudo apt-get install openssh-client"
    done = _run(settings, "ssh", "-V")
    if done is None:
        return Check("ssh", title, "failed", "`ssh` is not on PATH", fix)
    said = (done.stderr or done.stdout).strip().partition(",")[0]
    found = re.search(r"OpenSSH\D*(\d+)\.(\d+)", said)
    if not found:
        return Check("ssh", title, "warning", f"not OpenSSH: {said[:80]}", fix)
    new_enough = (int(found[1]), int(found[2])) >= _OLDEST_SSH
    return Check("ssh", title, "ok", said) if new_enough else Check("ssh", title, "failed", f"{said} is too old", fix)


def _git(settings: Settings) -> Check:
    done = _run(settings, "git", "--version")
    if done is None or done.returncode != 0:
        return Check("git", "Git", "failed", "`git` is not on PATH", "sudo apt-get install git")
    return Check("git", "Git", "ok", done.stdout.strip().removeprefix("git version "))


def _agent(settings: Settings) -> Check:
    title, start = "SSH agent", 'eval "$(ssh-agent)" && ssh-add'
    if settings.agent_socket is None:
        return Check("agent", title, "warning", "none runs, so private repos cannot be reached from computers", start)
    done = _run(settings, "ssh-add", "-l")
    if done is None or done.returncode == 2:
        return Check("agent", title, "failed", f"no answer at `{settings.agent_socket}`", start)
    if done.returncode != 0:
        return Check("agent", title, "warning", "it holds no key", "ssh-add")
    count = len(done.stdout.splitlines())
    return Check("agent", title, "ok", f"{count} key{'s' if count > 1 else ''}")


def _ssh_config(settings: Settings) -> Check:
    """OpenSSH reads the whole file or refuses every connection, so it is asked to."""
    title, path = "SSH configuration", settings.ssh_config
    if not path.exists():
        return Check("ssh-config", title, "ok", f"`{path}` is made with the first environment")
    try:
        text = path.read_text("utf-8", "replace")
    except OSError as error:
        return Check("ssh-config", title, "failed", f"`{path}`: {error.strerror}", f"chmod u+rw {path}")
    done = _run(settings, "ssh", "-F", str(path), "-G", "ez-doctor")
    if done is not None and done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        return Check("ssh-config", title, "failed", lines[0], f"correct {path}")
    is_included = re.search(r"^\s*include\s.*\bez\b", text, re.IGNORECASE | re.MULTILINE)
    detail = "ez's aliases are included" if is_included else "ez's line is added with the first environment"
    return Check("ssh-config", title, "ok", detail)


def _index(settings: Settings) -> Check:
    title, path = "index", settings.directories.database
    try:
        with State(path) as state:
            computers, environments = len(state.computers()), len(state.environments())
    except EzError as error:
        return Check("state", title, "failed", error.message, error.hint or "")
    return Check("state", title, "ok", f"{computers} own computers, {environments} environments")


def _computer(settings: Settings, computer: Computer, connect: Callable[[Computer], Host]) -> Iterator[Check]:
    is_local = isinstance(computer.endpoint, LocalEndpoint)
    try:
        host = connect(computer)
    except HostError as error:
        yield from _refused(computer, error)
        return
    try:
        if not is_local:
            yield from _links(computer, "")
        found = facts(host)
        yield from _machine(settings, found)
        yield from _builder(settings, found, host)
        yield from _downloads(found, host)
    except HostError as error:
        yield Check("facts", f"`{computer.name}` answers", "failed", error.message, error.hint or _again(computer))
    finally:
        host.close()


_LINKS = (("reachable", "reachable"), ("host-key", "host key"), ("login", "login"))


def _links(computer: Computer, broken: str) -> Iterator[Check]:
    """The links of the way to a computer that hold: those before `broken`."""
    for id, title in _LINKS:
        if id == broken:
            return
        yield Check(id, f"`{computer.name}`: {title}", "ok")


def _refused(computer: Computer, error: HostError) -> Iterator[Check]:
    kinds = {HostUnreachableError: "reachable", HostKeyError: "host-key", LoginError: "login"}
    broken = next((id for kind, id in kinds.items() if isinstance(error, kind)), "reachable")
    yield from _links(computer, broken)
    title = f"`{computer.name}`: {dict(_LINKS)[broken]}"
    yield Check(broken, title, "failed", error.message, error.hint or _again(computer))


def _again(computer: Computer) -> str:
    return f"ez doctor {computer.name}"


def _machine(settings: Settings, found: Facts) -> Iterator[Check]:
    yield Check("system", "system", "ok", f"{found.os.name}, {found.arch}, {found.cpus} CPUs, kernel {found.kernel}")
    yield _readiness(settings, found)
    yield _sudo(found)
    yield _engine(found)
    yield _room("disk-home", "disk for work", found.disk.home, found, "du -xh --max-depth=2 ~ | sort -h | tail")
    yield _room("disk-images", "disk for images", found.disk.images, found, "docker system prune")
    yield _memory(found)
    yield _clock(found)
    if found.gpus or found.nvidia.driver:
        yield _gpu(found)


def _readiness(settings: Settings, found: Facts) -> Check:
    """What `ez compute prepare` would say; the group, Git and the engine's state are part of it."""
    try:
        steps = plan(found, Need(settings.network()))
    except PrepareError as error:
        return Check("ready", "ready for environments", "failed", error.message, error.hint or "")
    except EzError as error:
        return Check("ready", "ready for environments", "warning", error.message, error.hint or "")
    if steps:
        todo = ", ".join(step.title for step in steps)
        return Check(
            "ready", "ready for environments", "warning", f"to do: {todo}", f"ez compute prepare {found.computer}"
        )
    return Check("ready", "ready for environments", "ok", f"Git {found.git}, `{found.user}` may use the engine")


def _sudo(found: Facts) -> Check:
    details = {
        "root": "you are root there",
        "passwordless": "works without a password",
        "unasked": "not needed",
        "password": "asks for a password; not needed any more once the computer is ready",
        "none": "not allowed; not needed any more once the computer is ready",
    }
    return Check("sudo", "sudo", "ok", details[found.sudo])


def _engine(found: Facts) -> Check:
    engine = found.engine
    if not engine.version:
        states = {"absent": "not installed", "stopped": "installed, not running", "headless": "without its client"}
        detail = states.get(engine.state, engine.state)
        if found.buildkit.is_there:
            detail = f"{detail}; a buildkitd builds images, and environments need a Docker Engine"
            return Check("engine", "Docker Engine", "warning", detail, f"ez compute prepare {found.computer}")
        return Check("engine", "Docker Engine", "failed", detail, f"ez compute prepare {found.computer}")
    detail = f"{engine.version}, {engine.store} image store ({engine.driver})"
    if engine.release < OLDEST_ENGINE:
        return Check("engine", "Docker Engine", "failed", detail, "upgrade it to 20.10 or later")
    return Check("engine", "Docker Engine", "ok", detail)


def _room(id: str, title: str, free: int, found: Facts, command: str) -> Check:
    if free < IMAGE_SPACE:
        return Check(id, title, "warning", f"only {gigabytes(free)} free", on(found, command))
    return Check(id, title, "ok", f"{gigabytes(free)} free")


def _memory(found: Facts) -> Check:
    detail = f"{gigabytes(found.memory_available)} of {gigabytes(found.memory)} available"
    if 0 < found.memory_available < LEAST_MEMORY:
        return Check("memory", "memory", "warning", detail, on(found, "ps aux --sort=-rss | head"))
    return Check("memory", "memory", "ok", detail)


def _clock(found: Facts) -> Check:
    seconds = round(abs(found.clock_skew))
    if seconds > LARGEST_SKEW:
        way = "ahead" if found.clock_skew > 0 else "behind"
        return Check("clock", "clock", "warning", f"{seconds} s {way}", on(found, "sudo timedatectl set-ntp true"))
    return Check("clock", "clock", "ok", "same as here")


def _gpu(found: Facts) -> Check:
    """What `ez compute prepare` would do for the cards."""
    names = ", ".join(sorted({called(gpu) for gpu in cards(found.gpus) or found.gpus}))
    shown = f"{names}, driver {found.nvidia.driver}" if found.nvidia.driver else names
    gpu = gpu_steps(found, Need(gpu=GpuNeed()))
    if gpu.refusal is not None:
        return Check("gpu", "GPU", "warning", f"{shown}: {gpu.refusal.what}", gpu.refusal.hint)
    if steps := (*gpu.early, *gpu.late, *gpu.last):
        todo = ", ".join(step.title for step in steps)
        return Check("gpu", "GPU", "warning", f"{shown}; to do: {todo}", f"ez compute prepare {found.computer} --gpu")
    return Check("gpu", "GPU", "ok", shown + "".join(f"; {note}" for note in gpu.notes))


def _builder(settings: Settings, found: Facts, host: Host) -> Iterator[Check]:
    """The engine of `ez build`, where it is a standalone buildkitd."""
    from ez.build.engine import workers

    title = "engine for builds"
    try:
        chosen = engine_here(settings) if host.is_local else buildkitd_there(found, settings)
        if chosen is None or chosen.name != BUILDKITD:
            return
        with engine_of(host, chosen.address) as engine:
            platforms = [platform for worker in workers(engine) for platform in worker.platforms[:1]]
    except EzError as error:
        yield Check("builder", title, "failed", error.message, error.hint or on(found, "systemctl status buildkit"))
        return
    detail = f"{chosen.name} at {chosen.address} ({chosen.rule}), for {', '.join(platforms)}"
    yield Check("builder", title, "ok", detail)


def _downloads(found: Facts, host: Host) -> Iterator[Check]:
    """The registry that the engine asks first, and whether its certificate is trusted there."""
    mirrors = [mirror for mirror in found.engine.mirrors if re.match(r"https?://[\w.-]", mirror)]
    url = f"{(mirrors or [PUBLIC_REGISTRY])[0].rstrip('/')}/v2/"
    answer, where = reach(host, [url])[url], urlsplit(url).netloc
    if answer == "unreachable":
        yield Check("registry", "registry", "warning", f"{where} does not answer there", _mirror_fix(found))
    elif answer == "unknown":
        yield Check("registry", "registry", "warning", "nothing there can ask", on(found, "sudo apt-get install curl"))
    else:
        yield Check("registry", "registry", "ok", where)
    if answer == "untrusted":
        fix = on(found, "sudo update-ca-certificates && sudo systemctl restart docker")
        fix = f"copy your authority to /usr/local/share/ca-certificates/ there, then: {fix}"
        yield Check("authorities", "certificates", "failed", f"the certificate of {where} is not trusted there", fix)
    elif answer == "reached" and url.startswith("https:"):
        yield Check("authorities", "certificates", "ok", f"the certificate of {where} is trusted there")


def _mirror_fix(found: Facts) -> str:
    """ez gives its mirror to engines that it installs; others are their owner's."""
    if found.engine.state == "absent":
        return "ez config set mirrors.registry URL"
    return f"name a mirror under `registry-mirrors` in /etc/docker/daemon.json of `{found.computer}`"


def _run(settings: Settings, *command: str) -> subprocess.CompletedProcess[str] | None:
    """A program of this computer, None when it is missing or does not end in time."""
    program = shutil.which(command[0], path=settings.environment.get("PATH"))
    if program is None:
        return None
    try:
        return subprocess.run(
            [program, *command[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_SECONDS,
            env=dict(settings.environment),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
