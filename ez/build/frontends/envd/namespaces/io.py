"""`io.*`"""

from __future__ import annotations

import posixpath
import re
from urllib.parse import unquote, urlsplit

from ez.build.frontends.envd.language import Builtin, Call, Parameter
from ez.build.frontends.envd.record import At, Copy, Download, Record


def _copy(record: Record, call: Call) -> None:
    for name in ("source", "target"):
        if not call.string(name):
            raise call.wrong(f"io.copy: {name} is empty", f"give a path as `{name}`")
    record.copies.append(At(Copy(call.string("source"), call.string("target"), call.string("image")), call.position))


def _http(record: Record, call: Call) -> None:
    url, filename = call.string("url"), call.string("filename")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or not url.isprintable() or " " in url:
        raise call.wrong(f"io.http: not an address of a file: `{url}`", "give a URL that begins with `https://`")
    filename = filename or unquote(posixpath.basename(parts.path))
    if filename in ("", ".", "..") or "/" in filename or not filename.isprintable():
        raise call.wrong(f"io.http: not a name for a file: `{filename}`", "give a name as `filename`")
    record.downloads.append(At(Download(url, filename, _checksum(call)), call.position))


def _checksum(call: Call) -> str:
    checksum = call.string("checksum")
    if not checksum:
        return ""
    algorithm, colon, digits = checksum.partition(":")
    hint = "write it as `sha256:` and 64 hexadecimal digits; `sha256sum FILE` tells them"
    if not colon or not re.fullmatch(r"[a-z0-9]+(?:[.+_-][a-z0-9]+)*", algorithm) or not digits:
        raise call.wrong("invalid checksum digest format", hint)
    if algorithm != "sha256":
        raise call.wrong("unsupported digest algorithm", hint)
    if not re.fullmatch(r"[0-9a-f]{64}", digits):
        raise call.wrong("invalid checksum digest format", hint)
    return checksum


BUILTINS = (
    Builtin("io.copy", _copy, (Parameter("source"), Parameter("target"), Parameter("image", default=""))),
    Builtin(
        "io.http",
        _http,
        (Parameter("url"), Parameter("checksum", default=""), Parameter("filename", default="")),
    ),
)
