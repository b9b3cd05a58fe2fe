"""Every setting that there is: its type, its meaning, the variables that set it, and who may decide it."""

from __future__ import annotations

from dataclasses import dataclass

from ez.config.shares import HELP, TABLE


@dataclass(frozen=True)
class Key:
    """A setting: its type, what it is for, and the environment variables that set it, first one wins."""

    kind: type
    help: str
    variables: tuple[str, ...] = ()
    default: str | bool | int = ""


TOOLS = {
    "uv": "github.com/astral-sh/uv/releases/download",
    "uv_python": "github.com/astral-sh/python-build-standalone/releases/download",
    "micromamba": "github.com/mamba-org/micromamba-releases/releases/download",
    "conda": "conda.anaconda.org, with a directory for each channel",
    "pixi": "github.com/prefix-dev/pixi/releases/download",
    "go": "dl.google.com/go",
    "nodejs": "nodejs.org/dist",
    "rust": "static.rust-lang.org",
    "julia": "julialang-s3.julialang.org",
    "julia_packages": "pkg.julialang.org",
    "cran": "CRAN, for packages of R",
    "rstudio": "download2.rstudio.org/server; with a `.sha256` file beside the package for arm64",
    "open_vsx": "open-vsx.org, for extensions of editors",
    "codex": "github.com/openai/codex/releases/download; with `.sha256` files beside the archives",
}
"""What `mirrors.NAME` stands in for: the names of `ez.build.image.tools.table`."""

KEYS: dict[str, Key] = {
    "defaults.computer": Key(str, "computer used without -c", ("EZ_COMPUTE",), "local"),
    "defaults.ide": Key(
        str, "editor to open: auto, none, code, cursor, jupyter, web or another of --ide", ("EZ_IDE",), "auto"
    ),
    "defaults.agent": Key(bool, "forward your SSH agent into environments", ("EZ_AGENT",), True),
    "link.keep": Key(
        bool, "keep a connection to each environment, for your agent, credentials, ports and shares", ("EZ_LINK",), True
    ),
    "link.ports": Key(bool, "have ports that programs open in an environment at home, by that connection", (), True),
    "link.hosts": Key(str, "names that forwarded ports answer to beside NAME.localhost: app.test *.app.test"),
    "link.secrets": Key(str, "where `ez secret` keeps secrets: auto, keyring, age", ("EZ_SECRETS_IN",), "auto"),
    "editor.extensions": Key(
        str, "extensions for editors in every environment: publisher.name, spaces between", ("EZ_EXTENSIONS",)
    ),
    "editor.server": Key(bool, "put your editor's server in place before it asks", ("EZ_EDITOR_SERVER",), True),
    "cache.registry": Key(
        str,
        "REGISTRY/NAME where your team keeps build caches and finished images; whoever writes there is trusted",
        ("EZ_CACHE_REGISTRY",),
    ),
    "cache.export": Key(str, "give builds to cache.registry: auto, off", ("EZ_CACHE_EXPORT",), "auto"),
    "cache.budget": Key(str, "size that `ez build cache` keeps a build cache to, as `50GB`", ("EZ_CACHE_BUDGET",)),
    "build.buildkitd": Key(
        str,
        "the buildkitd of other computers, for builds there: `COMPUTER=ADDRESS`, several with spaces between them",
        ("EZ_BUILDKITD",),
    ),
    "idle.after": Key(
        str,
        "minutes without work after which a machine of yours rests: 5 or more, or off; empty leaves it as it is",
        ("EZ_IDLE_AFTER",),
    ),
    "idle.action": Key(
        str, "how it rests: suspend (its environments stop) or poweroff (it does)", ("EZ_IDLE_ACTION",), "suspend"
    ),
    "workspace.name": Key(str, "the workspace that machines of clouds are made in", ("EZ_WORKSPACE",), "default"),
    "workspace.provider": Key(str, "the cloud that machines are made in: azure, aws", ("EZ_PROVIDER",)),
    "workspace.account": Key(
        str, "an Azure subscription or an AWS profile; empty for your own default", ("EZ_ACCOUNT",)
    ),
    "workspace.tenant": Key(str, "an Azure directory", ("EZ_TENANT",)),
    "workspace.regions": Key(str, "regions allowed, the first one preferred, spaces between", ("EZ_REGIONS",)),
    "workspace.network": Key(
        str,
        "an existing network for machines: GROUP/NAME of Azure; default, vpc-ID or subnet-ID of AWS",
        ("EZ_NETWORK",),
    ),
    "workspace.registry": Key(str, "cache.registry for those who have none of their own"),
    "workspace.owner": Key(str, "who you are in tags; empty for your login name", ("EZ_OWNER",)),
    "workspace.idle": Key(
        str, "minutes without work after which machines of clouds stop, or never", ("EZ_IDLE",), "30"
    ),
    "workspace.stop_daily": Key(
        str,
        "when the cloud's own clock stops machines each day, whatever they do: HHMM in UTC, or never; empty: a day"
        " after an ez command was there last",
        ("EZ_STOP_DAILY",),
    ),
    "workspace.private": Key(bool, "machines get no public address", ("EZ_PRIVATE",), False),
    "workspace.jump": Key(str, "host that leads to private machines, as OpenSSH's ProxyJump has it", ("EZ_JUMP",)),
    "azure.endpoint": Key(str, "another address of Azure's API, for rehearsals", ("EZ_AZURE_ENDPOINT",)),
    "aws.endpoint": Key(str, "another address of AWS's API, for rehearsals", ("EZ_AWS_ENDPOINT",)),
    "ssh.config": Key(str, "the OpenSSH configuration that gets ez's Include line", ("EZ_SSH_CONFIG",)),
    "network.http_proxy": Key(str, "proxy for http", ("EZ_HTTP_PROXY", "http_proxy", "HTTP_PROXY")),
    "network.https_proxy": Key(str, "proxy for https", ("EZ_HTTPS_PROXY", "https_proxy", "HTTPS_PROXY")),
    "network.no_proxy": Key(str, "hosts reached without a proxy", ("EZ_NO_PROXY", "no_proxy", "NO_PROXY")),
    "network.pip_index": Key(str, "package index for pip", ("EZ_PIP_INDEX",)),
    "network.pip_extra_index": Key(str, "second package index for pip", ("EZ_PIP_EXTRA_INDEX",)),
    "network.ca_bundle": Key(
        str,
        "PEM file of all authorities to trust; `none` for the image's own",
        ("EZ_CA_BUNDLE", "SSL_CERT_FILE"),
    ),
    "network.npm_registry": Key(str, "package registry for npm", ("EZ_NPM_REGISTRY",)),
    "network.address": Key(str, "where you come from, as machines of clouds see it: 203.0.113.7/32", ("EZ_ADDRESS",)),
    "network.address_service": Key(
        str, "web address that answers with it", ("EZ_ADDRESS_SERVICE",), "https://checkip.amazonaws.com"
    ),
    "mirrors.apt_debian": Key(str, "mirror of the Debian archive", ("EZ_APT_DEBIAN",)),
    "mirrors.apt_ubuntu": Key(str, "mirror of the Ubuntu archive", ("EZ_APT_UBUNTU",)),
    "mirrors.registry": Key(str, "mirror of Docker Hub for engines that ez installs", ("EZ_REGISTRY_MIRROR",)),
    "mirrors.nvidia": Key(
        str, "mirror of developer.download.nvidia.com/compute/cuda/repos, for drivers", ("EZ_MIRROR_NVIDIA",)
    ),
    "mirrors.nvidia_toolkit": Key(
        str, "mirror of nvidia.github.io/libnvidia-container, for cards in containers", ("EZ_MIRROR_NVIDIA_TOOLKIT",)
    ),
    "mirrors.vscode": Key(str, "mirror of update.code.visualstudio.com, for editors' servers", ("EZ_MIRROR_VSCODE",)),
    "mirrors.cursor": Key(str, "mirror of downloads.cursor.com, for Cursor's server", ("EZ_MIRROR_CURSOR",)),
    "mirrors.windsurf": Key(
        str, "mirror of windsurf-stable.codeiumdata.com, for Windsurf's server", ("EZ_MIRROR_WINDSURF",)
    ),
    "mirrors.codium": Key(
        str, "mirror of github.com for VSCodium/vscodium/releases, its server", ("EZ_MIRROR_CODIUM",)
    ),
    "mirrors.positron": Key(str, "mirror of cdn.posit.co, for Positron's server", ("EZ_MIRROR_POSITRON",)),
    **{
        f"mirrors.{name}": Key(str, f"mirror of {place}", (f"EZ_MIRROR_{name.upper()}",))
        for name, place in TOOLS.items()
    },
}
_PERSONAL_TABLES = ("aws", "azure", "build", "cache", "editor", "idle", "link", "mirrors", "network", "ssh")
_PERSONAL_KEYS = {"defaults.agent", "workspace.owner", "workspace.jump"}
SECRETS = "secrets."
SECRETS_HELP = "a secret that environments get, as file, env or env:VARIABLE; of a repo's `ez.toml` what you allowed"
PERSONAL = frozenset(key for key in KEYS if key.split(".")[0] in _PERSONAL_TABLES) | _PERSONAL_KEYS
PROJECT_FILE = "ez.toml"


def key_of(name: str) -> Key | None:
    """What a setting of that name is, None where there is none. Shares have names that people give them."""
    if name.startswith(SECRETS):
        return Key(str, SECRETS_HELP)
    return KEYS.get(name) or (Key(str, HELP) if name.startswith(TABLE) else None)
