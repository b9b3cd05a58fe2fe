"""What a share is: a source, as people write it, and the path at which an environment sees it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from ez.errors import UsageError
from ez.names import shown

LOCAL, FOLDER, VOLUME = "local", "folder", "volume"
NFS, SMB, S3, AZBLOB, GCS, RCLONE = "nfs", "smb", "s3", "azblob", "gcs", "rclone"
MOUNTED = (LOCAL, NFS, SMB, S3, AZBLOB, GCS, RCLONE)
"""What the computer mounts; folders and volumes are there already."""

AZURE_BLOBS = "blob.core.windows.net"
AZURE_FILES = "file.core.windows.net"
"""Where Azure's SMB shares are: `//ACCOUNT.file.core.windows.net/SHARE`."""

_FORMS = "local:./data, /srv/data, volume:NAME, nfs://host/path, smb://host/share, s3://bucket, gcs://bucket,"
_HINT = f"write its source as {_FORMS} azblob://account/container, azurefiles://account/share or rclone:REMOTE:path"
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?|[0-9a-fA-F:.]{2,45}", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}", re.ASCII)
_USER = re.compile(r"[^\s;:,\[\]]{1,255}")
_OPTIONS = {S3: ("endpoint", "region", "provider", "anonymous"), AZBLOB: ("endpoint",), GCS: ("endpoint", "anonymous")}
_SYSTEM = ("bin", "boot", "dev", "etc", "lib", "lib64", "proc", "root", "run", "sbin", "sys", "usr", "var/lib/ez")
_LONGEST = 2_000


@dataclass(frozen=True)
class Share:
    """`place` is the path, `bucket/prefix`, `share/folder`, volume or `remote:path`, without a `/` in front but for
    paths; `server` and `port` (0: the usual) those of file servers, `user` who logs in there, `options` as in an
    address behind `?`. `text` is the source as it was written. `flagged`: asked for with `--mount`, and not by a
    workspace. Of a folder of this computer that a repo names, `below` is the repo, which it may not leave."""

    name: str
    kind: str
    text: str
    target: str
    place: str
    read_only: bool = False
    server: str = ""
    port: int = 0
    user: str = ""
    options: tuple[tuple[str, str], ...] = ()
    flagged: bool = False
    below: str = ""

    @property
    def is_mounted(self) -> bool:
        return self.kind in MOUNTED

    @property
    def credential(self) -> str:
        """The name under which a computer keeps what is needed to log in: the same for all shares of one server."""
        first = self.place.split("/")[0] if self.kind in (SMB, S3, AZBLOB, GCS) else self.place.partition(":")[0]
        told = f"{self.kind} {self.server} {self.port} {first} {dict(self.options).get('endpoint', '')}"
        return hashlib.sha256(told.encode()).hexdigest()[:20]

    @property
    def takes_login(self) -> bool:
        return self.kind in (SMB, S3, AZBLOB, GCS, RCLONE)

    @property
    def pair(self) -> str:
        return f"{self.text}:{self.target}" + (":ro" if self.read_only else "")


STATES = ("up", "down", "wait", "login", "missing")


@dataclass(frozen=True)
class ShareState:
    """`state`: `up` where it answers, `down`, `wait` (it is being mounted), `login` (nobody has logged in), `missing`
    (nothing mounts it), `bound` for folders and volumes, which need nobody to answer; since `seconds`; `why` is one
    sentence. `pair` is SOURCE:TARGET."""

    name: str
    pair: str
    target: str
    state: str
    seconds: int = 0
    why: str = ""
    kind: str = ""


def parse_share(name: str, text: str, *, flagged: bool = False) -> Share:
    """A share of `SOURCE:TARGET[:ro]`. A `local:` path and a `~` of TARGET stay as they are written.

    Raises UsageError for what is no share.
    """
    _check_text(text)
    pair, mode = re.fullmatch(r"(.*?)(:r[ow])?", text, re.DOTALL).groups()  # type: ignore[union-attr]
    source, colon, target = pair.rpartition(":")
    if not colon or not source or not target.startswith(("/", "~/")):
        raise UsageError(f"not a share: `{shown(text)}`", "write it as SOURCE:TARGET: /srv/data:/data")
    target = _checked_target(target)
    try:
        found = _source(source)
    except ValueError as error:
        what = str(error) or "not a source of a share"
        told = "" if "password" in what else f": `{shown(source)}`"
        raise UsageError(f"{what}{told}", _HINT) from error
    return replace(found, name=name, text=source, target=target, read_only=mode == ":ro", flagged=flagged)


def _check_text(text: str) -> None:
    if len(text) > _LONGEST or not text.isprintable():
        raise UsageError(f"not a share: `{shown(text)}`", _HINT)


def _checked_target(target: str) -> str:
    """Raises UsageError for what would hide the system of an environment."""
    parts = [part for part in target.split("/") if part]
    plain = "/" + "/".join(parts) if target.startswith("/") else "/".join(parts)
    inside = plain.lstrip("/")
    hides = any(inside == place or inside.startswith(f"{place}/") for place in _SYSTEM)
    if {".", ".."} & set(parts) or plain in ("/", "~", "/mnt", "/home", "/mnt/ez", "/tmp", "/var", "/var/lib") or hides:
        raise UsageError(f"a share cannot be at `{shown(target)}`", "choose another path: /data, ~/data, /srv/data")
    return plain


def _source(source: str) -> Share:
    """A share without a name and a target. Raises ValueError."""
    if source.startswith(("/", "~/")):
        return _of(FOLDER, _checked_path(source))
    scheme, colon, rest = source.partition(":")
    if not colon or rest.startswith("//"):
        return _address(source)
    if scheme == LOCAL and rest:
        return _of(LOCAL, rest)
    if scheme == VOLUME and _WORD.fullmatch(rest):
        return _of(VOLUME, rest)
    remote, between, _ = rest.partition(":")
    if scheme == RCLONE and between and _WORD.fullmatch(remote):
        return _of(RCLONE, rest)
    raise ValueError


def _of(
    kind: str,
    place: str,
    server: str = "",
    port: int = 0,
    user: str = "",
    options: tuple[tuple[str, str], ...] = (),
) -> Share:
    return Share("", kind, "", "", place, server=server, port=port, user=user, options=options)


def _address(source: str) -> Share:
    url = urlsplit(source)
    if url.password is not None:
        raise ValueError("a password in a share")
    if url.fragment or (url.query and url.scheme not in _OPTIONS):
        raise ValueError
    path = unquote(url.path).strip("/")
    if not path.isprintable() or ".." in path.split("/"):
        raise ValueError
    if url.scheme in (NFS, SMB):
        return _file_server(url, path)
    if not _WORD.fullmatch(url.netloc):
        raise ValueError
    options = _checked_options(url.scheme, url.query)
    if url.scheme == "azurefiles" and path:
        return _of(SMB, path, server=f"{url.netloc}.{AZURE_FILES}", user=url.netloc)
    if url.scheme == AZBLOB and path:
        return _of(AZBLOB, path, server=url.netloc, options=options)
    if url.scheme in (S3, GCS):
        return _of(url.scheme, f"{url.netloc}/{path}".rstrip("/"), options=options)
    raise ValueError


def _file_server(url: SplitResult, path: str) -> Share:
    host, user = url.hostname or "", unquote(url.username or "")
    if not _HOST.fullmatch(host) or (user and not _USER.fullmatch(user)) or (url.scheme == SMB and not path):
        raise ValueError
    place = path if url.scheme == SMB else f"/{path}"
    return _of(url.scheme, place, host, url.port or 0, user)


def _checked_options(kind: str, query: str) -> tuple[tuple[str, str], ...]:
    found = dict(parse_qsl(query, strict_parsing=True)) if query else {}
    for key, value in found.items():
        if key not in _OPTIONS[kind] or not re.fullmatch(r"[\x21-\x7e]{1,500}", value):
            raise ValueError(f"no option of such a share, `{shown(key)}`")
        if kind == AZBLOB and not _HOST.fullmatch(value):
            # rclone puts the account in front of it, as clouds of countries have it.
            raise ValueError(f"not a domain, `endpoint={shown(value)}`, as blob.core.chinacloudapi.cn")
    return tuple(sorted(found.items()))


def _checked_path(path: str) -> str:
    if ".." in path.split("/"):
        raise ValueError("a path with `..` in a share")
    return path.rstrip("/") or "/"
