"""Extensions and settings of the web editor: those that an editor of this computer would get."""

from __future__ import annotations

from collections.abc import Sequence

from ez.env.editors.ready import Made, Target, equip
from ez.env.editors.server import Placed
from ez.env.web.serve import EDITOR_VERSION, Served
from ez.ssh.base import CommandHost

_HOME = ".local/share/ez/web"
_MACHINE = ".local/share/code-server/Machine"


def make_web_ready(host: CommandHost, served: Served, workdir: str, own: Sequence[str]) -> Made:
    """For the web editor that `served` is. What is in no gallery that it may use is told, as for other editors."""
    placed = Placed(served.program, reason="it was started by an older ez; ez env restart begins anew")
    return equip(host, Target(_HOME, _MACHINE, EDITOR_VERSION, lambda: placed), workdir, own)
