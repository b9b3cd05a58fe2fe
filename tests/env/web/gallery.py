"""A gallery as open-vsx.org is one for code-server, played here; it has the extensions that it is given."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_VERSION = "1.2.3"
_PACKAGE = "Microsoft.VisualStudio.Services.VSIXPackage"
_MANIFEST = "Microsoft.VisualStudio.Code.Manifest"
_VSIX_MANIFEST = """<?xml version="1.0" encoding="utf-8"?>
<PackageManifest Version="2.0.0" xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011">
<Metadata><Identity Language="en-US" Id="{name}" Version="{version}" Publisher="{publisher}"/>
<DisplayName>{name}</DisplayName></Metadata><Installation><InstallationTarget Id="Microsoft.VisualStudio.Code"/>
</Installation><Assets><Asset Type="Microsoft.VisualStudio.Code.Manifest" Path="extension/package.json"
Addressable="true"/></Assets></PackageManifest>
"""


class Gallery:
    """`address` takes the place of open-vsx.org at the address `host` of this computer; `asked` are its paths."""

    def __init__(self, host: str, ids: Iterable[str]) -> None:
        self.asked: list[str] = []
        known = {id.lower(): id for id in ids}
        gallery = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                gallery.asked.append(self.path)
                publisher, name, *_ = self.path.removeprefix("/vscode/asset/").split("/")
                found = known.get(f"{publisher}.{name}".lower())
                if found is None:
                    self.send_error(404)
                elif self.path.partition("?")[0].endswith(_PACKAGE):
                    self._give(package(found))
                else:
                    self._give(json.dumps(manifest(found)).encode())

            def do_POST(self) -> None:
                gallery.asked.append(self.path)
                query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                wanted = [one["value"] for one in query["filters"][0]["criteria"] if one["filterType"] in (4, 7)]
                found = [gallery.described(known[id.lower()]) for id in wanted if id.lower() in known]
                count = {"metadataType": "ResultCount", "metadataItems": [{"name": "TotalCount", "count": len(found)}]}
                self._give(json.dumps({"results": [{"extensions": found, "resultMetadata": [count]}]}).encode())

            def _give(self, data: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer((host, 0), Handler)
        self.address = f"http://{host}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def described(self, id: str) -> dict[str, Any]:
        publisher, _, name = id.partition(".")
        place = f"{self.address}/vscode/asset/{publisher}/{name}/{_VERSION}"
        kinds = (_PACKAGE, _MANIFEST)
        version = {
            "version": _VERSION,
            "flags": "validated",
            "lastUpdated": "2026-01-01T00:00:00Z",
            "assetUri": place,
            "fallbackAssetUri": place,
            "files": [{"assetType": kind, "source": f"{place}/{kind}"} for kind in kinds],
            "properties": [{"key": "Microsoft.VisualStudio.Code.Engine", "value": "^1.60.0"}],
        }
        return {
            "extensionId": f"{hash(id) & 0xFFFFFFFF:08x}-0000-4000-8000-000000000000",
            "extensionName": name,
            "displayName": name,
            "shortDescription": "",
            "publisher": {"displayName": publisher, "publisherId": "", "publisherName": publisher},
            "versions": [version],
            "statistics": [],
            "tags": [],
            "categories": [],
            "flags": "",
            "releaseDate": "2026-01-01T00:00:00Z",
            "publishedDate": "2026-01-01T00:00:00Z",
            "lastUpdated": "2026-01-01T00:00:00Z",
        }

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def manifest(id: str) -> dict[str, Any]:
    publisher, _, name = id.partition(".")
    title: dict[str, Any] = {"contributes": {"colors": []}}
    return {"name": name, "publisher": publisher, "version": _VERSION, "engines": {"vscode": "^1.60.0"}, **title}


def package(id: str) -> bytes:
    publisher, _, name = id.partition(".")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("extension/package.json", json.dumps(manifest(id)))
        about = _VSIX_MANIFEST.format(name=name, publisher=publisher, version=_VERSION)
        archive.writestr("extension.vsixmanifest", about)
    return packed.getvalue()
