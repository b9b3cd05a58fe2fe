"""What an environment wants of its computer, from which `ez.compute.plan` makes steps."""

from __future__ import annotations

from dataclasses import dataclass, field

from ez.models import Network

WATCHDOG_VERSION = "4"
"""Of what `scripts/watchdog.sh` installs; another one there is replaced."""

SUSPEND = "suspend"
POWER_OFF = "poweroff"
DEALLOCATE = "deallocate"


@dataclass(frozen=True)
class GpuNeed:
    """NVIDIA cards, made usable in containers.

    Without `required` a computer that has none is as good. `cuda` is the version that programs were made with, None
    for whatever the driver brings; `exact` where the driver itself has to know it, as NVIDIA's images want it, instead
    of any driver of the same major version. `reason` is what wants it, for people: `nvidia/cuda:12.4.1-base`.
    """

    required: bool = False
    cuda: tuple[int, int] | None = None
    reason: str = ""
    exact: bool = True


@dataclass(frozen=True)
class IdleNeed:
    """What happens after `minutes` in which nobody works there, 0 for nothing.

    `action` is `suspend` (the environments stop), `poweroff` (the machine does) or `deallocate` (its cloud stops it, so
    that its processors are not paid for; a failure is told and tried again each minute). At `until` (Unix seconds, 0
    for never) it happens whatever runs there.
    """

    minutes: int
    action: str = SUSPEND
    until: int = 0


@dataclass(frozen=True)
class Need:
    """`network` is applied to what ez installs. Without `git` the computer needs none. Without `engine` it needs none,
    or has another one, and its Docker Engine is left as it is. Without `gpu` its cards are left as they are, without
    `idle` its watchdog is."""

    network: Network = field(default_factory=Network)
    engine: bool = True
    git: bool = True
    gpu: GpuNeed | None = None
    idle: IdleNeed | None = None
