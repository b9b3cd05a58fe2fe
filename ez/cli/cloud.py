"""What commands about machines of clouds have in common: what they work with, and how they connect."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ez.cli.session import Session, confirm
from ez.config import Settings
from ez.errors import EzError, UsageError
from ez.models import Computer
from ez.state import MachineRecord, State

if TYPE_CHECKING:
    from ez.compute.context import CloudContext
    from ez.models import Workspace
    from ez.providers.base import Provider

ForceOption = Annotated[bool, typer.Option("--force", help="Also when it is another person's.")]


def cloud_context(run: Session) -> CloudContext:
    from ez.cli.compute_sizes import offers
    from ez.cli.endpoint import open_endpoint
    from ez.compute.context import CloudContext

    settings = run.settings

    def ask(question: str) -> None:
        run.stop_progress()
        confirm(question, yes=run.yes)

    return CloudContext(
        state=run.state,
        sink=run.sink,
        locks=settings.directories.locks,
        workspace=settings.workspace,
        offers=lambda provider: offers(run, provider),
        confirm=ask,
        login=lambda: _login(run),
        address=lambda provider: _address(settings, provider),
        clock=time.time,
        connect=lambda computer, seconds: open_endpoint(settings, computer, run.sink, seconds),
        make=partial(make_provider, run),
    )


def machine_of(run: Session, computer: Computer) -> MachineRecord | None:
    """The record of a machine of a cloud."""
    record = run.state.machines.named(computer.name)
    return record if record is not None and record.provider == computer.provider else None


def make_provider(run: Session, key: str, state: State, workspace: Workspace) -> Provider:
    """One that may ask the person to sign in, where there is a terminal to say so on."""
    from ez.cli.output import say
    from ez.cli.session import is_interactive
    from ez.providers.registry import provider

    made = provider(key, state, workspace)
    if is_interactive():

        def tell(sentence: str) -> None:
            run.stop_progress()
            say(sentence)

        made.ask = tell
    return made


def _login(run: Session) -> tuple[str, str]:
    from ez.cli.endpoint import ssh_config
    from ez.ssh.keys import login_key

    settings = run.settings
    key = login_key(ssh_config(run), _ssh_directory(settings), settings.agent_socket)
    return key.public, str(key.identity)


def offer_key(run: Session) -> None:
    """Where an SSH agent runs without a key, have one made for it, which a passphrase encrypts. Asked on a terminal
    alone; nothing is made for whoever only presses Enter."""
    from ez.cli.session import is_interactive

    settings, directory = run.settings, _ssh_directory(run.settings)
    if run.yes or not is_interactive() or settings.agent_socket is None:
        return
    from ez.ssh.keys import make_protected, wants_key

    if not wants_key(directory, settings.agent_socket):
        return
    passphrase = _new_passphrase(run)
    if passphrase:
        make_protected(directory, settings.agent_socket, passphrase, settings.environment)


def _new_passphrase(run: Session) -> str:
    """Empty for no key. Raises EzError at the end of the input, and for two that differ."""
    from getpass import getpass

    from ez.cli.output import say

    run.stop_progress()
    say("your SSH agent has no key: ez makes one for it, which a passphrase protects on the disk")
    try:
        passphrase = getpass("passphrase (empty: use a key file without one): ")
        if passphrase and getpass("once more: ") != passphrase:
            raise EzError("the two passphrases differ", "nothing was made; try again")
    except EOFError as error:
        raise EzError("no passphrase was given", "ssh-add, or answer") from error
    return passphrase


def _ssh_directory(settings: Settings) -> Path:
    return settings.ssh_config.parent / "ez"


def _address(settings: Settings, provider: Provider) -> str:
    """As the settings say, else as the cloud sees this person, else as a web service does."""
    from ez.compute.address import parse_source, public_address
    from ez.providers.base import Door

    told = settings.text("network.address") or (provider.caller() if isinstance(provider, Door) else "")
    return parse_source(told) if told else public_address(settings.text("network.address_service"))


def named(name: str | None) -> str:
    if name is None:
        raise UsageError("which computer?", "ez compute ls")
    return name


def agreed(name: str, verb: str, force: bool, cloud: CloudContext) -> bool:
    """Whether another person's machine may be worked on: with --force, or when that is agreed to on a terminal."""
    from ez.compute.adopt import adopt
    from ez.compute.ensure import THIS_COMPUTER

    if force or name in THIS_COMPUTER or cloud.state.computer(name) or cloud.state.machines.named(name):
        return force
    found = adopt(name, cloud)
    if found is None or not found[1]:
        return False
    try:
        confirm(f"`{name}` is another person's: {found[1]}. {verb} it all the same?", yes=False, flag="--force")
    except UsageError as error:
        hint = f"if that person agrees: ez compute {verb} {name} --force"
        raise UsageError(f"`{name}` is another person's: {found[1]}", hint) from error
    return True
