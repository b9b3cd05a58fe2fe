"""What a computer does for the shares of an environment: programs, a unit for each that it mounts, what logs in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ez.compute.downloads import package_settings
from ez.compute.facts import Facts
from ez.compute.prepare import apply, archive
from ez.compute.step import Step
from ez.env.shares.model import AZBLOB, GCS, LOCAL, NFS, RCLONE, S3, SMB, Share
from ez.env.shares.programs import program
from ez.errors import CommandError, PrepareError, Result
from ez.events import Sink, step
from ez.models import Network
from ez.ssh.host import Host

PROGRAMS = {LOCAL: "sshfs", NFS: "mount.nfs", SMB: "smb", **dict.fromkeys((S3, AZBLOB, GCS, RCLONE), "rclone")}
"""What mounts a kind of share; `smb` is an rclone that speaks it, or the kernel's client."""

PACKAGES = {
    "sshfs": "sshfs",
    "mount.nfs": "nfs-common",
    "mount.cifs": "cifs-utils",
    "rclone": "rclone,fuse3,ca-certificates",
}
"""Debian's packages of each program."""

HOME_INTERVAL, INTERVAL = 30, 60
"""Seconds between looks whether a share answers. What a look at a folder of another computer moves stays below what
counts as work there."""

_SECONDS = 60
_BECOME_ROOT = 'if [ "$(id -u)" = 0 ]; then exec sh -c "$@"; else exec sudo -n sh -c "$@"; fi'


def bring(
    host: Host,
    facts: Facts,
    environment: str,
    shares: Iterable[Share],
    owner: tuple[int, int],
    network: Network,
    sink: Sink,
) -> None:
    """Have the computer mount them, and forget those that the environment no longer has. `owner` are the uid and gid
    that files get. Nothing waits for a server. Raises PrepareError where the computer cannot do that.
    """
    mounted = tuple(share for share in shares if share.is_mounted)
    with step(sink, "shares", "Mount shares") as report:
        result = _apply(host, environment, mounted, owner)
        tried: set[str] = set()
        while missing := _told(result, "missing"):
            if set(missing) <= tried:
                raise PrepareError(f"not installed: {', '.join(missing)} on `{host.name}`", f"ez doctor {host.name}")
            # Another one than before is missing where rclone turns out to be an old one.
            tried |= set(missing)
            _install(host, facts, missing, network, sink)
            result = _apply(host, environment, mounted, owner)
        report.detail = ", ".join(share.name for share in mounted)


def keep_login(host: Host, share: Share, lines: Mapping[str, str], *, lasts: bool) -> tuple[str, ...]:
    """Leave there what logs in to it, for root alone; none for forgetting it. Gives the shares that use it, as
    `ENVIRONMENT.SHARE`."""
    text = "".join(f"{key}={value}\n" for key, value in lines.items())
    result = _as_root(host, "login", [share.credential, "keep" if lasts else ""], text.encode())
    return tuple(result.text.split())


def conf_of(share: Share, owner: tuple[int, int]) -> str:
    """What `share.sh` reads of a share."""
    values = {
        "kind": share.kind,
        "place": "/" if share.kind == LOCAL else remote_place(share),
        "access": "ro" if share.read_only else "rw",
        "uid": str(owner[0]),
        "gid": str(owner[1]),
        "server": share.server,
        "port": str(share.port),
        "credential": share.credential,
        "needs": "login" if share.kind in (SMB, RCLONE) else "",
        "without": ";".join(_without_login(share)),
        "interval": str(HOME_INTERVAL if share.kind == LOCAL else INTERVAL),
    }
    return "".join(f"{key}={value}\n" for key, value in values.items())


def remote_place(share: Share) -> str:
    """What is behind the colon where rclone names it, for others the path."""
    return share.place.partition(":")[2] if share.kind == RCLONE else share.place


def rclone_of(share: Share) -> str:
    """rclone's section, without what logs in; empty for what rclone does not mount (rclone.org/docs, config file)."""
    options = dict(share.options)
    lines = {
        SMB: {"type": "smb", "host": share.server, "port": str(share.port or 445), "user": share.user},
        S3: {
            "type": "s3",
            "provider": options.get("provider", "Other" if "endpoint" in options else "AWS"),
            "endpoint": options.get("endpoint", ""),
            "region": options.get("region", ""),
        },
        AZBLOB: {"type": "azureblob", "account": share.server, "endpoint": options.get("endpoint", "")},
        GCS: {
            "type": "google cloud storage",
            "bucket_policy_only": "true",
            "endpoint": options.get("endpoint", ""),
        },
        RCLONE: {"": ""},
    }.get(share.kind)
    if lines is None:
        return ""
    return "[ez]\n" + "".join(f"{key} = {value}\n" for key, value in lines.items() if value)


def _without_login(share: Share) -> tuple[str, ...]:
    """What rclone is told where nobody has logged in: the machine's own identity, which clouds give it, or nobody's."""
    if dict(share.options).get("anonymous"):
        return ("anonymous = true",) if share.kind == GCS else ()
    return {S3: ("env_auth = true",), AZBLOB: ("use_msi = true",)}.get(share.kind, ())


def _apply(host: Host, environment: str, shares: tuple[Share, ...], owner: tuple[int, int]) -> Result:
    entries = {"share.sh": program("share")}
    for share in shares:
        entries[f"shares/{share.name}.conf"] = conf_of(share, owner)
        if text := rclone_of(share):
            entries[f"shares/{share.name}.rclone"] = text
    wanted = sorted({PROGRAMS[share.kind] for share in shares})
    return _as_root(host, "apply", [environment, " ".join(wanted)], archive(entries))


def _install(host: Host, facts: Facts, programs: tuple[str, ...], network: Network, sink: Sink) -> None:
    packages = sorted(PACKAGES[name] for name in programs if name in PACKAGES)
    title = f"install {' and '.join(package.split(',')[0] for package in packages)}"
    settings = package_settings(facts.os, network)
    apply(host, facts, Step("programs", title, "install-programs", tuple(packages), settings), sink)


def _told(result: Result, word: str) -> tuple[str, ...]:
    lines = [line.split() for line in result.text.splitlines()]
    return tuple(name for words in lines if words[:1] == [word] for name in words[1:])


def _as_root(host: Host, name: str, arguments: list[str], data: bytes) -> Result:
    """Raises PrepareError."""
    try:
        return host.run(
            ["sh", "-c", _BECOME_ROOT, "ez", program(name), "ez-shares", *arguments], input=data, timeout=_SECONDS
        )
    except CommandError as error:
        said = error.result.stderr.decode("utf-8", "replace")
        if "ez-no-systemd" in said:
            raise PrepareError(f"shares are mounted by systemd, which does not run on `{host.name}`") from error
        if "sudo" in said:
            raise PrepareError(
                f"root is needed to mount shares on `{host.name}`, and sudo refuses",
                "allow sudo without a password there",
            ) from error
        raise PrepareError(
            f"shares cannot be mounted on `{host.name}`: {' '.join(error.result.last_lines(3))}",
            f"ez doctor {host.name}",
        ) from error
