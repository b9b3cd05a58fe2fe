"""What speaks against an order, asked before anything is made: everything side by side, and never for longer than three
seconds, since what Azure did not say in time it will say when the machine is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ez.errors import CloudError, UsageError
from ez.providers.azure.client import Arm
from ez.providers.azure.errors import Attempt, about, is_gone, translated
from ez.providers.azure.images import generation, image_of
from ez.providers.azure.listing import VERSION
from ez.providers.azure.skus import SKUS, SKUS_VERSION, Sku, read_sku
from ez.providers.base import Finding, Offer, Size
from ez.providers.together import answers_within
from ez.providers.wire import items, mapping, number, text

SECONDS = 2.8
NAMESPACES = ("Microsoft.Compute", "Microsoft.Network")

_PROVIDERS_VERSION = "2025-04-01"
_QUOTA_PAGE = "https://portal.azure.com/#view/Microsoft_Azure_Capacity/QuotaMenuBlade/~/myQuotas"
_NO_REASON = ("AuthorizationFailed", "TooManyRequests", "Unreachable")
_CHECK = Attempt("check what Azure has")


@dataclass(frozen=True)
class Usage:
    """How much of a quota is used, in its own unit (vCPUs, machines)."""

    used: int
    limit: int

    @property
    def left(self) -> int:
        return max(0, self.limit - self.used)


Usages = Mapping[str, Usage]
"""By the quota's name in lower case: `cores`, `lowprioritycores`, `virtualmachines`, families."""


def check(arm: Arm, offers: Sequence[Offer], *, spot: bool, image: str) -> tuple[list[Finding], dict[str, Usages]]:
    """What was found, and the usages of each region that answered. Raises SignInError, CloudError."""
    regions = tuple(dict.fromkeys(offer.region for offer in offers))
    questions: dict[tuple[str, str], Callable[[], Any]] = {}
    for namespace in NAMESPACES:
        questions["registration", namespace] = partial(_registered, arm, namespace)
    for region in regions:
        questions["quota", region] = partial(usages, arm, region)
        questions["sizes", region] = partial(_sizes, arm, region, {offer.size.name.lower() for offer in offers})
    for region, urn in _images(offers, image):
        questions["image", f"{region} {urn}"] = partial(_image, arm, region, urn)
    answers, silent = answers_within(SECONDS, questions)
    known = {region: answers["quota", region] for region in regions if "quota" in _kinds(answers, region)}
    found = [
        *_of_registration(answers),
        *(finding for offer in offers for finding in _of_offer(offer, answers, spot=spot, image=image)),
        *_of_silence(silent),
    ]
    return [*dict.fromkeys(found)], known


def usages(arm: Arm, region: str) -> Usages:
    with translated(_CHECK):
        listed = arm.pages(f"providers/Microsoft.Compute/locations/{region}/usages", VERSION, hurry=True)
    return {
        text(mapping(each.get("name")).get("value")).lower(): Usage(
            int(number(each.get("currentValue"))), int(number(each.get("limit")))
        )
        for each in listed
    }


def left(size: Size, known: Usages, *, spot: bool) -> int | None:
    """How many vCPUs of that size are left; None where Azure counts none for it."""
    names = ("lowprioritycores",) if spot else ("cores", size.family.lower())
    counted = [known[name].left for name in names if name in known]
    return min(counted, default=None)


def _registered(arm: Arm, namespace: str) -> bool:
    with translated(_CHECK):
        path = f"/subscriptions/{arm.subscription}/providers/{namespace}"
        found = arm.connection.send("GET", path, {"api-version": _PROVIDERS_VERSION}, hurry=True)
    return found.get("registrationState") == "Registered"


def _sizes(arm: Arm, region: str, wanted: Iterable[str]) -> Mapping[str, Sku]:
    """The wanted sizes of a region by name in lower case. The list is long: only what is wanted is read."""
    with translated(_CHECK):
        listed = arm.pages(SKUS, SKUS_VERSION, {"$filter": f"location eq '{region}'"}, hurry=True)
    if not listed:
        raise CloudError(f"Azure has no machines in `{region}`", "az account list-locations -o table", code="NoRegion")
    skus = (read_sku(each, region) for each in listed if str(each.get("name", "")).lower() in wanted)
    return {sku.name.lower(): sku for sku in skus if sku}


def _images(offers: Sequence[Offer], image: str) -> list[tuple[str, str]]:
    pairs = []
    for offer in offers:
        try:
            pairs.append((offer.region, image_of(image, offer.size)))
        except UsageError:
            continue
    return [*dict.fromkeys(pair for pair in pairs if not pair[1].startswith("/"))]


def _image(arm: Arm, region: str, urn: str) -> Mapping[str, Any]:
    publisher, offer, sku, version = urn.split(":")
    where = f"/subscriptions/{arm.subscription}/providers/Microsoft.Compute/locations/{region}/publishers/{publisher}"
    path, query = f"{where}/artifacttypes/vmimage/offers/{offer}/skus/{sku}/versions", {"api-version": VERSION}
    with translated(Attempt("find the image", region=region)):
        if version == "latest":
            newest = {**query, "$top": "1", "$orderby": "name desc"}
            found = items(arm.connection.send("GET", path, newest, hurry=True).get("value"))
            version = text(found[0].get("name")) if found else version
        return mapping(arm.connection.send("GET", f"{path}/{version}", query, hurry=True).get("properties"))


def _of_registration(answers: Mapping[tuple[str, str], Any]) -> Iterable[Finding]:
    for (kind, namespace), answer in answers.items():
        if kind == "registration" and answer is False:
            yield Finding(
                "NotRegistered",
                f"this subscription has not used `{namespace}` yet; registering it takes a minute or two",
                f"az provider register --namespace {namespace}",
            )


def _of_offer(offer: Offer, answers: Mapping[tuple[str, str], Any], *, spot: bool, image: str) -> Iterable[Finding]:
    yield from _of_sizes(offer, answers.get(("sizes", offer.region)), spot=spot)
    yield from _of_quota(offer, answers.get(("quota", offer.region)), spot=spot)
    yield from _of_image(offer, answers, image)


def _of_sizes(offer: Offer, answer: Any, *, spot: bool) -> Iterable[Finding]:
    if isinstance(answer, CloudError):
        yield from _of_error(answer, offer.region)
        return
    if not isinstance(answer, Mapping):
        return
    name, region = offer.size.name, offer.region
    sku = answer.get(name.lower())
    if sku is None or sku.restricted:
        reason = "is not in" if sku is None else "is not open to this subscription in"
        yield Finding("SkuNotAvailable", f"`{name}` {reason} {region}", "ez compute sizes", ((region, name, ""),))
    elif spot and not sku.spot:
        words = f"`{name}` cannot be had as spot"
        yield Finding("AzureSpotIsNotSupportedForThisVMSize", words, "leave out `--spot`", ((region, name, ""),))
    elif sku.closed_zones:
        zones = ", ".join(sku.closed_zones)
        blocks = tuple((region, name, zone) for zone in sku.closed_zones)
        yield Finding("SkuNotAvailable", f"`{name}` is not in zone {zones} of {region}", "ez compute sizes", blocks)


def _of_quota(offer: Offer, answer: Any, *, spot: bool) -> Iterable[Finding]:
    if not isinstance(answer, Mapping):
        return
    remaining = left(offer.size, answer, spot=spot)
    if remaining is not None and remaining < offer.size.cpus:
        what = "spot machines" if spot else f"`{offer.size.family}`"
        words = (
            f"the quota of {what} in {offer.region} leaves {remaining} vCPUs, `{offer.size.name}` has {offer.size.cpus}"
        )
        yield Finding("QuotaExceeded", words, f"ask for more at {_QUOTA_PAGE}", ((offer.region, offer.size.name, ""),))


def _of_image(offer: Offer, answers: Mapping[tuple[str, str], Any], image: str) -> Iterable[Finding]:
    blocks = ((offer.region, offer.size.name, ""),)
    try:
        urn = image_of(image, offer.size)
    except UsageError as error:
        yield Finding("ImageMismatch", error.message, error.hint or "", blocks)
        return
    answer = answers.get(("image", f"{offer.region} {urn}"))
    if isinstance(answer, CloudError) and is_gone(answer):
        words = f"the image `{urn}` is not in {offer.region}"
        yield Finding("ImageNotFound", words, "leave out `--image`", ((offer.region, "", ""),))
    elif isinstance(answer, CloudError):
        yield from _of_error(answer, offer.region)
    elif isinstance(answer, Mapping) and (words := _mismatch(offer.size, urn, answer)):
        yield Finding("ImageMismatch", words, "leave out `--image`", blocks)


def _mismatch(size: Size, urn: str, image: Mapping[str, Any]) -> str:
    made_for = {"arm64": "arm64", "x64": "x86_64"}.get(str(image.get("architecture", "")).lower(), "")
    if made_for and made_for != size.architecture:
        return f"the image `{urn}` is for {made_for}, `{size.name}` is {size.architecture}"
    needs = str(image.get("hyperVGeneration") or "")
    if needs and size.generations and needs not in size.generations:
        return f"the image `{urn}` is of generation {needs}, `{size.name}` starts {generation(size)}"
    if image.get("plan"):
        return f"the image `{urn}` has terms that have to be accepted first"
    return ""


def _of_error(error: CloudError, region: str) -> Iterable[Finding]:
    """A refusal that stands for the whole region, or for everything. What may pass is no reason to give up, nor is that
    somebody may use a group and not look at the subscription."""
    if not about(error.code).get("tries") and error.code not in _NO_REASON:
        fatal = error.code in ("SubscriptionNotFound", "ReadOnlyDisabledSubscription")
        yield Finding(error.code, error.message, error.hint or "", () if fatal else ((region, "", ""),), fatal)


def _of_silence(silent: Sequence[tuple[str, str]]) -> Iterable[Finding]:
    if silent:
        what = ", ".join(sorted({kind for kind, _ in silent}))
        yield Finding("NotInTime", f"Azure did not answer in time about: {what}", "nothing has to be done")


def _kinds(answers: Mapping[tuple[str, str], Any], region: str) -> set[str]:
    return {kind for (kind, about), answer in answers.items() if about == region and isinstance(answer, Mapping)}
