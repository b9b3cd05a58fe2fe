"""Frozen values that pass between the steps of the straight line."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class SshEndpoint:
    """Where a computer's sshd is.

    `host_keys` are OpenSSH public key lines (`ssh-ed25519 AAAA...`) pinned for it; a connection whose key
    is none of them is refused. `identity` is a key file on this computer, None for the agent's keys; `jump` are hosts
    to go through, as OpenSSH's `ProxyJump` names them.
    """

    host: str
    port: int = 22
    user: str | None = None
    identity: str | None = None
    host_keys: tuple[str, ...] = ()
    jump: str = ""


@dataclass(frozen=True)
class LocalEndpoint:
    """This computer."""


Endpoint = LocalEndpoint | SshEndpoint


@dataclass(frozen=True)
class Computer:
    """A machine that ez may use. `provider` is a key of the provider table (`local`, `byo`)."""

    name: str
    provider: str
    endpoint: Endpoint


@dataclass(frozen=True)
class Workspace:
    """The defaults that a team shares.

    `account` is the cloud's own (an Azure subscription id, an AWS profile name; empty for the signed-in person's
    default), `tenant` an Azure directory. `regions` are those allowed, the first one preferred. `network` names an
    existing network (`GROUP/NAME` of Azure, an id of AWS), empty for one of its own. `endpoint` is another address of
    the cloud's API, for rehearsals. `owner` is the person, as the tag `ez:owner` has it. `private` machines have no
    public address and are reached through `jump`, as OpenSSH's `ProxyJump` names it. `stop_daily` (`HHMM`, UTC) is
    when the cloud's own clock stops machines, whatever happens on them; `never` for no such clock, empty for ez's own
    choice."""

    name: str = "default"
    provider: str = ""
    account: str = ""
    tenant: str = ""
    regions: tuple[str, ...] = ()
    network: str = ""
    registry: str = ""
    endpoint: str = ""
    owner: str = ""
    idle_minutes: int = 30
    private: bool = False
    jump: str = ""
    stop_daily: str = ""


@dataclass(frozen=True)
class RepoRef:
    """What the person asked to open: a Git URL or a directory on this computer; `ref` is a branch, tag or commit."""

    url: str | None
    path: str | None
    name: str
    ref: str | None = None


@dataclass(frozen=True)
class Checkout:
    """A work tree on the computer. `path` is absolute there; `commit` is empty for a repo without commits."""

    path: str
    commit: str
    branch: str
    detail: str = ""


@dataclass(frozen=True)
class Port:
    """A port of the environment: `container` inside; `host` on the computer's `address`, 0 for any free one."""

    container: int
    host: int = 0
    service: str = ""
    address: str = "127.0.0.1"


@dataclass(frozen=True)
class HostMount:
    """A file or directory of the computer, seen in the environment at `target`. `source` is absolute or begins with
    `~/`, the home of the login user there. `managed` is a directory that ez makes for itself."""

    source: str
    target: str
    managed: bool = False


@dataclass(frozen=True)
class Runtime:
    """How a built image wants to be run; made by a frontend, read by `ez/env`.

    `daemons` are argv lists supervised in the container, `init` shell scripts run at each start before them,
    `commands` named command lines, `environ` and `path` what every session sees.
    `gpus` is the number of GPUs asked for (0 none, -1 all); `shm_mb` the size of `/dev/shm` in MB, 0 the default.
    `owner` is the uid and gid that the user is to have, empty for those of the computer's login user; `private` are
    variables that only the container gets, since an image may be shared.
    """

    user: str = "envd"
    home: str = "/home/envd"
    workdir: str = ""
    environ: tuple[tuple[str, str], ...] = ()
    path: tuple[str, ...] = ()
    ports: tuple[Port, ...] = ()
    daemons: tuple[tuple[str, ...], ...] = ()
    init: tuple[str, ...] = ()
    commands: tuple[tuple[str, str], ...] = ()
    entrypoint: tuple[str, ...] = ()
    gpus: int = 0
    shm_mb: int = 0
    shell: str = "bash"
    mounts: tuple[HostMount, ...] = ()
    owner: tuple[int, ...] = ()
    private: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Image:
    """A built image in an engine. `reference` is its name there, `id` what the engine calls it.

    Of the build that made it: `executed` steps ran, `cached` were known already, `pulled` bytes came from registries.
    `day` is when one that was found was made (`2026-07-31`), empty where that is not known.
    """

    reference: str
    id: str
    digest: str
    built: bool = True
    executed: int = 0
    cached: int = 0
    pulled: int = 0
    day: str = ""


@dataclass(frozen=True)
class Access:
    """How a person gets in: `ssh <alias>`; `workdir` inside; `editor_command` and `link` for an editor."""

    alias: str
    user: str
    workdir: str
    ports: tuple[Port, ...] = ()
    editor_command: tuple[str, ...] = ()
    link: str = ""


CA_VARIABLES = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "PIP_CERT",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
)
"""Variables that name a file of authorities: OpenSSL's, requests', pip's, curl's, Node's and Git's."""


@dataclass(frozen=True)
class Network:
    """What every download has to go through, on the laptop, the computer and in each build step.

    `mirrors` maps `apt.debian`, `apt.ubuntu` and the like to base URLs; `pip_index` is a package index URL;
    `ca_bundle` is the PEM text of all authorities to trust, empty for the image's own.
    """

    http_proxy: str = ""
    https_proxy: str = ""
    no_proxy: str = ""
    pip_index: str = ""
    pip_extra_index: str = ""
    mirrors: tuple[tuple[str, str], ...] = field(default=())
    ca_bundle: str = ""
