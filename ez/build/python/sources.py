"""Where files come from and what steps see, as states and mounts of the graph. All raise DefinitionError."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from ez.build.frontends.envd.files import CONTEXT
from ez.build.frontends.inputs import LEFT_OUT
from ez.build.frontends.passwords import refuse_passwords
from ez.build.graph import (
    BindMount,
    CacheMount,
    GitSource,
    HttpSource,
    ImageSource,
    LocalSource,
    Mount,
    Note,
    Position,
    SecretMount,
    SecretVariable,
    Sharing,
    State,
    TmpfsMount,
)
from ez.build.ignore import literal
from ez.build.image.caches import OWN
from ez.build.llb.reference import normalise
from ez.build.python import arguments
from ez.build.python.place import wrong
from ez.build.python.values import Bind, Cache, Git, Http, Local, Secret, Tmpfs

_LARGEST = 2**63 - 1
_TOKEN = "leave it out and lend it to the build: ez build --secret id=GIT_AUTH_TOKEN,env=TOKEN"

Origin = str | State | Git | Http | Local
"""An image's name, an image that is made here, or a source."""


def image(reference: str, platform: str, position: Position | None) -> ImageSource:
    note = Note(f"base image {arguments.text('Image', reference)}"[:100], position)
    source = ImageSource(reference, arguments.text("Image", platform), note)
    normalise(source)
    return source


def find(call: str, origin: Origin, source: str, position: Position | None) -> tuple[State, str]:
    """The state that has the files, and where in it `source` is."""
    match origin:
        case str():
            return image(origin, "", position), arguments.place(call, source)
        case Git():
            return _git(call, origin, position), arguments.place(call, source)
        case Http():
            state = _http(call, origin, position)
            return state, f"/{state.filename}"
        case Local():
            path = arguments.in_directory(call, source)
            return local((path,), origin.exclude, position), posixpath.join("/", "" if path == "." else path)
        case _:
            return origin, arguments.place(call, source)


def local(paths: Iterable[str], exclude: Iterable[str], position: Position | None) -> LocalSource:
    """Files and directories below the directory in which the program runs; `.` is all of it."""
    wanted = sorted(set(paths))
    include = () if "." in wanted else tuple(literal(path) for path in wanted)
    left_out = (f"**/{LEFT_OUT}", *(arguments.text("exclude", one) for one in exclude))
    return LocalSource(CONTEXT, include, left_out, Note(f"files {' '.join(wanted)}"[:100], position))


def mounts(call: str, seen: Iterable[object], state_of: Callable[[object], Origin]) -> tuple[Mount, ...]:
    return tuple(_mount(call, one, state_of) for one in seen)


def _mount(call: str, seen: object, state_of: Callable[[object], Origin]) -> Mount:
    match seen:
        case Cache():
            return _cache(call, seen)
        case Secret():
            return _secret(call, seen)
        case Tmpfs():
            return TmpfsMount(arguments.place(call, seen.target), arguments.number(call, seen.size, _LARGEST))
        case Bind():
            origin = state_of(seen.origin)
            whole = "." if isinstance(origin, Local) else "/"
            state, source = find(call, origin, seen.source or whole, None)
            return BindMount(arguments.place(call, seen.target), state, source.strip("/"), readonly=not seen.writable)
        case _:
            raise wrong(f"{call}: not something to mount: `{seen}`", "give Cache, Secret, Bind or Tmpfs")


def _cache(call: str, cache: Cache) -> CacheMount:
    id = arguments.text(call, cache.id)
    if id.startswith(OWN):
        raise wrong(f"{call}: names of caches that begin with `{OWN}` are ez's own: `{id}`", "give another name")
    return CacheMount(arguments.place(call, cache.target), id, Sharing.LOCKED if cache.exclusive else Sharing.SHARED)


def _secret(call: str, secret: Secret) -> Mount:
    id = arguments.text(call, secret.id)
    if not id or "/" in id:
        raise wrong(f"{call}: not a secret's name: `{id}`", "give a name without slashes")
    if secret.variable:
        (name,) = arguments.variables(call, {secret.variable: ""})
        return SecretVariable(name, id, secret.optional)
    return SecretMount(arguments.place(call, secret.target or f"/run/secrets/{id}"), id, optional=secret.optional)


def _git(call: str, git: Git, position: Position | None) -> GitSource:
    refuse_passwords(call, (arguments.text(call, git.url),), position, _TOKEN)
    return GitSource(
        git.url,
        arguments.text(call, git.ref),
        arguments.text(call, git.subdirectory),
        arguments.text(call, git.commit),
        arguments.text(call, git.known_hosts),
        note=Note(f"git {git.url} {git.ref}".strip()[:100], position),
    )


def _http(call: str, http: Http, position: Position | None) -> HttpSource:
    refuse_passwords(call, (arguments.text(call, http.url),), position, "fetch it in a step that is lent a secret")
    url = urlsplit(http.url)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise wrong(f"{call}: not an address on the web: `{http.url}`", "begin with `https://`")
    filename = posixpath.basename(url.path) or "download"
    checksum, mode = arguments.text(call, http.checksum), arguments.mode(call, http.mode)
    return HttpSource(http.url, filename, checksum, mode, note=Note(http.url, position))
