"""Making a machine: its network, itself, and back to nothing where that fails."""

from __future__ import annotations

import gzip
import hashlib
from typing import Any

from ez.errors import CloudError, EzError, UsageError
from ez.events import Output, Sink
from ez.names import shown
from ez.providers.aws import images, network, power
from ez.providers.aws.account import Account, tag_list
from ez.providers.aws.cleanup import sweep
from ez.providers.aws.errors import NO_ZONE, Attempt, code_of
from ez.providers.aws.machines import Instance, alive, machine, marks, state_of
from ez.providers.aws.waiting import settled, wait_for
from ez.providers.base import Machine, Order
from ez.providers.tags import tags_of

_LONGEST_USER_DATA = 16 * 1024
"""Bytes before they are encoded (EC2's user guide, "User data"); cloud-init unpacks gzip by itself."""

_LONGEST_TOKEN = 64
_SETTLING = ("InvalidSubnetID.NotFound", "InvalidGroup.NotFound", "InvalidParameterValue.NotFound")


def create(account: Account, order: Order, sink: Sink) -> Machine:
    """Make the machine of the order, or go on with what an earlier run made of it; back when it runs.

    Raises CapacityError, CloudError (`NameTaken` where the workspace has another machine of that name), UsageError.
    """
    region = order.offer.region
    what, attempt = f"cannot make `{order.name}`", attempt_of(order)
    found = _made_already(account, order)
    if found is not None:
        sink(Output("machine", f"{order.name} is there already: {found['InstanceId']}"))
        return machine(power.start(account, region, found, what, attempt), region)
    try:
        id = _launch(account, order, attempt, sink)["InstanceId"]
        made = power.running(account, region, id, what, attempt)
        _check_alone(account, order, made)
    except (CloudError, UsageError) as error:
        _undo(account, order, error, sink)
        raise
    return machine(made, region)


def attempt_of(order: Order) -> Attempt:
    size = order.offer.size
    return Attempt(order.offer.region, size.name, size.family, order.zone or NO_ZONE, order.spot)


def _made_already(account: Account, order: Order) -> Instance | None:
    """What an earlier run of the same order made."""
    region = order.offer.region
    found = alive(account, region, workspace=account.workspace.name, computer=order.name)
    usable = [one for one in found if state_of(one) != "shutting-down"]
    for one in usable:
        if marks(one).create_id != order.create_id:
            raise _name_taken(order, one)
    return usable[0] if usable else None


def _check_alone(account: Account, order: Order, made: Instance) -> None:
    """Two people may have made machines of the same name at once: the later one goes, and both if nobody can say."""
    own = machine(made, "")
    for other in alive(account, order.offer.region, workspace=account.workspace.name, computer=order.name):
        is_other = other["InstanceId"] != own.id and state_of(other) != "shutting-down"
        if is_other and machine(other, "").created <= own.created:
            raise _name_taken(order, other)


def _name_taken(order: Order, found: Instance) -> CloudError:
    whose = f"`{found['InstanceId']}` of {shown(marks(found).owner or 'nobody')}"
    return CloudError(
        f"the workspace has a machine `{order.name}` already: {whose}", "choose another name", code="NameTaken"
    )


def _launch(account: Account, order: Order, attempt: Attempt, sink: Sink) -> Instance:
    region = order.offer.region
    image = images.image(account, region, order.image, order.offer.size.architecture)
    sink(Output("machine", f"network of {region}"))
    place = network.place(account, order)
    sink(Output("machine", f"{order.offer.size.name} from {image.id} in {order.zone or region}"))
    asked = request(account, order, image, place)
    with account.translated(f"cannot make `{order.name}`", attempt):
        return _run(account, order, asked)


def _run(account: Account, order: Order, asked: dict[str, Any]) -> Instance:
    from botocore.exceptions import ClientError

    ec2 = account.ec2(order.offer.region)
    try:
        made: Instance = settled(lambda: ec2.run_instances(**asked), account, *_SETTLING)["Instances"][0]
        return made
    except ClientError as error:
        if code_of(error) != "IdempotentParameterMismatch":
            raise
    # Another run of this very order was quicker; its machine has the other run's key.
    return wait_for(lambda: _made_already(account, order), account, f"cannot make `{order.name}`", within=60)


def request(account: Account, order: Order, image: images.Image, place: network.Place) -> dict[str, Any]:
    """What `RunInstances` is asked. To a second one that asks the same with the token it gives the same machine."""
    tags = tag_list({**tags_of(order, account.workspace), "Name": f"ez-{account.workspace.name}-{order.name}"})
    disk = {
        "VolumeSize": max(order.disk, image.least),
        "VolumeType": "gp3",
        "Encrypted": True,
        "DeleteOnTermination": True,
    }
    card = {
        "DeviceIndex": 0,
        "SubnetId": place.subnet,
        "Groups": [place.group],
        "AssociatePublicIpAddress": not order.private,
        "DeleteOnTermination": True,
    }
    kinds = ("instance", "volume", "network-interface", *(("spot-instances-request",) if order.spot else ()))
    return {
        "ImageId": image.id,
        "InstanceType": order.offer.size.name,
        "MinCount": 1,
        "MaxCount": 1,
        "ClientToken": _token(order),
        "UserData": _user_data(order),
        "BlockDeviceMappings": [{"DeviceName": image.root, "Ebs": disk}],
        "NetworkInterfaces": [card],
        "MetadataOptions": {"HttpTokens": "required", "HttpEndpoint": "enabled", "HttpPutResponseHopLimit": 1},
        "TagSpecifications": [{"ResourceType": kind, "Tags": tags} for kind in kinds],
        # A spot machine's is in its request.
        **({"InstanceMarketOptions": _market(order)} if order.spot else {"InstanceInitiatedShutdownBehavior": "stop"}),
    }


def _market(order: Order) -> dict[str, Any]:
    """A request that stays, since one-time ones cannot be stopped and started (EC2's user guide, "Spot requests")."""
    options: dict[str, Any] = {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "stop"}
    if order.max_price:
        options["MaxPrice"] = f"{order.max_price:.5f}"
    return {"MarketType": "spot", "SpotOptions": options}


def _token(order: Order) -> str:
    """Of the order's id, and of what another attempt of the same order may have otherwise."""
    attempt = f"{order.offer.region} {order.offer.size.name} {order.zone} {order.spot}"
    return f"{order.create_id[:47]}-{hashlib.sha256(attempt.encode()).hexdigest()[:16]}"[:_LONGEST_TOKEN]


def _user_data(order: Order) -> bytes:
    """boto3 encodes it."""
    plain = order.user_data.encode()
    if len(plain) <= _LONGEST_USER_DATA:
        return plain
    packed = gzip.compress(plain, mtime=0)
    if len(packed) > _LONGEST_USER_DATA:
        raise UsageError("the instructions for the machine's first start are larger than AWS takes", "use fewer files")
    return packed


def _undo(account: Account, order: Order, error: EzError, sink: Sink) -> None:
    """What the failed attempt made goes; what stays nevertheless is said, and found by `leftovers`."""
    try:
        sweep(account, order.offer.region, sink, create_id=order.create_id)
    except CloudError as left:
        error.message += f"; and what it had made is not all removed: {left.message}"
