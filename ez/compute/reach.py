"""What a computer can reach, asked from there."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from ez.ssh.host import Host

TIMEOUT_SECONDS = 15.0
ANSWERS = ("reached", "untrusted", "unreachable", "unknown")


def reach(host: Host, urls: Sequence[str]) -> dict[str, str]:
    """For each URL one of `ANSWERS`, within about 8 seconds. An answer that asks for a login counts as reached.

    `untrusted`: its certificate is not accepted there; `unknown`: nothing there can ask. Raises HostError.
    """
    program = files("ez.compute").joinpath("scripts", "reach.sh").read_text("utf-8")
    lines = host.script(program, list(urls), timeout=TIMEOUT_SECONDS).text.splitlines()
    found = {url: answer for answer, _, url in (line.partition(" ") for line in lines) if answer in ANSWERS}
    return {url: found.get(url, "unknown") for url in urls}
