"""Which image a machine starts from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from ez.errors import CloudError, UsageError
from ez.names import shown
from ez.providers.aws.account import Account


@dataclass(frozen=True)
class Image:
    """An image of one region. `root` is the name of its first disk, `least` how large that has to be, in GiB."""

    id: str
    architecture: str
    root: str
    least: int


def image(account: Account, region: str, wanted: str, architecture: str) -> Image:
    """`wanted` is a name of `images.toml`, `ami-...`, a parameter of the Systems Manager (`/...`), or empty.

    Raises UsageError for a name that is none of these and for an image that does not run on `architecture`, CloudError.
    """
    id = wanted if wanted.startswith("ami-") else _named(account, region, _parameter(wanted, architecture))
    with account.translated(f"cannot use the image `{shown(id)}` in {region}"):
        found = account.ec2(region).describe_images(ImageIds=[id])["Images"]
    if not found:
        raise CloudError(
            f"no such image in {region}: `{shown(id)}`",
            "name one that this region has with --image",
            code="InvalidAMIID.NotFound",
        )
    read = _read(found[0])
    if read.architecture != architecture:
        raise UsageError(
            f"the image `{shown(id)}` is for {read.architecture}, the size for {architecture}", "name another --image"
        )
    return read


def _parameter(wanted: str, architecture: str) -> str:
    if wanted.startswith("/"):
        return wanted
    names = _names()
    row = names.get(wanted or names["default"])
    if not isinstance(row, dict):
        known = ", ".join(name for name, value in names.items() if isinstance(value, dict))
        raise UsageError(
            f"not an image of AWS: `{shown(wanted)}`", f"use one of {known}, ami-..., or a parameter's path"
        )
    return str(row[architecture])


def _named(account: Account, region: str, parameter: str) -> str:
    with account.translated(f"cannot look up the image `{shown(parameter)}` in {region}"):
        answer = account.client("ssm", region).get_parameter(Name=parameter)
    return str(answer["Parameter"]["Value"])


@cache
def _names() -> dict[str, Any]:
    import tomllib

    return tomllib.loads(files("ez.providers.aws").joinpath("images.toml").read_text(encoding="utf-8"))


def _read(found: dict[str, Any]) -> Image:
    root = found.get("RootDeviceName") or "/dev/sda1"
    disks = {mapping.get("DeviceName"): mapping.get("Ebs", {}) for mapping in found.get("BlockDeviceMappings", ())}
    return Image(
        found["ImageId"], found.get("Architecture", "x86_64"), root, int(disks.get(root, {}).get("VolumeSize") or 0)
    )
