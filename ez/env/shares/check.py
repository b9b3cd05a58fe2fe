"""What speaks against shares, said before anything is built: paths that are needed, folders that are not there."""

from __future__ import annotations

from collections.abc import Iterable

from ez.env.probe import Container
from ez.env.shares import binds
from ez.env.shares.chosen import of_container
from ez.env.shares.model import FOLDER, Share
from ez.env.shares.programs import program
from ez.errors import UsageError
from ez.models import Runtime
from ez.names import shown
from ez.ssh.host import Host

_SECONDS = 60


def check_paths(shares: Iterable[Share], environment: str, runtime: Runtime) -> None:
    """Raises UsageError for a path that would hide the person's home or work."""
    for share in shares:
        for needed in (runtime.home, runtime.workdir or f"{runtime.home}/{environment}"):
            if f"{needed}/".startswith(f"{share.target}/"):
                raise UsageError(
                    f"a share cannot be at `{shown(share.target)}`: `{needed}` is there", "choose another path: /data"
                )


def check_there(
    host: Host, environment: str, shares: Iterable[Share], home: str, current: Container | None, digest: str
) -> None:
    """Raises UsageError for a folder that the computer has not, and for a new path at which the environment as it runs
    now has files, if it is of the definition `digest`. One round trip, none where there is nothing to ask."""
    listed = tuple(shares)
    folders = [binds.folder(share, home) for share in listed if share.kind == FOLDER and share.place.startswith("/")]
    known = {share.target for share in of_container(current)}
    is_same = current is not None and current.running and current.digest == digest
    paths = [share.target for share in listed if share.is_mounted and share.target not in known and is_same]
    if not folders and not paths:
        return
    said = host.script(program("check"), [environment, *folders, "--", *paths], timeout=_SECONDS).text.splitlines()
    for line in said:
        word, _, path = line.partition(" ")
        if word == "missing" and path in folders:
            raise UsageError(f"no such folder on `{host.name}`: `{shown(path)}`", "make it, or leave the share out")
        if word == "taken" and path in paths:
            raise UsageError(f"`{environment}` has files where a share is to be: `{shown(path)}`", "take another path")
