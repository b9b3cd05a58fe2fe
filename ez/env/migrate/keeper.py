"""Programs on a computer that save work before it rests by itself, when nobody is there to ask for it.

The same as those of a look from home. The computer's watchdog (`ez/compute/scripts/idle.sh`) runs them as the login
user whose they are; they know nothing of the person's own computer, so that only what is pushed counts as elsewhere,
and what both sides of a migration had.
"""

from __future__ import annotations

import base64
import gzip
from importlib.resources import files

from ez.env.migrate.side import program
from ez.env.source.wire import nul_list, parcel
from ez.ssh.host import Host

_PROGRAMS = ("weigh", "look", "save", "send")


def have_keeper(host: Host) -> None:
    """Put them there, as those of this ez; one round trip. Raises CommandError."""
    scripts = files("ez.env.migrate").joinpath("scripts")
    empty = base64.b64encode(gzip.compress(b"".join(parcel({"patterns": nul_list(())})), mtime=0))
    contents = {
        "keep": scripts.joinpath("keep.sh").read_bytes(),
        "parcel": empty,
        **{name: program(name).encode() for name in _PROGRAMS},
    }
    host.script(
        scripts.joinpath("keeper.sh").read_text("utf-8"), input=gzip.compress(b"".join(parcel(contents))), timeout=30
    )
