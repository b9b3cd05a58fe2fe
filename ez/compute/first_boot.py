"""What a machine of a cloud does by itself at its first boot: it begins to watch whether somebody works there, so that
it stops in time even where no ez ever comes back to it."""

from __future__ import annotations

from importlib.resources import files

from ez.compute.need import DEALLOCATE, WATCHDOG_VERSION
from ez.compute.prepare import COMPANIONS
from ez.providers.cloud_init import File

FOLDER = "/var/lib/ez/first"

_PRELUDE = """settings=$EZ_RUN
note() { printf '%s\\n' "$1"; }
fail() { printf '%s\\n' "$1" >&2; exit 1; }
"""
"""What `watchdog.sh` takes from `lib.sh`, which is longer than all else."""


def first_boot(idle_minutes: int, until: float = 0) -> tuple[tuple[File, ...], tuple[tuple[str, ...], ...]]:
    """Files and commands of the cloud-init document; none for a machine that never stops by itself. `until` (Unix
    seconds) is when it does so at the latest."""
    if not (idle_minutes or until):
        return (), ()
    folder = files("ez.compute").joinpath("scripts")
    programs = [File(f"{FOLDER}/{name}", folder.joinpath(name).read_text("utf-8")) for name in COMPANIONS["watchdog"]]
    install = _PRELUDE + folder.joinpath("watchdog.sh").read_text("utf-8")
    command = (
        "env",
        f"EZ_RUN={FOLDER}",
        "sh",
        f"{FOLDER}/watchdog.sh",
        str(idle_minutes),
        DEALLOCATE,
        WATCHDOG_VERSION,
        *([str(int(until))] if until else []),
    )
    return (*programs, File(f"{FOLDER}/watchdog.sh", install)), (command,)
