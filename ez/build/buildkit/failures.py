"""What went wrong in a build, in ez's errors. The one place where gRPC's and the engine's words are translated."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from grpclib.exceptions import GRPCError, ProtocolError, StreamTerminatedError

from ez.build.buildkit.gateway import Worker
from ez.build.buildkit.status import Progress
from ez.build.buildkit.tally import EXPORTING, IMPORTING, LOOKING
from ez.build.engines.address import Address
from ez.build.graph import GitSource, HttpSource, ImageSource, Note
from ez.build.llb.marshal import Made
from ez.build.llb.platform import Platform
from ez.build.llb.reference import normalise, registry_of
from ez.errors import BuildError, EngineError, EzError, StepError
from ez.events import Vertex

LOST = (StreamTerminatedError, ProtocolError, ConnectionError)
"""What grpclib raises when the connection has gone."""

_PUSH = re.compile(r"failed to push (\S+): (.*)", re.DOTALL)
_EXIT_CODE = re.compile(r"exit code: (\d+)")
_FOREIGN = re.compile(r"exec format error", re.IGNORECASE)
_EMULATE = "install emulators on the computer: `docker run --privileged --rm tonistiigi/binfmt --install all`"
_DISK_FULL = re.compile(r"no space left on device", re.IGNORECASE)
_LOGIN = re.compile(r"could not read (Username|Password)|Authentication failed|returned error: 40[13]|not found$", re.M)
"""What Git says where it has to sign in; some servers hide from others that a repository is there."""

_REGISTRY: tuple[tuple[str, str, str], ...] = (
    (r"no space left on device", "the engine's disk is full", "free some with `docker system prune` on the computer"),
    (
        r"401 unauthorized|403 forbidden|unauthorized|authorization failed|access denied|insufficient_scope|denied:",
        "the registry does not let you read the image, or has no such image",
        "sign in with `docker login {registry}`, or correct the image's name",
    ),
    (
        r"no such host|dial tcp|connection refused|i/o timeout|unreachable|tls handshake|x509|timed out|eof$|no answer",
        "the registry cannot be reached for the image",
        "check the computer's network with `curl -I https://{registry}/v2/`",
    ),
    (
        r"no match for platform",
        "no image for the platform that is asked for",
        "see its platforms with `docker manifest inspect {reference}`",
    ),
    (r"not found|does not exist", "no such image", "correct the image's name or tag"),
    (r".", "the image cannot be read", "try `docker pull {reference}` on the computer"),
)

_NOT_PUSHED = (
    (
        r"429|too ?many ?requests|rate ?limit",
        "wait some minutes, since `{}` limits requests",
    ),
    (
        r"no such host|dial tcp|connection refused|i/o timeout|unreachable|tls handshake|x509|server gave http",
        "check that the engine's computer reaches it: `curl -I https://{}/v2/`",
    ),
    (r"", "run the same command again"),
)

_WHOLE_BUILD: tuple[tuple[str, type[EzError], str, str], ...] = (
    (
        r"unknown api capability|has been disabled on the build server|unimplemented|unknown method",
        EngineError,
        "the engine's BuildKit lacks what this build needs",
        "update Docker Engine on the computer",
    ),
    (
        r"no active session|session healthcheck failed|closing|no such job|context canceled|server has been stopped",
        EngineError,
        "the Docker Engine lost the build's session",
        "run the same command again",
    ),
    (
        r"larger than max",
        BuildError,
        "the definition is too large to send to the engine",
        "copy large files with `io.copy` instead of writing them in the build file",
    ),
    (r"exporter .* could not be found", EngineError, "the engine cannot keep images", "use a Docker Engine"),
)


def lost(address: Address, error: BaseException | None = None) -> EngineError:
    reason = f" ({error})" if error is not None and str(error) else ""
    return EngineError(
        f"the connection to the Docker Engine broke off during the build: `{address}`{reason}",
        "run the same command again once the engine runs",
    )


_INSTEAD = {
    "diffop": "name the `paths` that the branch changes",
    "exec.secretenv": "mount the secret as a file",
    "file.copy.includeexcludepatterns": "copy the whole directory",
    "file.symlink.create": "make the link in a step, with `ln -s`",
    "source.git.subdir": "write the repository as `git@host:path`",
}
"""What else can be asked for, by the capability that is missing."""


def lacking(needed: Mapping[str, Note], worker: Worker) -> EngineError | None:
    """An error that names the capabilities `worker` has not, None if it has all."""
    missing = sorted(set(needed) - worker.capabilities)
    if not missing:
        return None
    reasons = {worker.disabled[name] for name in missing if worker.disabled.get(name)}
    why = f" ({'; '.join(sorted(reasons))})" if reasons else ""
    named = ", ".join(f"`{name}`" for name in missing)
    position = next((needed[name].position for name in missing if needed[name].position), None)
    where = f", asked for at `{position.file}:{position.line}`" if position else ""
    hint = next((_INSTEAD[name] for name in missing if name in _INSTEAD), "update Docker Engine on the computer")
    return EngineError(f"the engine's BuildKit lacks {named}{why}{where}", hint)


def image_failed(reference: str, image: ImageSource, error: GRPCError) -> BuildError:
    """A base image could not be read."""
    return _image_failed(reference, image.note, str(error.message))


def foreign_image(reference: str, image: ImageSource, wanted: Platform, config: Mapping[str, Any]) -> StepError:
    """An image whose configuration is that of another platform: of what is no list, registries give what there is."""
    found = "/".join(str(config[key]) for key in ("os", "architecture", "variant") if config.get(key))
    message = f"no image for {wanted}: `{reference}` is {found}"
    return _at(image.note, message, f"name an image that there is for {wanted}")


def is_missing(reference: str, error: GRPCError) -> bool:
    """Whether the registry says that it has no such image. What else it may say tells nothing of what it has: to those
    who are not signed in, some registries deny what is not there as well."""
    return bool(re.search(rf"{re.escape(reference)}: not found$|manifest unknown|name unknown", str(error.message)))


def not_pushed(name: str, reason: str) -> BuildError:
    """A registry did not take the image `name`."""
    if any(word in reason.lower() for word in ("unauthorized", "denied", "forbidden", "no basic auth")):
        hint = f"sign in with `docker login {registry_of(name)}`"
        return BuildError(f"the registry does not let you push: `{name}` ({reason})", hint)
    for pattern, hint in _NOT_PUSHED:
        if re.search(pattern, reason, re.IGNORECASE):
            return BuildError(f"the image could not be pushed: `{name}` ({reason})", hint.format(registry_of(name)))
    raise AssertionError("the last pattern matches everything")


class CacheExportError(BuildError):
    """All is made but a cache that was to be written, on an engine that ends a build for that."""


def build_failed(error: GRPCError, progress: Progress, states: Mapping[str, Made]) -> EzError:
    """The build as a whole failed; the step that made it fail, where one did."""
    failed = _failed_vertex(error, progress)
    message = str(error.message)
    if failed is not None and failed.name.startswith(EXPORTING):
        return CacheExportError(f"the cache could not be written: `{failed.error}`", "check the registry")
    if failed is not None and failed.digest in states:
        return _step_failed(failed, progress.last_lines(failed.digest), states[failed.digest])
    if pushed := _PUSH.search(message):
        return not_pushed(pushed[1], pushed[2])
    for pattern, kind, summary, hint in _WHOLE_BUILD:
        if re.search(pattern, message, re.IGNORECASE):
            return kind(f"{summary}: `{message}`", hint)
    if _DISK_FULL.search(message):
        return BuildError(f"the engine's disk is full: `{message}`", "free some with `docker system prune`")
    return BuildError(f"the build failed: `{message}`", "look at the lines above, or at `journalctl -u docker`")


def _failed_vertex(error: GRPCError, progress: Progress) -> Vertex | None:
    """The error's own vertex where the engine names it, else the first one that failed. A cache that cannot be read
    fails nothing."""
    failed = [vertex for vertex in progress.failed() if not vertex.name.startswith((IMPORTING, LOOKING))]
    details: Any = error.details
    named = details.get("errdefs.Vertex", {}).get("digest") if isinstance(details, dict) else None
    return next((vertex for vertex in failed if vertex.digest == named), failed[0] if failed else None)


def _step_failed(vertex: Vertex, log: tuple[str, ...], state: Made) -> BuildError:
    note = state.note
    if isinstance(state, ImageSource):
        return _image_failed(normalise(state), note, vertex.error)
    if isinstance(state, GitSource | HttpSource):
        return _source_failed(state, vertex.error, log)
    code = _EXIT_CODE.search(vertex.error)
    title = note.label or vertex.name
    if _DISK_FULL.search(vertex.error) or any(_DISK_FULL.search(line) for line in log):
        summary, hint = "the engine's disk is full", "free some with `docker system prune` on the computer"
    elif any(_FOREIGN.search(line) for line in (vertex.error, *log)):
        summary, hint = "the computer cannot run programs of this platform (exec format error)", _EMULATE
    elif code:
        summary, hint = f"a build step ended with exit code {code[1]}", _look_at(note)
    else:
        summary, hint = f"a build step failed ({vertex.error})", _look_at(note)
    return _at(note, f"{summary}: `{title}`", hint, log, int(code[1]) if code else None)


def _source_failed(source: GitSource | HttpSource, message: str, log: tuple[str, ...]) -> BuildError:
    """Git says why on its standard error, of which the engine tells no more than the exit code."""
    is_git = isinstance(source, GitSource)
    summary = "the repository cannot be read" if is_git else "the file cannot be downloaded"
    said = "\n".join((message, *log))
    if _DISK_FULL.search(said):
        summary, hint = "the engine's disk is full", "free some with `docker system prune` on the computer"
    elif "mismatch" in message:
        hint = _look_at(source.note)
    elif is_git and source.url.startswith("http") and _LOGIN.search(said):
        hint = "lend its token: `--secret id=GIT_AUTH_TOKEN,env=VARIABLE`"
    elif is_git and "no ssh " in said.lower():
        hint = "lend your agent: `--ssh default`"
    else:
        hint = f"try `{'git ls-remote' if is_git else 'curl -fIL'} {shlex.quote(source.url)}` on the computer"
        # Under load Docker 20.10 ends a build without what Git said.
        if is_git and source.url.startswith("http") and not log:
            hint += "; a private one needs `--secret id=GIT_AUTH_TOKEN,env=VARIABLE`"
    return _at(source.note, f"{summary}: `{source.url}` ({message})", hint, log)


def _image_failed(reference: str, note: Note, message: str) -> BuildError:
    for pattern, summary, hint in _REGISTRY:
        if re.search(pattern, message, re.IGNORECASE | re.DOTALL):
            filled = hint.format(registry=registry_of(reference), reference=reference)
            return _at(note, f"{summary}: `{reference}` ({message})", filled)
    raise AssertionError("the last pattern matches everything")


def _look_at(note: Note) -> str:
    position = note.position
    return f"look at line {position.line} of `{position.file}`" if position else "look at the step's last lines"


def _at(note: Note, message: str, hint: str, log: tuple[str, ...] = (), status: int | None = None) -> StepError:
    position = note.position
    return StepError(
        message,
        hint,
        file=position.file if position else None,
        line=position.line if position else None,
        log=log,
        status=status,
    )
