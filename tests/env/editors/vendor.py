"""An editor's update server, played here; the server that it gives is a shell script."""

from __future__ import annotations

import io
import json
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PROGRAM = """\
#!/bin/sh
# Notes what it installs; knows no extension of the publisher `absent`.
list=$HOME/extensions.txt
for word in "$@"; do
    case $word in
        --list-extensions) cat "$list" 2>/dev/null ;;
        absent.*) echo "Extension '$word' not found." >&2 ;;
        -*) ;;
        *) echo "${word%@*}" >>"$list" ;;
    esac
done
"""


class Vendor:
    """The editor's update server. `archive` is what it gives; `asked` are the paths."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.archive = archive(COMMIT)
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                vendor.asked.append(self.path)
                self.send_response(200 if vendor.archive else 404)
                self.end_headers()
                self.wfile.write(vendor.archive)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def archive(commit: str, program: str = "code-server") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as file:
        members = {"bin/" + program: PROGRAM, "product.json": json.dumps({"commit": commit}, indent=1)}
        for name, text in members.items():
            entry = tarfile.TarInfo(f"vscode-server-linux-x64/{name}")
            entry.size, entry.mode = len(text), 0o755
            file.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()
