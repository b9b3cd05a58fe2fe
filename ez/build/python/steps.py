"""Steps of the Python API: labels, commands, and what pip reads of the directory."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ez.build.frontends.inputs import Inputs
from ez.build.frontends.passwords import refuse_passwords
from ez.build.frontends.requirements import installer_of, requirements
from ez.build.graph import BindMount, Note
from ez.build.image.python import Installer, PipCall
from ez.build.python import arguments, sources
from ez.build.python.place import caller, wrong

SHELL = ("/bin/sh", "-ec")
MOUNT = "/run/ez-context"
"""Where a pip step finds the few files that it needs of the directory."""

_LONGEST_LABEL = 100
_NETRC = 'lend the step a file with it: secrets=[Secret("netrc", target="/root/.netrc")]'


def note(label: str) -> Note:
    """What people are told about the step that their call asks for."""
    lines = label.strip().splitlines() or [""]
    shown = lines[0][:_LONGEST_LABEL]
    return Note(shown + (" ..." if shown != label.strip() else ""), caller())


def command(given: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """The argv of `run` and its label: one text is a line of shell, several are a program."""
    argv = arguments.argv("run", given)
    if len(argv) == 1:
        return (*SHELL, argv[0]), f"run {argv[0].strip()}"
    return argv, f"run {shlex.join(argv)}"


def pip_call(
    names: tuple[str, ...], file: str, workdir: str, index: str, extra_index: str, options: arguments.Words
) -> PipCall:
    """`pip install` of `names` and of what the requirements in `file` say; `workdir` is the image's, or empty."""
    words = [options] if isinstance(options, str) else list(options)
    for option, value in (("--index-url", index), ("--extra-index-url", extra_index)):
        words += [option, value] if arguments.text("pip_install", value) else []
    given = (*(arguments.text("pip_install", word) for word in words), *names)
    refuse_passwords("pip_install", given, caller(), _NETRC)
    if not file:
        return PipCall(given, installer_of(given), note=note(f"pip install {' '.join(given)}"))
    label = note(f"pip install {' '.join((*given, '-r', file))}")
    return _with_requirements(PipCall(given, installer_of(given), note=label), file, workdir)


def _with_requirements(call: PipCall, file: str, workdir: str) -> PipCall:
    """Only the files that pip reads are there, so that no other change of the directory runs the step again. A package
    inside the directory (`-e .`) has to be at the place where it stays, in `workdir`.
    """
    path = arguments.in_directory("pip_install", file)
    wanted = requirements(Inputs(Path.cwd()), path, call.note.position)
    if wanted.directories and not workdir:
        raise wrong(
            f"pip_install: `{file}` names this directory itself or one below it, and the image has no place for it",
            "call `.workdir(...)` first, with the directory in which it is going to be",
        )
    place = workdir if wanted.directories else MOUNT
    mount = BindMount(place, sources.local(wanted.files, (), call.note.position), readonly=not wanted.directories)
    installer = wanted.installer if call.installer in (Installer.UV, wanted.installer) else Installer.PIP
    return replace(call, arguments=(*call.arguments, "-r", path), installer=installer, cwd=place, mounts=(mount,))
