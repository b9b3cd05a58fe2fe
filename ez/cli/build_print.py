"""`ez build --print`: what would be built, without building it and, of a directory here, without any engine."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from ez.build.definition import Definition
from ez.build.explain.record import History
from ez.build.llb.platform import Platform, parse_platform
from ez.cli.output import say
from ez.env.files import write_whole
from ez.errors import UsageError


def check_print(kind: str, file: str | None) -> None:
    """Raises UsageError for bytes that would go to a terminal, and for a directory."""
    if file is not None and os.path.isdir(file):
        raise UsageError(f"--file is a directory: `{file}`", "name a file in it")
    if kind == "llb" and file is None and sys.stdout.isatty():
        raise UsageError("--print llb would write bytes to the terminal", "--file build.llb")


def print_definition(
    definition: Definition, history: History, kind: str, file: str | None, platforms: tuple[str, ...]
) -> None:
    """Write it to `file`, or else to stdout, and say what is not in it. Raises EzError for a file that cannot be."""
    if kind == "llb":
        platform = parse_platform(platforms[0]) if platforms else Platform()
        _write(_llb(definition, platform), file)
    elif kind == "json":
        _write(_json(definition), file)
    else:
        _write(_graph(definition, history, file), file)


def _llb(definition: Definition, platform: Platform) -> bytes:
    """A serialised `pb.Definition`, as `buildctl build` reads it from stdin."""
    from ez.build.llb.marshal import base_images, marshal

    message = marshal(definition.state, sources=definition.sources, platform=platform).message
    images = ", ".join(f"`{name}`" for name in base_images(definition.state)) or "base images"
    say(f"for {platform}, without what a build asks the engine and the settings for: the variables of {images},")
    say("proxies, mirrors and certificates; and with every step that only newer engines can do")
    return b"" if message is None else bytes(message.SerializeToString(deterministic=True))


def _json(definition: Definition) -> bytes:
    from ez.build.graph_json import graph_to_json

    return (json.dumps(graph_to_json(definition.state, definition.config), indent=2) + "\n").encode()


def _graph(definition: Definition, history: History, file: str | None) -> bytes:
    """A picture for a file of that kind, text for every other; with the times of the last build where there was one."""
    from ez.build.picture.drawing import graph_svg, graph_text, times_of

    times = times_of(definition.state, history.builds[-1]) if history.builds else {}
    draw = graph_svg if file is not None and file.lower().endswith(".svg") else graph_text
    return draw(definition.state, times).encode()


def _write(data: bytes, file: str | None) -> None:
    if file is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    write_whole(Path(os.path.realpath(file)), data)
    say(f"wrote {file}")
