"""Programs of envd's features that run in the container, supervised like those of the build file."""

from __future__ import annotations

import shlex

from ez.build.image.shell import text

JUPYTER = "jupyter"
RSTUDIO = "rstudio"


def program(name: str, *arguments: str) -> str:
    """The service `name` of this room, as a program that needs no arguments."""
    given = f"set -- {shlex.join(arguments)}\n" if arguments else ""
    return f"#!/bin/sh\n{given}{text(name)}"
