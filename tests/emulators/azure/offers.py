"""What can be had: sizes with what they can do and where they are restricted, quota in use, images, and prices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import catalogue
from .catalogue import Image, Size, regions
from .checks import others
from .limits import CORES, MACHINES, SPOT_CORES
from .network import ADDRESS
from .routing import Route
from .wire import ArmError, Call, Reply

if TYPE_CHECKING:
    from .cloud import Cloud

_LOCATION = "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}"
_PUBLISHERS = f"{_LOCATION}/publishers"
_OFFERS = f"{_PUBLISHERS}/{{publisher}}/artifacttypes/vmimage/offers"
_NAMES = {CORES: "Total Regional vCPUs", SPOT_CORES: "Total Regional Low-priority vCPUs", MACHINES: "Virtual Machines"}


def list_skus(cloud: Cloud, call: Call) -> Reply:
    """Sizes of a region (`$filter=location eq 'eastus'`), or of all of them."""
    words = call.query.get("$filter", "").split("'")
    wanted = [words[1].lower()] if len(words) > 1 else list(regions())
    found = [
        _sku(cloud, size, region)
        for region in wanted
        if region in regions()
        for size in catalogue.sizes().values()
        if size.is_in(region)
    ]
    return cloud.page(call, found)


def _sku(cloud: Cloud, size: Size, region: str) -> dict[str, Any]:
    zones = list(regions()[region].zones)
    where: dict[str, Any] = {"location": region, "zones": zones}
    if zones:
        where["zoneDetails"] = [{"Name": zones, "capabilities": [{"name": "UltraSSDAvailable", "value": "True"}]}]
    return {
        "resourceType": "virtualMachines",
        "name": size.name,
        "tier": "Standard",
        "size": size.name.removeprefix("Standard_"),
        "family": size.family,
        "locations": [region],
        "locationInfo": [where],
        "capabilities": [{"name": name, "value": value} for name, value in _capabilities(size).items()],
        "restrictions": _restrictions(cloud, size, region),
    }


def _capabilities(size: Size) -> dict[str, str]:
    found = {
        "MaxResourceVolumeMB": "0",
        "OSVhdSizeMB": "1047552",
        "vCPUs": f"{size.cpus}",
        "MemoryPreservingMaintenanceSupported": "False",
        "HyperVGenerations": ",".join(size.generations),
        "MemoryGB": f"{size.memory:g}",
        "MaxDataDiskCount": "8",
        "CpuArchitectureType": size.architecture,
        "LowPriorityCapable": f"{size.spot_price > 0}",
        "PremiumIO": "True",
        "vCPUsAvailable": f"{size.cpus}",
        "EphemeralOSDiskSupported": f"{'s_v' in size.name}",
        "EncryptionAtHostSupported": "True",
        "AcceleratedNetworkingEnabled": "True",
        "RdmaEnabled": f"{size.name.startswith('Standard_ND')}",
        "MaxNetworkInterfaces": "2",
    }
    if size.gpus:
        found["GPUs"] = f"{size.gpus}"
    if size.architecture == "Arm64" or "A100" in size.name or size.name.startswith("Standard_NV"):
        found["TrustedLaunchDisabled"] = "True"
    return found


def _restrictions(cloud: Cloud, size: Size, region: str) -> list[dict[str, Any]]:
    found = []
    for one in cloud.limits.restrictions:
        if one.size.lower() == size.name.lower() and one.region == region:
            where: dict[str, Any] = {"locations": [region]}
            kind, values = ("Zone", list(one.zones)) if one.zones else ("Location", [region])
            if one.zones:
                where["zones"] = values
            found.append({"type": kind, "values": [region], "restrictionInfo": where, "reasonCode": one.reason})
    return found


def list_usages(cloud: Cloud, call: Call) -> Reply:
    region = call["location"].lower()
    usage = cloud.limits.usage(others(cloud, call["subscription"]), region)
    return cloud.page(call, [_usage(name, used, cloud.limits.limit(region, name)) for name, used in usage.items()])


def _usage(name: str, used: int, limit: int) -> dict[str, Any]:
    words = _NAMES.get(name, f"{name} vCPUs")
    return {"limit": limit, "unit": "Count", "currentValue": used, "name": {"value": name, "localizedValue": words}}


def list_network_usages(cloud: Cloud, call: Call) -> Reply:
    region = call["location"].lower()
    used = sum(1 for one in cloud.store.of_kind(ADDRESS) if one.location == region)
    names = (("PublicIPAddresses", used), ("StandardSkuPublicIpAddresses", used), ("VirtualNetworks", 0))
    return Reply(200, {"value": [_usage(name, count, cloud.limits.addresses) for name, count in names]})


def list_sizes(cloud: Cloud, call: Call) -> Reply:
    """The short list: for a region, or what a machine can be resized to."""
    region = call.parameters.get("location", "").lower()
    if "name" in call.parameters:
        from .compute import require

        region = require(cloud, call).location
    found = [
        {"name": size.name, "numberOfCores": size.cpus, "memoryInMB": int(size.memory * 1024), "maxDataDiskCount": 8,
         "osDiskSizeInMB": 1047552, "resourceDiskSizeInMB": 0}
        for size in catalogue.sizes().values() if size.is_in(region)
    ]  # fmt: skip
    return Reply(200, {"value": found})


def _images(call: Call) -> list[Image]:
    wanted = {name: call.parameters[name].lower() for name in ("publisher", "offer", "sku") if name in call.parameters}
    return [
        one
        for one in catalogue.images()
        if all(str(getattr(one, name)).lower() == value for name, value in wanted.items())
    ]


def list_images(cloud: Cloud, call: Call) -> Reply:
    """The next level below what is named: publishers, offers, skus or versions."""
    level = next(name for name in ("publisher", "offer", "sku", "versions") if name not in call.parameters)
    found = _images(call)
    if not found and level != "publisher":
        raise ArmError(404, "NotFound", "Artifact: VMImage was not found.")
    names = [version for one in found for version in one.versions] if level == "versions" else []
    names = names or sorted({str(getattr(one, level)) for one in found})
    root = f"/Subscriptions/{call['subscription']}/Providers/Microsoft.Compute/Locations/{call['location']}"
    shown = [{"location": call["location"], "name": name, "id": f"{root}/.../{name}"} for name in names]
    return Reply(200, shown[-int(call.query.get("$top", len(shown)) or 1) :] if shown else [])


def get_image(cloud: Cloud, call: Call) -> Reply:
    found = _images(call)
    version = call["version"]
    if not found or (version != "latest" and version not in found[0].versions):
        raise ArmError(404, "NotFound", f"Artifact: VMImage was not found: {version}.")
    image = found[0]
    name = image.versions[-1] if version == "latest" else version
    properties: dict[str, Any] = {
        "hyperVGeneration": image.generation,
        "architecture": image.architecture,
        "osDiskImage": {"operatingSystem": "Linux", "sizeInGb": image.gib},
        "dataDiskImages": [],
        "automaticOSUpgradeProperties": {"automaticOSUpgradeSupported": False},
        "features": [{"name": "SecurityType", "value": "TrustedLaunchSupported"}],
        "imageDeprecationStatus": {"imageState": "Active"},
    }
    if image.plan:
        properties["plan"] = {"publisher": image.publisher, "name": image.plan, "product": image.offer}
    return Reply(200, {"location": call["location"], "name": name, "id": call.path, "properties": properties})


def list_prices(cloud: Cloud, call: Call) -> Reply:
    """The public list of prices, which asks for no token: `$filter` with `eq` and `and`, pages of 1,000."""
    pairs = [_condition(part) for part in call.query.get("$filter", "").split(" and ") if part]
    items = [
        item for item in _items() if all(str(item.get(name, "")).lower() == value.lower() for name, value in pairs)
    ]
    skip = int(call.query.get("$skip", 0))
    found = items[skip : skip + 1000]
    following = (
        f"{call.base}{call.target.split('&$skip=')[0]}&$skip={skip + 1000}" if skip + 1000 < len(items) else None
    )
    head = {"BillingCurrency": "USD", "CustomerEntityId": "Default", "CustomerEntityType": "Retail"}
    return Reply(200, {**head, "Items": found, "NextPageLink": following, "Count": len(found)})


def _condition(text: str) -> tuple[str, str]:
    name, eq, value = text.strip().partition(" eq ")
    if not eq or " or " in value:
        raise ArmError(
            400, "BadRequest", f"Invalid OData parameters supplied: the emulator knows `eq` and `and`, not {text}"
        )
    return {"priceType": "type"}.get(name.strip(), name.strip()), value.strip().strip("'")


def _items() -> list[dict[str, Any]]:
    found = []
    for size in catalogue.sizes().values():
        for region in regions():
            if not size.is_in(region):
                continue
            price, spot = size.hourly(region), size.hourly(region, spot=True)
            found += [_item(size, region, price, ""), _item(size, region, price * 1.5, "", windows=True)]
            found += [_item(size, region, spot, " Spot")] if spot else []
            found += [_item(size, region, price * 0.2, " Low Priority")] if spot else []
    return found


def _item(size: Size, region: str, price: float, mark: str, *, windows: bool = False) -> dict[str, Any]:
    short = size.name.removeprefix("Standard_").replace("_", " ")
    series = size.family.removesuffix("Family").strip()
    return {
        "currencyCode": "USD", "tierMinimumUnits": 0.0, "retailPrice": round(price, 6), "unitPrice": round(price, 6),
        "armRegionName": region, "location": regions()[region].display, "effectiveStartDate": "2026-06-01T00:00:00Z",
        "meterId": f"meter-{size.name}-{region}{mark}", "meterName": f"{short}{mark}", "productId": f"P-{series}",
        "skuId": f"P-{series}/{short}", "productName": f"Virtual Machines {series} "
                                                       f"Series{' Windows' if windows else ''}",
        "skuName": f"{short}{mark}", "serviceName": "Virtual Machines", "serviceId": "DZH313Z7MMC8",
        "serviceFamily": "Compute", "unitOfMeasure": "1 Hour", "type": "Consumption", "isPrimaryMeterRegion": True,
        "armSkuName": size.name,
    }  # fmt: skip


_MACHINE = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines/{name}"

ROUTES = (
    Route("skus.list", "GET", "/subscriptions/{subscription}/providers/Microsoft.Compute/skus", list_skus),
    Route("usages.list", "GET", f"{_LOCATION}/usages", list_usages),
    Route("usages.network", "GET", f"{_LOCATION.replace('Compute', 'Network')}/usages", list_network_usages),
    Route("sizes.list", "GET", f"{_LOCATION}/vmSizes", list_sizes),
    Route("sizes.ofMachine", "GET", f"{_MACHINE}/vmSizes", list_sizes),
    Route("images.publishers", "GET", _PUBLISHERS, list_images),
    Route("images.offers", "GET", _OFFERS, list_images),
    Route("images.skus", "GET", f"{_OFFERS}/{{offer}}/skus", list_images),
    Route("images.versions", "GET", f"{_OFFERS}/{{offer}}/skus/{{sku}}/versions", list_images),
    Route("images.get", "GET", f"{_OFFERS}/{{offer}}/skus/{{sku}}/versions/{{version}}", get_image),
    Route("prices.list", "GET", "/api/retail/prices", list_prices, open=True, versioned=False),
)
