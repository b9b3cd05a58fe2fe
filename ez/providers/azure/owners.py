"""Whose a machine is. Nobody's machine is changed by another person unasked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ez.errors import CloudError, UsageError
from ez.models import Workspace
from ez.providers.azure.client import Arm
from ez.providers.azure.errors import Attempt
from ez.providers.azure.listing import one_machine
from ez.providers.tags import marks_of


def own_machine(arm: Arm, workspace: Workspace, name: str, attempt: Attempt) -> dict[str, Any]:
    """The machine as Azure has it. Raises UsageError for another person's, CloudError where there is none."""
    model = one_machine(arm, workspace.name, name, attempt)
    if model is None:
        raise CloudError(f"cannot {attempt.doing}: there is no such machine", "ez compute ls --all", code="NotFound")
    check_owner(model, workspace, name)
    return model


def check_owner(model: Mapping[str, Any], workspace: Workspace, name: str) -> None:
    """Raises UsageError for a machine that is another person's, or that ez did not make."""
    marks = marks_of(model.get("tags"))
    if marks.workspace != workspace.name or marks.computer != name:
        raise UsageError(f"`{name}` was not made by ez", "use the cloud's own tools for it")
    if marks.owner != workspace.owner:
        raise UsageError(f"`{name}` is {marks.owner or 'somebody else'}'s", "ask them, or `ez compute ls --all`")
