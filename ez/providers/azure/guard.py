"""What guards a machine from outside: the rule that lets one address in, Azure's own daily stop, and until when it is
wanted."""

from __future__ import annotations

from ez.errors import CloudError, UsageError
from ez.models import Workspace
from ez.names import shown
from ez.providers.azure import bodies
from ez.providers.azure.calls import ask, done, gone
from ez.providers.azure.client import Arm
from ez.providers.azure.errors import Attempt, is_gone
from ez.providers.azure.identity import forget_assignment, let_remove
from ez.providers.azure.names import group_name, names, schedule_name
from ez.providers.azure.owners import own_machine
from ez.providers.azure.removing import SCHEDULE
from ez.providers.tags import EXPIRES, marks_of, timestamp

_VERSION = "2018-09-15"
_YIELDS = "ez:yields"


def admit(arm: Arm, workspace: Workspace, name: str, source: str) -> None:
    """Let in `source` alone on port 22, or nobody. Raises UsageError, CloudError."""
    rule = bodies.rule(source) if source else None
    attempt = Attempt(f"open the door of `{name}`" if source else f"close the door of `{name}`")
    create_id = marks_of(own_machine(arm, workspace, name, attempt).get("tags")).create_id
    group = group_name(workspace.name)
    security = names(workspace.name, name, create_id, arm.subscription).security
    rules = arm.network.security_rules
    if rule:
        done(arm, attempt, lambda: rules.begin_create_or_update(group, security, bodies.RULE, rule))
        return
    try:
        done(arm, attempt, lambda: rules.begin_delete(group, security, bodies.RULE))
    except CloudError as error:
        if not is_gone(error):
            raise


def fence(arm: Arm, workspace: Workspace, name: str, at: str, *, yields: bool = False) -> None:
    """Have Azure deallocate the machine each day at `at` (`HHMM`, UTC), or no more. One that `yields` the machine may
    remove; to set another it would need more rights. Raises UsageError, CloudError."""
    attempt = Attempt(f"set the daily stop of `{name}`")
    if at and not (len(at) == 4 and at.isascii() and at.isdigit() and at[:2] < "24" and at[2:] < "60"):
        raise UsageError(f"not a time of day: `{shown(at)}`", "write it as HHMM in UTC, like `1930`")
    model = own_machine(arm, workspace, name, attempt)
    id = arm.id(group_name(workspace.name), SCHEDULE, schedule_name(name))
    if not at:
        forget_assignment(arm, id, marks_of(model.get("tags")).create_id)
        gone(arm, attempt, id)
        return
    properties = {
        "status": "Enabled",
        "taskType": "ComputeVmShutdownTask",
        "dailyRecurrence": {"time": at},
        "timeZoneId": "UTC",
        "targetResourceId": model["id"],
        "notificationSettings": {"status": "Disabled"},
    }
    tags = {**model["tags"], **({_YIELDS: "yes"} if yields else {})}
    body = {"location": model["location"], "tags": tags, "properties": properties}
    ask(arm, attempt, lambda: arm.send("PUT", id, _VERSION, body))
    if yields:
        let_remove(arm, model, id)


def last_until(arm: Arm, workspace: Workspace, name: str, until: float) -> None:
    """Have the machine's tag say until when it is wanted. Raises UsageError, CloudError."""
    attempt = Attempt(f"move the end of `{name}`")
    tags = {**own_machine(arm, workspace, name, attempt)["tags"], EXPIRES: timestamp(until)}
    machines = arm.compute.virtual_machines
    done(arm, attempt, lambda: machines.begin_update(group_name(workspace.name), name, {"tags": tags}))
