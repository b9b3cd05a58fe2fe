"""`ez env`: environments. A command is a file."""

from __future__ import annotations

import typer

from ez.cli.env_agent import agent
from ez.cli.env_allow import allow
from ez.cli.env_cp import cp
from ez.cli.env_delete import delete
from ez.cli.env_exec import exec_
from ez.cli.env_forward import forward
from ez.cli.env_gate import gate
from ez.cli.env_go import go, share
from ez.cli.env_home import home
from ez.cli.env_info import info
from ez.cli.env_life import start, stop
from ez.cli.env_link import app as link
from ez.cli.env_list import ls
from ez.cli.env_logs import logs
from ez.cli.env_open import open_environment
from ez.cli.env_ports import ports
from ez.cli.env_saved import app as saved
from ez.cli.env_ssh import ssh
from ez.cli.env_sync import sync
from ez.cli.env_up import up

PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Settings of a command whose last words are those of another program."""

app = typer.Typer(help="Environments: a repo running on a computer.", no_args_is_help=True, rich_markup_mode=None)
app.command()(go)
app.command("open")(open_environment)
app.command()(ls)
app.command()(info)
app.command()(start)
app.command()(stop)
app.command()(delete)
app.command(context_settings=PASSED_ON)(ssh)
app.command("exec", context_settings=PASSED_ON)(exec_)
app.command()(logs)
app.command()(cp)
app.command()(ports)
app.command()(forward)
app.command()(up)
app.command()(home)
app.command()(sync)
app.command()(agent)
app.command()(allow)
app.add_typer(link, name="link")
app.add_typer(saved, name="saved")
app.command("gate", hidden=True)(gate)
app.command("share", hidden=True)(share)
