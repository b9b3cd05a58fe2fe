"""One attempt at a machine: written down before the first billed call, and again when it is there."""

from __future__ import annotations

import os

from ez.compute.attempts import Attempt
from ez.compute.context import CloudContext
from ez.compute.fence import fence
from ez.compute.first_boot import first_boot
from ez.compute.kept import keep
from ez.compute.machine_plan import Plan, price_of
from ez.compute.unfinished import give_up
from ez.errors import CloudError, EzError, UsageError
from ez.providers.base import Order
from ez.providers.cloud_init import HostKey, document, host_key
from ez.state import MachineRecord

USER = "ez"
"""Whom people log in as. Clouds refuse the usual names (learn.microsoft.com/azure/virtual-machines/linux/faq)."""


def order(plan: Plan, attempt: Attempt, cloud: CloudContext) -> MachineRecord:
    """Raises CapacityError where another attempt may succeed, CloudError and UsageError otherwise."""
    key = host_key()
    record = _intent(plan, attempt, key, cloud)
    cloud.state.machines.save(record)
    provider = cloud.make(plan.workspace.provider, cloud.state, plan.workspace)
    try:
        machine = provider.create(_asked(plan, attempt, record, key), cloud.sink)
    except EzError as error:
        give_up(record, cloud)
        if isinstance(error, CloudError) and error.code == "NameTaken":
            raise UsageError(error.message, "choose another name") from error
        raise
    kept = keep(record, machine, cloud)
    return fence(kept, provider, cloud)


def _intent(plan: Plan, attempt: Attempt, key: HostKey, cloud: CloudContext) -> MachineRecord:
    wanted, now = plan.wanted, cloud.clock()
    return MachineRecord(
        create_id=os.urandom(6).hex(),
        name=wanted.name,
        phase="ordered",
        provider=plan.workspace.provider,
        workspace=plan.workspace,
        region=attempt.offer.region,
        zone=attempt.zone,
        size=attempt.offer.size.name,
        spot=wanted.need.spot,
        disk=wanted.need.disk,
        price=price_of(attempt.offer, spot=wanted.need.spot),
        user=USER,
        identity=plan.login[1],
        host_keys=(key.public,),
        source=plan.source,
        idle_minutes=wanted.idle_minutes,
        private=wanted.private,
        expires=now + wanted.seconds if wanted.seconds else 0,
        ordered=now,
    )


def _asked(plan: Plan, attempt: Attempt, record: MachineRecord, key: HostKey) -> Order:
    need = plan.wanted.need
    programs, commands = first_boot(record.idle_minutes, record.expires)
    return Order(
        name=record.name,
        owner=plan.workspace.owner,
        create_id=record.create_id,
        offer=attempt.offer,
        image=plan.wanted.image,
        user=record.user,
        public_key=plan.login[0],
        user_data=document(record.user, plan.login[0], key, files=programs, commands=commands),
        host_keys=record.host_keys,
        disk=need.disk,
        zone=attempt.zone,
        spot=need.spot,
        max_price=need.max_price if need.spot else 0,
        source=record.source,
        private=record.private,
        secure_boot=not attempt.offer.size.gpu,
        idle_minutes=record.idle_minutes,
        expires=record.expires,
    )
