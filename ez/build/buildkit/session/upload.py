"""Contents that are on no disk, as a tar given on standard input: the engine downloads them over the session.

It does so where an http source has the URL `http://buildkit-session/NAME`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, BinaryIO

from grpclib.const import Cardinality, Handler, Status
from grpclib.exceptions import GRPCError

from ez.build.buildkit.messages import control

HOST = "buildkit-session"

_CHUNK = 256 * 1024


class Upload:
    """`contents` by the name in the URL. A stream can be read once."""

    def __init__(self, contents: Mapping[str, bytes | BinaryIO]) -> None:
        self._contents = dict(contents)

    def methods(self) -> dict[str, Handler]:
        # Its own message has the same form.
        pull = Handler(self._pull, Cardinality.STREAM_STREAM, control.BytesMessage, control.BytesMessage)
        return {"/moby.upload.v1.Upload/Pull": pull}

    async def _pull(self, stream: Any) -> None:
        name = stream.metadata.get("urlpath", "").rpartition("/")[2]
        content = self._contents.get(name)
        if content is None:
            raise GRPCError(Status.NOT_FOUND, f"nothing is uploaded as `{name}`, or it was read before")
        if isinstance(content, bytes):
            for start in range(0, len(content), _CHUNK):
                await stream.send_message(control.BytesMessage(data=content[start : start + _CHUNK]))
            return
        del self._contents[name]
        try:
            while data := await asyncio.to_thread(content.read, _CHUNK):
                await stream.send_message(control.BytesMessage(data=data))
        except (OSError, ValueError) as error:
            raise GRPCError(Status.ABORTED, f"cannot read what is uploaded as `{name}`: {error}") from error
