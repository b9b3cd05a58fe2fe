"""How each engine makes each output: its own exporter where it has one, another way where there is one, else a refusal.

What an engine has follows from its image store: the graph drivers know `moby`, `local` and `tar` alone, and of the
caches `inline`; the containerd image store and a standalone buildkitd know all that ez asks for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ez.build.buildkit.client import Exporter
from ez.build.buildkit.session.export import Target, ToDirectory, ToFile, ToStream
from ez.build.engines.records import EngineInfo
from ez.build.graph import ImageSource
from ez.build.llb.reference import normalise
from ez.build.order import STREAM, Cache, Output
from ez.errors import EngineError, UsageError

_LACKS = "the engine's image store (graph driver) cannot"
_SWITCH = "use an engine with the containerd image store"


_ZSTD = {"compression": "zstd", "oci-mediatypes": "true"}
"""Docker's own manifests have no word for zstd: BuildKit writes one that nothing can unpack."""


@dataclass(frozen=True)
class Export:
    """One output as one solve: `exporter`, and where in this computer the session puts what it sends.

    `push` and `save` are done with the engine's own API afterwards, on the image named `push` or `named`.
    """

    exporter: Exporter | None = None
    target: Target | None = None
    layout: Path | None = None
    push: str = ""
    named: str = ""
    save: Output | None = None


def plan_exports(
    outputs: Sequence[Output],
    reference: str,
    info: EngineInfo,
    *,
    platforms: int = 1,
    timestamp: int | None = None,
    shared: bool = False,
) -> tuple[Export, ...]:
    """A solve for each of `outputs`; `reference` names the image in a tar. Raises EngineError for what cannot be.

    New layers of an image for the engine alone are compressed with zstd: with the containerd image store gzip took 28
    to 48 s of builds of 80 to 98 s. What is `shared` with a registry is read by every engine, also by Docker 20.10.
    """
    graph_driver = info.store == "graphdriver"
    exports = []
    for output in outputs:
        if platforms > 1:
            _check_platforms(output, graph_driver)
        if output.kind == "cacheonly":
            exports.append(Export())
            continue
        plan = _on_graph_driver if graph_driver else _on_containerd
        export = plan(_replaceable(output), reference, info)
        exporter = _dated(export.exporter, timestamp, graph_driver) if export.exporter else None
        if exporter is not None and output.kind == "engine" and not (graph_driver or shared):
            exporter = replace(exporter, attributes={**_ZSTD, **exporter.attributes})
        exports.append(replace(export, exporter=exporter))
    return tuple(exports)


def _replaceable(output: Output) -> Output:
    """A file appears whole, in the place of what has its name: so never in that of a device, a pipe or a link."""
    is_file = output.kind in ("docker", "tar") or (output.kind == "oci" and ("tar", "false") not in output.attributes)
    path = Path(output.target)
    if not is_file or output.target == STREAM or not (path.exists() or path.is_symlink()):
        return output
    if path.exists() and not path.is_file():
        raise UsageError(f"not a file to write to: `{path}`", "name a file with `dest=FILE`, or `-` for stdout")
    return replace(output, target=str(path.resolve())) if path.is_symlink() else output


def check_caches(cache_to: Sequence[Cache], info: EngineInfo) -> None:
    """Raises EngineError, before anything is built, for a cache that the engine cannot write."""
    for cache in cache_to:
        if info.store == "graphdriver" and cache.kind != "inline":
            raise EngineError(
                f"{_LACKS} write a `{cache.kind}` cache: `{cache.place}`",
                "write it into the image with `--cache-to type=inline`, and push the image",
            )


def _check_platforms(output: Output, graph_driver: bool) -> None:
    if output.kind == "docker":
        raise EngineError(
            f"a Docker archive holds one platform: `{output.target}`", "write `type=oci`, or build one platform"
        )
    if graph_driver and output.kind in ("engine", "registry"):
        raise EngineError(f"{_LACKS} hold several platforms: `{output.target}`", f"{_SWITCH}, or build one platform")


def _on_containerd(output: Output, reference: str, info: EngineInfo) -> Export:
    """Also a standalone buildkitd, which has no `moby`."""
    attributes = dict(output.attributes)
    match output.kind:
        case "engine":
            kind = "moby" if info.kind == "docker" else "image"
            return Export(Exporter(kind, {**attributes, "name": full_name(output.target)}))
        case "registry":
            # Pushing is no naming: what the engine keeps of it is its build cache.
            named = {"name": full_name(output.target), "push": "true", "store": "false"}
            return Export(Exporter("image", {**attributes, **named}))
        case "oci" if attributes.get("tar") == "false":
            return Export(Exporter("oci", {**attributes, "name": full_name(reference)}), layout=Path(output.target))
        case "oci" | "docker":
            return Export(Exporter(output.kind, {**attributes, "name": full_name(reference)}), _file(output))
        case _:
            return _files(output)


def _on_graph_driver(output: Output, reference: str, info: EngineInfo) -> Export:
    if output.kind in ("tar", "local"):
        return _files(output)
    if output.kind == "oci":
        raise EngineError(
            f"{_LACKS} write an OCI archive: `{output.target}`",
            f"write `type=docker,dest={output.target}`, or {_SWITCH}",
        )
    if output.attributes:
        raise EngineError(f"{_LACKS} set `{output.attributes[0][0]}`", f"leave it out, or {_SWITCH}")
    name = full_name(reference if output.kind == "docker" else output.target)
    exporter = Exporter("moby", {"name": name})
    match output.kind:
        case "registry":
            return Export(exporter, push=name, named=name)
        case "docker":
            return Export(exporter, save=output, named=name)
        case _:
            return Export(exporter)


def _files(output: Output) -> Export:
    attributes = dict(output.attributes)
    if output.kind == "tar":
        return Export(Exporter("tar", attributes), _file(output))
    return Export(Exporter("local", attributes), ToDirectory(Path(output.target)))


def _file(output: Output) -> Target:
    if output.target != STREAM:
        return ToFile(Path(output.target))
    if output.stream is None:
        raise UsageError("there is no stream to write to: `-`", "name a file with `dest=FILE`")
    return ToStream(output.stream)


def _dated(exporter: Exporter, timestamp: int | None, graph_driver: bool) -> Exporter:
    """Every time in the result becomes `timestamp`; the graph drivers keep the times of files in their layers.

    `moby` unpacks what it makes at once and refuses to rewrite it; the engine unpacks an `image` at its first use.
    """
    if timestamp is None or (graph_driver and exporter.type == "moby"):
        return exporter
    dated = {"source-date-epoch": str(timestamp), "rewrite-timestamp": "true"}
    return Exporter("image" if exporter.type == "moby" else exporter.type, {**exporter.attributes, **dated})


def full_name(reference: str) -> str:
    """Fully qualified references, of one or of several with commas. Raises DefinitionError for one that is none."""
    return ",".join(normalise(ImageSource(part)) for part in reference.split(","))
