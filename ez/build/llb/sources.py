"""Where files come from: images, directories of the session, Git repositories and HTTP servers."""

from __future__ import annotations

import json
import posixpath
import re
from typing import Any
from urllib.parse import quote, urlsplit

from ez.build.buildkit.messages import llb
from ez.build.graph import GitSource, HttpSource, ImageSource, LocalSource, Note, content_of
from ez.build.llb.encoding import Operation, encode
from ez.build.llb.reference import normalise
from ez.build.llb.refusal import refusal

_HOST = r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)"
_USER = r"(?P<user>[A-Za-z0-9_][A-Za-z0-9_.-]*)"
_PATH = r"[^\s#?\\]+"
_SSH = re.compile(rf"ssh://(?:{_USER}@)?{_HOST}(?::(?P<port>[0-9]+))?(?P<path>/{_PATH})")
_SCP = re.compile(rf"{_USER}@{_HOST}:(?P<path>(?!-){_PATH})")
_REF = re.compile(r"(?!-)(?!.*(?:\.\.|@\{))[^\s~^:?*\[\\\x00-\x1f\x7f]+")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_CHECKSUM = re.compile(r"sha256:[0-9a-f]{64}")


def image(source: ImageSource, platform: Any) -> Operation:
    """An image, the engine's own before the registry's on every engine, so that it also works offline."""
    attributes = {"image.resolvemode": "local"}
    return _source(f"docker-image://{normalise(source)}", attributes, ["source.image"], platform)


def local(source: LocalSource, unique: str) -> Operation:
    """Files of the session. `unique` differs in every build: equal operations of two builds would share one upload."""
    attributes = {"local.unique": unique, "local.sharedkeyhint": content_of((source.include, source.exclude))[:16]}
    capabilities = ["source.local", "source.local.unique", "source.local.sharedkeyhint"]
    if source.include:
        attributes["local.includepattern"] = json.dumps(source.include)
        capabilities.append("source.local.includepatterns")
    if source.exclude:
        attributes["local.excludepatterns"] = json.dumps(source.exclude)
        capabilities.append("source.local.excludepatterns")
    return _source(f"local://{source.name}", attributes, capabilities)


def git(source: GitSource, unique: str, agent: str) -> Operation:
    """A repository's tree, as the SSH agent `agent` may read it. Raises DefinitionError for what is no repository, ref
    or commit. Every build asks the server itself, by `unique`: equal operations of two would share the first one's
    right to read."""
    note = source.note
    named = not source.ref or bool(_REF.fullmatch(source.ref))
    _check(named, note, f"not a Git branch, tag or commit: `{source.ref}`", "correct its name")
    attributes, capabilities, place = _repository(source, agent)
    attributes |= _own(unique)
    if source.keep_git_directory:
        attributes["git.keepgitdir"] = "true"
        capabilities.append("source.git.keepgitdir")
    if source.commit:
        _check(
            bool(_COMMIT.fullmatch(source.commit)), note, f"not a Git commit: `{source.commit}`", "write 40 hex digits"
        )
        attributes["git.checksum"] = source.commit
        capabilities.append("source.git.checksum")
    fragment = quote(source.ref, safe="/@")
    if subdirectory := subdirectory_of(source):
        fragment += f":{quote(subdirectory, safe='/@:')}"
        capabilities.append("source.git.subdir")
    return _source(f"git://{place}{'#' if fragment else ''}{fragment}", attributes, capabilities)


def subdirectory_of(source: GitSource) -> str:
    """Its subdirectory in normal form, empty for the whole tree. Raises DefinitionError for one outside."""
    path = posixpath.normpath(f"./{source.subdirectory.strip('/')}")
    outside = path == ".." or path.startswith("../")
    hint = "write it without `..`"
    _check(not outside, source.note, f"not a directory of the repository: `{source.subdirectory}`", hint)
    return "" if path == "." else path


def http(source: HttpSource, unique: str) -> Operation:
    """One file; `unique` as for `git`. Raises DefinitionError for what is no URL, file name or checksum."""
    _check(_is_web_address(source.url), source.note, f"not an HTTP address: `{_hidden(source.url)}`", _ADDRESS_HINT)
    named = source.filename not in ("", ".", "..") and not set("/\0") & set(source.filename)
    _check(named, source.note, f"not a file name: `{source.filename}`", "leave out directories")
    attributes = {"http.filename": source.filename, "http.perm": f"0{source.mode:o}", **_own(unique)}
    capabilities = ["source.http", "source.http.perm"]
    if source.checksum:
        valid = bool(_CHECKSUM.fullmatch(source.checksum))
        _check(valid, source.note, f"not a checksum: `{source.checksum}`", "write `sha256:` and 64 hex digits")
        attributes["http.checksum"] = source.checksum
        capabilities.append("source.http.checksum")
    if source.uid or source.gid:
        attributes |= {"http.uid": str(source.uid), "http.gid": str(source.gid)}
        capabilities.append("soruce.http.uidgid")  # BuildKit's own spelling.
    return _source(source.url, attributes, capabilities)


def _own(unique: str) -> dict[str, str]:
    """An attribute that engines do not know: it changes the operation's digest and no cache key."""
    return {"ez.unique": unique} if unique else {}


def _source(identifier: str, attributes: dict[str, str], capabilities: list[str], platform: Any = None) -> Operation:
    body = llb.SourceOp(identifier=identifier, attrs=attributes)
    return Operation(encode("source", body, platform=platform), tuple(capabilities))


_ADDRESS_HINT = "write it as `https://host/path`, without a password in it"


def _repository(source: GitSource, agent: str) -> tuple[dict[str, str], list[str], str]:
    """How the repository is reached: attributes, capabilities, and the host and path that its name shows."""
    matched = _SSH.fullmatch(source.url) or _SCP.fullmatch(source.url)
    if matched is not None:
        return _over_ssh(source, matched, agent)
    _check(_is_web_address(source.url), source.note, f"not a Git repository: `{_hidden(source.url)}`", _ADDRESS_HINT)
    secrets = {"git.authtokensecret": "GIT_AUTH_TOKEN", "git.authheadersecret": "GIT_AUTH_HEADER"}
    attributes = {"git.fullurl": source.url, **secrets}
    return attributes, ["source.git", "source.git.fullurl", "source.git.httpauth"], source.url.partition("://")[2]


def _over_ssh(source: GitSource, matched: re.Match[str], agent: str) -> tuple[dict[str, str], list[str], str]:
    """BuildKit 0.8 knows SSH by `git@host:path` only, which has no room for a port; later ones know more forms."""
    _check(
        bool(source.known_hosts.strip()),
        source.note,
        f"the host key of `{matched['host']}` is not known, so its repository cannot be read over SSH",
        f"add it to `~/.ssh/known_hosts` by signing in once with `ssh {matched['user'] or 'git'}@{matched['host']}`",
    )
    found = matched.groupdict()
    user, host, port, path = found["user"] or "git", found["host"], found.get("port"), found["path"]
    url = f"ssh://{user}@{host}:{port}{path}" if port not in (None, "22") else f"{user}@{host}:{path}"
    attributes = {"git.fullurl": url, "git.knownsshhosts": source.known_hosts, "git.mountsshsock": agent}
    capabilities = ["source.git", "source.git.fullurl", "source.git.knownsshhosts", "source.git.mountsshsock"]
    if not url.startswith("git@"):
        capabilities.append("source.git.subdir")  # As old as the other forms; they have no name of their own.
    return attributes, capabilities, f"{host}/{path.lstrip('/')}"


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return known and "@" not in parts.netloc and not re.search(r"[\s#\\\x00-\x1f\x7f]", url)


def _hidden(url: str) -> str:
    """`url` without what may be a password."""
    return re.sub(r"//[^/@]*@", "//***@", url)


def _check(fine: bool, note: Note, message: str, hint: str) -> None:
    if not fine:
        raise refusal(note, message, hint)
