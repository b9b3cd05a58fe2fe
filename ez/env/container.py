"""The environment's container: what it has to be, and making it so."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from ez.env import mounts
from ez.env.probe import (
    LABEL_DIGEST,
    LABEL_ENVIRONMENT,
    LABEL_KEYS,
    LABEL_MOUNTS,
    LABEL_REF,
    LABEL_REPO,
    LABEL_SERVICES,
    LABEL_SPEC,
    LABEL_TREE,
    LABEL_WORKDIR,
    Container,
    Probe,
    parse_probe,
    script,
)
from ez.env.shares import binds, chosen
from ez.env.shares.model import Share
from ez.errors import CommandError, ContainerError, UsageError
from ez.models import CA_VARIABLES, HostMount, Image, Network, Port, Runtime
from ez.ssh.host import Host

DEFAULT_SHM_MB = 2048
ATTACH = "/usr/local/lib/ez/attach"
INIT = "/usr/local/lib/ez/init"
HOME_MOUNT = "/etc/ez/env"
SECRETS = "/run/secrets"
"""In memory; what is in it comes after the start, see `ez.env.secrets`."""


@dataclass(frozen=True)
class ContainerSpec:
    """All that a container of ez is made from. `tree` is the work tree and `home` ez's directory for the
    environment, both absolute on the computer; `uid`/`gid` are its login user's, or those the build file asks for;
    `gpus` 0 for none, -1 for all. `network` are variables for what its programs download, `extra` those of `--env`,
    `private` those that its services get and no image has. `cdi`: the engine knows the cards as CDI devices. `secrets`:
    its services wait for some.
    """

    environment: str
    image: str
    digest: str
    tree: str
    home: str
    workdir: str
    uid: int
    gid: int
    ports: tuple[Port, ...]
    gpus: int
    shm_mb: int
    repo: str
    ref: str
    network: tuple[tuple[str, str], ...] = ()
    extra: tuple[tuple[str, str], ...] = ()
    mounts: tuple[HostMount, ...] = ()
    private: tuple[tuple[str, str], ...] = ()
    cdi: bool = False
    secrets: bool = False
    shares: tuple[Share, ...] = ()
    login_home: str = ""

    @property
    def name(self) -> str:
        return container_name(self.environment)

    @property
    def spec(self) -> str:
        """A digest over all but `network`, `cdi`, `secrets`, `login_home`: a container that carries it needs no work.

        Another network alone, as on a train, is no reason to end what runs; the next start takes it up. Nor is another
        way to the same cards, and a running container gets secrets as well.
        """
        wanted = asdict(self)
        del wanted["network"], wanted["cdi"], wanted["secrets"], wanted["login_home"]
        if not self.shares:
            # Containers from before there were shares are as good.
            del wanted["shares"]
        text = json.dumps(wanted, sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()


def container_name(environment: str) -> str:
    return f"ez-{environment}"


def plan_container(
    environment: str,
    image: str,
    digest: str,
    runtime: Runtime,
    *,
    tree: str,
    home: str,
    uid: int,
    gid: int,
    gpu_present: bool,
    cdi: bool = False,
    repo: str,
    ref: str,
    network: Network,
    extra: Mapping[str, str],
    current: Container | None,
    login_home: str = "",
    secrets: bool = False,
    shares: tuple[Share, ...] = (),
) -> ContainerSpec:
    """What the container has to be. Variables given at an earlier start stay until they are given anew.

    `login_home` is what `~` in a mount stands for.
    """
    variables = {**dict(current.extra if current else ()), **extra}
    for key, value in variables.items():
        if "\n" in value or "\r" in value:
            raise UsageError(f"a value of --env may not have line breaks: `{key}`", "put such a value into a file")
    workdir = runtime.workdir or f"{runtime.home}/{environment}"
    return ContainerSpec(
        environment=environment,
        image=image,
        digest=digest,
        tree=tree,
        home=home,
        workdir=workdir,
        uid=runtime.owner[0] if runtime.owner else uid,
        gid=runtime.owner[1] if runtime.owner else gid,
        ports=tuple(sorted(map(on_loopback, runtime.ports), key=lambda port: (port.container, port.host))),
        gpus=runtime.gpus if gpu_present else 0,
        shm_mb=runtime.shm_mb or DEFAULT_SHM_MB,
        repo=repo,
        ref=ref,
        network=tuple(sorted(network_variables(network).items())),
        extra=tuple(sorted(variables.items())),
        mounts=mounts.on_computer(runtime.mounts, login_home, workdir, tree),
        private=runtime.private,
        cdi=cdi,
        secrets=secrets,
        shares=shares,
        login_home=login_home,
    )


def on_loopback(port: Port) -> Port:
    """A repo may not open a port of the computer to the net, whatever address its build file names."""
    from ipaddress import ip_address

    return port if ip_address(port.address).is_loopback else replace(port, address="127.0.0.1")


def network_variables(network: Network) -> dict[str, str]:
    """What programs in the container need to reach the net. The engine shows a container's variables to whoever may
    use it, so that addresses with a password in them are left out.
    """
    proxies = {"http_proxy": network.http_proxy, "https_proxy": network.https_proxy, "no_proxy": network.no_proxy}
    proxies |= {name.upper(): value for name, value in proxies.items()}
    open_values = proxies | {"PIP_INDEX_URL": network.pip_index, "PIP_EXTRA_INDEX_URL": network.pip_extra_index}
    found = {name: value for name, value in open_values.items() if value and "@" not in value}
    if network.ca_bundle:
        found |= dict.fromkeys(CA_VARIABLES, f"{HOME_MOUNT}/ca.pem")
    return found


def is_current(spec: ContainerSpec, container: Container | None) -> bool:
    """Whether the running container already is what `spec` asks for."""
    return container is not None and container.running and container.spec == spec.spec


def start(host: Host, spec: ContainerSpec, image: Image, *, force: bool = False) -> Probe:
    """Create or replace and start the container, wait until it can be entered; one round trip.

    Raises ContainerError when the engine refuses it or it ends before it is ready.
    """
    lines = [f"EZ_UID={spec.uid}", f"EZ_GID={spec.gid}", f"EZ_WORKDIR={spec.workdir}"]
    lines += ["EZ_SECRETS=yes"] if spec.secrets else []
    lines += [f"{key}={value}" for key, value in (*spec.network, *spec.extra, *spec.private)]
    paths = binds.paths_program(spec.shares, (spec.uid, spec.gid))
    arguments = [spec.name, spec.spec, "force" if force else "keep", paths, *create_arguments(spec), image.reference]
    try:
        result = host.script(script("start"), arguments, input="\n".join([*lines, ""]).encode(), timeout=180)
    except CommandError as error:
        raise _translate(spec, error) from error
    return parse_probe(result.text)


def link_shares(host: Host, spec: ContainerSpec) -> None:
    """Have the paths of shares in the running container; one round trip where there are any. Raises ContainerError."""
    if program := binds.paths_program(spec.shares, (spec.uid, spec.gid)):
        try:
            host.run(["docker", "exec", "--user", "root", spec.name, "sh", "-c", program], timeout=60)
        except CommandError as error:
            raise _translate(spec, error) from error


def create_arguments(spec: ContainerSpec) -> list[str]:
    """The arguments of `docker create` between the name and the image."""
    labels = {
        LABEL_ENVIRONMENT: spec.environment,
        LABEL_DIGEST: spec.digest,
        LABEL_SPEC: spec.spec,
        LABEL_REPO: spec.repo,
        LABEL_REF: spec.ref,
        LABEL_KEYS: ",".join(key for key, _ in spec.extra),
        LABEL_WORKDIR: spec.workdir,
        LABEL_TREE: spec.tree,
        # Always, since an image may bring labels of its own.
        LABEL_SERVICES: _services(spec.ports),
        LABEL_MOUNTS: mounts.label(spec.mounts),
        chosen.LABEL: chosen.label(spec.shares),
    }
    arguments = ["--init", "--restart", "unless-stopped", "--user", "0:0", "--hostname", spec.environment]
    arguments += ["--entrypoint", INIT, "--shm-size", f"{spec.shm_mb}m", "--workdir", "/"]
    arguments += ["--log-opt", "max-size=10m", "--log-opt", "max-file=2"]
    arguments += ["--tmpfs", f"{SECRETS}:rw,noexec,nosuid,nodev,size=4m,mode=0755"]
    for key, value in labels.items():
        arguments += ["--label", f"{key}={value}"]
    own = ((spec.tree, spec.workdir), (spec.home, HOME_MOUNT))
    for source, target in (*own, *((mount.source, mount.target) for mount in spec.mounts)):
        arguments += ["--mount", _bind(source, target)]
    arguments += binds.bind_arguments(spec.environment, spec.shares, spec.login_home)
    for port in spec.ports:
        arguments += ["--publish", f"{_address(port.address)}:{port.host or ''}:{port.container}"]
    return [*arguments, *_cards(spec)]


def _cards(spec: ContainerSpec) -> list[str]:
    if spec.gpus and spec.cdi:
        names = ["all"] if spec.gpus < 0 else [str(number) for number in range(spec.gpus)]
        return [word for name in names for word in ("--device", f"nvidia.com/gpu={name}")]
    return ["--gpus", "all" if spec.gpus < 0 else str(spec.gpus)] if spec.gpus else []


def _services(ports: tuple[Port, ...]) -> str:
    """Names of what answers at ports, as `8888=jupyter` with spaces between them."""
    return " ".join(f"{port.container}={'-'.join(port.service.split())}" for port in ports if port.service.strip())


def _bind(source: str, target: str) -> str:
    """A `--mount` value; its fields are CSV, so a path with a comma or quote is quoted the CSV way."""

    def quoted(text: str) -> str:
        return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\n') else text

    return ",".join(["type=bind", quoted(f"source={source}"), quoted(f"target={target}")])


def _address(address: str) -> str:
    return f"[{address}]" if ":" in address else address


_REFUSALS = (
    ("ez-taken", "the image of `{environment}` has files where a share is wanted", "choose another path"),
    (
        "ez-foreign-container",
        "a container that ez did not make has the name `{name}`",
        "remove it or choose another name with -e",
    ),
    ("ez-busy", "another ez is at work on the container of `{environment}`", "run the same command again"),
    ("port is already allocated", "a port of `{environment}` is taken on the computer", None),
    ("address already in use", "a port of `{environment}` is taken on the computer", None),
    ("could not select device driver", "the engine cannot give a GPU to containers", "ez compute prepare"),
    ("bind source path does not exist", "a path to mount is not on the computer", "make it there, or leave it out"),
    ("not a shared or slave mount", "shares cannot reach containers of this engine", "ez doctor"),
    ("no space left on device", "the computer's disk is full", "docker system prune on the computer frees space"),
    ("permission denied", "the engine may not be used by this login", "ez compute prepare"),
    ("cannot connect to the docker daemon", "the Docker Engine is not running", "ez compute prepare"),
    ("no such image", "the image went away before the start", "run the same command again"),
    ("ez-not-ready", "the container of `{environment}` did not become ready", "ez env logs {environment}"),
)


def _translate(spec: ContainerSpec, error: CommandError) -> ContainerError:
    text = error.result.stderr.decode("utf-8", "replace").strip()
    last = [line for line in text.splitlines() if not line.startswith("ez-")][-3:]
    for mark, message, hint in _REFUSALS:
        if mark in text.lower():
            names = {"name": spec.name, "environment": spec.environment}
            told = message.format(**names) + (": " + " / ".join(last) if last else "")
            advice = hint.format(**names) if hint else "stop what holds it, or change runtime.expose in build.envd"
            return ContainerError(told, advice)
    return ContainerError(
        f"the container of `{spec.environment}` could not be started: {' / '.join(last) or 'no reason given'}",
        f"ez env logs {spec.environment}",
    )
