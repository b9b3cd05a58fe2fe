"""What a person types to say which repo: a Git address, `owner/name` on GitHub, a directory, or nothing."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ez.errors import SourceError, UsageError
from ez.models import RepoRef
from ez.names import check_name, environment_name, shown

LONGEST_ADDRESS = 2048
LONGEST_REF = 250

_FORMS = "write it as `git@host:path`, `https://host/path`, `owner/name` or a directory"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_GITHUB = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._][A-Za-z0-9._-]*")
_SCP = re.compile(r"(?:(?P<user>[^@/:]+)@)?(?P<host>[^@/:\[\]]+|\[[0-9A-Fa-f:.]+\]):(?P<path>.+)")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9.])?|\[?[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*\]?")
_TOKEN = re.compile(r"gh[pousr]_|github_pat_|glpat-|oauth2|x-token-auth|x-access-token|[A-Za-z0-9_-]{33,}")
_HELPER = re.compile(r"[A-Za-z0-9+.-]+::")
_BAD_IN_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]")


@dataclass(frozen=True)
class Address:
    """Parts of a Git URL. `port` is 0 for the scheme's own."""

    scheme: str
    user: str
    host: str
    port: int
    path: str


def parse_reference(
    text: str | None, cwd: Path, ref: str | None = None, *, name: str | None = None, github_over_ssh: bool = True
) -> RepoRef:
    """What to open. A directory that exists wins over every other reading; nothing stands for `cwd`.

    `owner/name` becomes an address of GitHub over SSH, so that private repos open with the person's agent, or over
    HTTPS where the caller knows of no key. `name` is the environment's name where the person gave one, otherwise it
    is made from the repo's. A directory without a build file stands for the work tree that it is in.

    Raises UsageError for what is no reference, no ref or no name, SourceError for a directory that is not there.
    """
    if ref is not None:
        check_ref(ref)
    chosen = check_name("environment", name) if name else None
    if not text:
        return _directory(cwd, ref, chosen)
    _check_text(text)
    directory = os.path.join(cwd, text)
    if os.path.isdir(directory):
        return _directory(Path(directory), ref, chosen)
    url = _url(text, github_over_ssh)
    if url is None:
        raise SourceError(f"no such directory: `{shown(text)}`", _FORMS)
    return RepoRef(url=url, path=None, name=chosen or environment_name(parse_address(url).path), ref=ref)


def parse_address(url: str) -> Address:
    """The parts of an address that ez can clone. Raises UsageError for any other.

    Nothing that comes out can be taken for an option by git or ssh, and none holds a password.
    """
    scheme = _SCHEME.match(url)
    if scheme is None:
        return _scp_address(url)
    kind = scheme.group(1).lower()
    if kind == "git":
        raise UsageError(
            f"`git://` is neither encrypted nor signed: `{shown(url)}`", "use `https://` or `git@host:path`"
        )
    if kind not in ("https", "http", "ssh"):
        raise UsageError(f"not an address that ez clones from: `{shown(_redacted(url))}`", _FORMS)
    try:
        parts = urlsplit(url)
        port = parts.port or 0
    except ValueError as error:
        raise UsageError(f"not an address: `{shown(_redacted(url))}`", _FORMS) from error
    if parts.password is not None or (kind != "ssh" and _TOKEN.match(parts.username or "")):
        raise UsageError(
            f"a password or token in an address: `{shown(_redacted(url))}`",
            f"leave it out and use a credential helper, or `git@{parts.hostname}:path`",
        )
    address = Address(kind, parts.username or "", parts.hostname or "", port, parts.path)
    return _checked(address, url)


def canonical(url: str) -> str:
    """The same text for every way to write the address of one repo: `host[:port]/path`."""
    address = parse_address(url)
    path = address.path.strip("/").removesuffix(".git")
    port = f":{address.port}" if address.port not in (0, 22, 443) else ""
    return f"{address.host.lower()}{port}/{path}"


def ssh_address(url: str) -> tuple[str, int] | None:
    """Host and port of a Git server reached over SSH, None for one that is not."""
    address = parse_address(url)
    return (address.host, address.port or 22) if address.scheme == "ssh" else None


def without_secret(url: str) -> str:
    """`url` as it may be written down: no password, and no user name that is a token."""
    scheme = _SCHEME.match(url)
    if scheme is None:
        return url
    # A password may hold anything, also `@` and `/`, and whoever wrote it may not have known how to escape that.
    login, separator, rest = url[scheme.end() :].rpartition("@")
    if not separator:
        return url
    user = login.partition(":")[0] if "/" not in login or ":" in login else ""
    if not user:
        return url if "/" in login else url[: scheme.end()] + rest
    kept = f"{user}@" if user and not _TOKEN.match(user) else ""
    return url[: scheme.end()] + kept + rest


def check_ref(ref: str) -> str:
    """`ref` itself when it can name a branch, a tag or a commit, by the rules of git-check-ref-format(1).

    Raises UsageError.
    """
    parts = ref.split("/")
    if (
        not ref
        or len(ref) > LONGEST_REF
        or ref == "@"
        or ref.startswith("-")
        or ref.endswith(".")
        or ".." in ref
        or "@{" in ref
        or _BAD_IN_REF.search(ref)
        or any(not part or part.startswith(".") or part.endswith(".lock") for part in parts)
    ):
        raise UsageError(f"not a branch, tag or commit: `{shown(ref)}`", "name one that `git ls-remote` lists")
    return ref


def _check_text(text: str) -> None:
    if len(text) > LONGEST_ADDRESS:
        raise UsageError(f"a repo of {len(text)} characters: `{shown(text)}`", _FORMS)
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise UsageError(f"a repo with control characters: `{shown(text)}`", _FORMS)
    if text.startswith("-"):
        raise UsageError(f"not a repo: `{shown(text)}`", f"write a directory of that name as `./{shown(text)}`")


def _directory(path: Path, ref: str | None, name: str | None) -> RepoRef:
    top = _work_tree(path.resolve())
    if not _is_text(str(top)):
        raise UsageError(f"a directory whose name is not UTF-8: `{shown(str(top))}`", "rename it")
    return RepoRef(url=None, path=str(top), name=name or environment_name(top.name), ref=ref)


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _work_tree(path: Path) -> Path:
    """`path` where it has a build file, otherwise the directory above it or itself that holds a `.git`, if any."""
    if (path / "build.envd").exists():
        return path
    return next((above for above in (path, *path.parents) if (above / ".git").exists()), path)


def _url(text: str, github_over_ssh: bool) -> str | None:
    """`text` as a checked address, None where it looks like a path."""
    if _GITHUB.fullmatch(text):
        path = text.removesuffix(".git")
        return f"git@github.com:{path}.git" if github_over_ssh else f"https://github.com/{path}.git"
    if _HELPER.match(text):
        raise UsageError(f"a transport that runs a program: `{shown(text)}`", _FORMS)
    if _SCHEME.match(text) or (_SCP.fullmatch(text) and "/" not in text.partition(":")[0]):
        parse_address(text)
        return text
    return None


def _scp_address(url: str) -> Address:
    match = _SCP.fullmatch(url)
    if match is None:
        raise UsageError(f"not an address: `{shown(url)}`", _FORMS)
    return _checked(Address("ssh", match["user"] or "", match["host"].strip("[]"), 0, match["path"]), url)


def _checked(address: Address, url: str) -> Address:
    if not _HOST.fullmatch(address.host) or (address.user and not _USER.fullmatch(address.user)):
        raise UsageError(f"not the name of a Git server: `{shown(_redacted(url))}`", _FORMS)
    if not address.path.strip("/") or address.path.startswith("-") or "\n" in address.path:
        raise UsageError(f"an address without a repo: `{shown(_redacted(url))}`", _FORMS)
    return address


def _redacted(url: str) -> str:
    """`url` for a message: whatever stands before an `@` may be a secret."""
    scheme = _SCHEME.match(url)
    start = scheme.end() if scheme else 0
    login, separator, rest = url[start:].rpartition("@")
    return url[:start] + "***@" + rest if separator and login else url
