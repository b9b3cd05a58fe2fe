"""What of the net a test plays: a server of made-up files, at an address that engines and build steps reach.

Most of what ez downloads for images cannot be had here. So archives are made up that look like those of upstream and
hold programs that say which tool they stand for; their checksums are published beside them, as upstream does.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from ez.build.image.tools.table import Archive, Download

Files = Mapping[str, bytes]
"""Contents by path, without the first `/`; `BASE` in them becomes the server's address."""


@contextmanager
def serving(host: str, files: Files) -> Iterator[str]:
    """The base URL of a server that has `files` and nothing else."""
    with ThreadingHTTPServer((host, 0), _Handler) as server:
        base = f"http://{host}:{server.server_address[1]}"
        server.files = {path: content.replace(b"BASE", base.encode()) for path, content in files.items()}  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield base
        finally:
            server.shutdown()


@contextmanager
def mirror(host: str, places: Mapping[str, Files]) -> Iterator[dict[str, str]]:
    """One server with a directory for each of the `places`; gives them as mirrors of tools."""
    files = {f"{name}/{path}": _at(name, content) for name, files in places.items() for path, content in files.items()}
    with serving(host, files) as base:
        yield {f"tool.{name}": f"{base}/{name}" for name in places}


def _at(place: str, content: bytes) -> bytes:
    return content.replace(b"BASE", f"BASE/{place}".encode())


def stand_in(download: Download) -> Download:
    """The same tool at a version that nobody publishes, so that no image has what a stand-in left in a cache."""
    return replace(
        download,
        version=f"{download.version}-test",
        amd64=Archive(download.amd64.path),
        arm64=Archive(download.arm64.path),
        checksums=download.checksums if "://" not in download.checksums else "{path}.sha256",
    )


def published(download: Download, programs: Mapping[str, str], *, packed: bool = True) -> dict[str, bytes]:
    """The files of `download`, in its own version and a stand-in's. `programs` are by path below the top directory;
    not `packed`, the archive is the one program itself."""
    return published_file(download, _archive(programs) if packed else next(iter(programs.values())).encode())


def published_file(download: Download, content: bytes) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for one in (download, stand_in(download)):
        paths = one.arguments()[2:6:2]
        for path, sums in zip(paths, one.arguments()[6:], strict=True):
            files[path] = content
            line = f"{hashlib.sha256(content).hexdigest()}  {path.rpartition('/')[2]}\n".encode()
            files[sums] = files.get(sums, b"") + line
    return files


def debian_package(name: str, depends: str, programs: Mapping[str, str]) -> bytes:
    """A package for every architecture (https://manpages.debian.org/deb.5), with `programs` by their paths."""
    control = (
        f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: nobody\nDepends: {depends}\nDescription: none\n"
    )
    members = {
        "debian-binary": b"2.0\n",
        "control.tar.gz": _archive({"control": control}, "."),
        "data.tar.gz": _archive(programs, "."),
    }
    heads = ((f"{name:16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n", data) for name, data in members.items())
    return b"!<arch>\n" + b"".join(head.encode() + data + b"\n" * (len(data) % 2) for head, data in heads)


def _archive(programs: Mapping[str, str], top: str = "top") -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as archive:
        for path, text in programs.items():
            for parent in reversed(PurePosixPath(path).parents):
                directory = tarfile.TarInfo(f"{top}/{parent}")
                directory.type, directory.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(directory)
            entry = tarfile.TarInfo(f"{top}/{path}")
            entry.size, entry.mode = len(text.encode()), 0o755
            archive.addfile(entry, io.BytesIO(text.encode()))
    return whole.getvalue()


def open_vsx(*extensions: tuple[str, str, str], spoilt: bool = False) -> dict[str, bytes]:
    """Open VSX with extensions: publisher, name and version. A `spoilt` one does not have its published checksum."""
    files = {}
    for publisher, name, version in extensions:
        content = _vsix(publisher, name, version)
        place = f"api/{publisher}/{name}"
        file = f"{place}/{version}/file/{publisher}.{name}-{version}.vsix"
        described = {"version": version, "files": {"download": f"BASE/{file}", "sha256": f"BASE/{file}.sha256"}}
        files[file] = content + (b"spoilt" if spoilt else b"")
        files[f"{file}.sha256"] = hashlib.sha256(content).hexdigest().encode()
        for asked in (version, "latest"):
            files[f"{place}/{asked}"] = json.dumps(described).encode()
    return files


def _vsix(publisher: str, name: str, version: str) -> bytes:
    package = {"publisher": publisher, "name": name, "version": version}
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("extension.vsixmanifest", "<PackageManifest/>")
        archive.writestr("extension/package.json", json.dumps(package))
    return whole.getvalue()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        content = self.server.files.get(unquote(urlsplit(self.path).path).lstrip("/"))  # type: ignore[attr-defined]
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content or b"")

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        pass
