"""What is wrong with the body of a new machine, as Azure would say it, before anything is made."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import catalogue
from .catalogue import Image, Size
from .limits import Use
from .machine import KIND, Machine
from .store import Resource
from .wire import ArmError, Call, bad, conflict

if TYPE_CHECKING:
    from .cloud import Cloud

CUSTOM_DATA_LIMIT = 65535
"""Bytes, decoded (cloud.md 2.3)."""
_RESERVED = frozenset(
    (
        "admin", "administrator", "root", "guest", "owner", "sys", "sql", "support", "backup", "console", "actuser",
        "adm", "aspnet", "david", "john", "server", "a", "1", "123", "user", "user1", "user2", "user3", "user4",
        "user5", "test", "test1", "test2", "test3",
    )
)  # fmt: skip
_KEY_KINDS = ("ssh-rsa", "ssh-ed25519")


@dataclass(frozen=True)
class Wanted:
    """The body of a new machine, understood."""

    size: Size
    size_name: str
    image: Image | None
    version: str
    spot: bool
    zone: str
    custom_data: bytes
    disk_gib: int

    def use(self, region: str) -> Use:
        return Use(self.size, region, self.zone, self.spot, True)


def understand(cloud: Cloud, call: Call) -> Wanted:
    properties = call.body.get("properties") or {}
    size, name = check_size((properties.get("hardwareProfile") or {}).get("vmSize", ""), call.location)
    zone = _check_zone(call)
    if not re.fullmatch(r"[\w.-]{1,64}", call["name"]):
        raise bad("The resource name is invalid: 1 to 64 letters, digits, '-', '_' and '.'.", "vmName")
    image, version = _check_image(properties.get("storageProfile") or {}, call.location, call)
    if image is not None:
        _check_match(size, image)
    custom_data = _check_profile(properties.get("osProfile") or {})
    spot = _check_spot(properties, size, call.location)
    gib = ((properties.get("storageProfile") or {}).get("osDisk") or {}).get("diskSizeGB") or (
        image.gib if image else 30
    )
    if image is not None and gib < image.gib:
        raise bad(f"The specified disk size {gib} GB is smaller than the size of the corresponding disk in the VM "
                  f"image: "
                  f"{image.gib} GB.", "osDisk.diskSizeGB")  # fmt: skip
    _check_disk(properties.get("storageProfile") or {}, size)
    return Wanted(size, name, image, version, spot, zone, custom_data, gib)


def check_size(name: str, region: str) -> tuple[Size, str]:
    size = catalogue.size(name)
    if size is None or not size.is_in(region):
        raise bad(f"The value {name} provided for the VM size is not valid. The valid sizes in the current region are: "
                  f"{','.join(one.name for one in catalogue.sizes().values() if one.is_in(region))}. Find out more "
                  f"on the "
                  "valid VM sizes in each region at https://aka.ms/azure-regionservices.", "vmSize")  # fmt: skip
    return size, name


def _check_zone(call: Call) -> str:
    zones = call.body.get("zones") or []
    known = catalogue.regions()[call.location].zones
    if len(zones) > 1:
        raise bad("Virtual machines support one zone.", "zones")
    if zones and zones[0] not in known:
        code = "AvailabilityZoneNotSupported" if known else "LocationNotSupportAvailabilityZones"
        raise bad(f"The zone(s) '{zones[0]}' for resource '{KIND}/{call['name']}' is not supported.", code=code)
    return str(zones[0]) if zones else ""


def _check_image(profile: dict[str, Any], region: str, call: Call) -> tuple[Image | None, str]:
    reference = profile.get("imageReference")
    if not reference:
        if (profile.get("osDisk") or {}).get("createOption") == "Attach":
            return None, ""
        raise bad("Required parameter 'imageReference' is missing (null).", "imageReference")
    found = catalogue.image(*(reference.get(part, "") for part in ("publisher", "offer", "sku")))
    version = reference.get("version", "")
    if found is None or (version != "latest" and version not in found.versions):
        urn = ":".join(str(reference.get(part, "")) for part in ("publisher", "offer", "sku", "version"))
        raise ArmError(404, "PlatformImageNotFound",
                       f"The platform image '{urn}' is not available. Verify that all fields in the storage profile "
                       f"are "
                       "correct. For more details about storage profile information, please refer to "
                       "https://aka.ms/storageprofile.", target="imageReference")  # fmt: skip
    if found.plan and not call.body.get("plan"):
        raise bad("Marketplace purchase eligibility check returned errors. See inner errors for details: plan "
                  f"{found.plan} has terms that were not accepted.",
                  code="MarketplacePurchaseEligibilityFailed")  # fmt: skip
    return found, found.versions[-1] if version == "latest" else version


def _check_match(size: Size, image: Image) -> None:
    if image.generation not in size.generations:
        raise bad(f"The selected VM size '{size.name}' cannot boot Hypervisor Generation '{image.generation[1:]}'. "
                  f"If this was "
                  "a Create operation please check that the Hypervisor Generation of the Image matches the Hypervisor "
                  "Generation of the selected VM Size.", code="BadRequest")  # fmt: skip
    if image.architecture != size.architecture:
        raise bad(f"Cannot create a VM of size '{size.name}' because this VM size only supports a CPU Architecture of "
                  f"'{size.architecture}', but an image or disk with CPU Architecture '{image.architecture}' was "
                  f"given.",
                  "vmSize")  # fmt: skip


def _check_profile(profile: dict[str, Any]) -> bytes:
    """The custom data, decoded."""
    if not profile:
        raise bad("Required parameter 'osProfile' is missing (null).", "osProfile")
    if not 0 < len(str(profile.get("computerName", ""))) <= 64:
        raise bad("The computer name must have 1 to 64 characters.", "computerName")
    _check_user(str(profile.get("adminUsername", "")))
    _check_keys(profile)
    try:
        data = base64.b64decode(profile.get("customData") or "", validate=True)
    except ValueError as exc:
        raise bad("Custom data in OSProfile must be in Base64 encoding.", "customData") from exc
    if len(data) > CUSTOM_DATA_LIMIT:
        raise bad(f"Custom data in OSProfile must be {CUSTOM_DATA_LIMIT} bytes or less.", "customData")
    return data


def _check_user(name: str) -> None:
    if (
        not name
        or len(name) > 64
        or name.lower() in _RESERVED
        or re.search(r'[A-Z\\/"\[\]:|<>+=;,?*@#()!]|^[$-]', name)
    ):
        raise bad("The Admin Username specified is not allowed.", "adminUsername")


def _check_keys(profile: dict[str, Any]) -> None:
    linux = profile.get("linuxConfiguration") or {}
    keys = (linux.get("ssh") or {}).get("publicKeys") or []
    if not keys and not profile.get("adminPassword"):
        raise bad("Authentication using either SSH or by user name and password must be enabled in Linux profile.",
                  "linuxConfiguration")  # fmt: skip
    path = f"/home/{profile.get('adminUsername')}/.ssh/authorized_keys"
    for key in keys:
        if key.get("path") != path:
            raise bad("Destination path for SSH public keys is currently limited to its default value "
                      f"{path} due to a known issue in Linux provisioning agent.",
                      "linuxConfiguration.ssh.publicKeys.path")  # fmt: skip
        if not _is_key(str(key.get("keyData", ""))):
            raise bad("The value of parameter linuxConfiguration.ssh.publicKeys.keyData is invalid.",
                      "linuxConfiguration.ssh.publicKeys.keyData")  # fmt: skip


def _is_key(text: str) -> bool:
    words = text.split()
    if len(words) < 2 or words[0] not in _KEY_KINDS:
        return False
    try:
        blob = base64.b64decode(words[1], validate=True)
    except ValueError:
        return False
    # A key of 2048 bits has a blob of about 279 bytes.
    return words[0].encode() in blob and (words[0] != "ssh-rsa" or len(blob) >= 275)


def _check_spot(properties: dict[str, Any], size: Size, region: str) -> bool:
    spot = properties.get("priority", "Regular") in ("Spot", "Low")
    if not spot and properties.get("evictionPolicy"):
        raise bad("Eviction policy can be set only on Azure Spot Virtual Machines.",
                  code="EvictionPolicyCanBeSetOnlyOnAzureSpotVirtualMachines")  # fmt: skip
    if not spot:
        return False
    if not size.spot_price:
        raise bad(
            f"Azure Spot is not supported for the VM size {size.name}.", code="AzureSpotIsNotSupportedForThisVMSize"
        )
    most = (properties.get("billingProfile") or {}).get("maxPrice", -1)
    if most != -1 and most <= 0:
        raise bad("Max price value is invalid: -1 or a price above 0.", code="MaxPriceValueInvalid")
    price = size.hourly(region, spot=True)
    if most != -1 and most < price:
        raise conflict("SpotPriceGreaterThanProvidedMaxPrice",
                       f"Unable to perform operation 'Create VM' since the provided max price {most} USD is lower "
                       f"than the "
                       f"current spot price {price} USD for Azure Spot VM size {size.name}.")  # fmt: skip
    return True


def _check_disk(profile: dict[str, Any], size: Size) -> None:
    disk = profile.get("osDisk") or {}
    kind = (disk.get("managedDisk") or {}).get("storageAccountType", "Premium_LRS")
    if kind not in ("Standard_LRS", "StandardSSD_LRS", "Premium_LRS", "StandardSSD_ZRS", "Premium_ZRS"):
        raise bad(f"Account type {kind} is invalid for an OS disk.", "osDisk.managedDisk.storageAccountType")
    if "diffDiskSettings" in disk and "s_v" not in size.name:
        raise bad(f"OS disk of Ephemeral VM with size {size.name} is not supported.", "osDisk.diffDiskSettings")


def check_unchanged(call: Call, machine: Machine) -> None:
    """409 where a PUT would change what cannot be changed."""
    properties = call.body.get("properties") or {}
    profile, storage = properties.get("osProfile") or {}, properties.get("storageProfile") or {}
    kept = machine.properties
    changed = {
        "location": call.location != machine.location,
        "zones": bool(call.body.get("zones")) and call.body["zones"] != machine.top.get("zones"),
        "imageReference": _differs(storage.get("imageReference"), kept["storageProfile"].get("imageReference")),
        "osProfile.adminUsername": _differs(profile.get("adminUsername"), kept["osProfile"].get("adminUsername")),
        "osProfile.customData": "customData" in profile,
    }
    for name, is_changed in changed.items():
        if is_changed:
            raise ArmError(409, "PropertyChangeNotAllowed", f"Changing property '{name}' is not allowed.", target=name)


def _differs(given: Any, kept: Any) -> bool:
    if isinstance(given, dict) and isinstance(kept, dict):
        return any(kept.get(key) != value for key, value in given.items())
    return given is not None and given != kept


def others(cloud: Cloud, subscription: str, but: Machine | None = None) -> list[Use]:
    """What the machines of a subscription take, but for one of them."""
    found: list[Resource] = cloud.store.of_kind(KIND, f"/subscriptions/{subscription}")
    return [one.use for one in found if isinstance(one, Machine) and one is not but]
