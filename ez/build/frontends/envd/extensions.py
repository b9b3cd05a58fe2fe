"""Extensions of VS Code, from Open VSX."""

from __future__ import annotations

from ez.build.frontends.envd.record import Record
from ez.build.graph import CopyAction, Files, Note, State
from ez.build.image import layers
from ez.build.image.layers import HOME, USER_ID
from ez.build.image.shell import command

PLACE = f"{HOME}/.vscode-server/extensions"
_FETCHED = "/ez-extensions"


def extensions(state: State, record: Record, start: State) -> State:
    """Extensions for VS Code's server, each fetched beside the other steps and copied in, with the user as its owner.

    What fetches them grows from `start`, and none of its tools comes into the image.
    """
    equipped = layers.apt_packages(start, ("jq", "unzip"), note=Note("ez: tools that fetch extensions"))
    for asked in record.extensions:
        wanted = asked.value
        shown = f"{wanted.publisher}.{wanted.name}" + (f"-{wanted.version}" if wanted.version else "")
        argv = command("fetch", "extension", arguments=(_FETCHED, wanted.publisher, wanted.name, wanted.version))
        fetched = layers.step(equipped, argv, (), note=Note(f"fetch the extension {shown}", asked.position))
        action = CopyAction(fetched, _FETCHED, PLACE, uid=USER_ID, gid=USER_ID)
        state = Files(state, (action,), Note(f"add the extension {shown}", asked.position))
    return state
