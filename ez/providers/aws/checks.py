"""Why an attempt would fail, found before it is made: everything side by side, and never for longer than three seconds,
since what AWS did not say in time it will say when the machine is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from ez.errors import CloudError, SignInError, UsageError
from ez.providers.aws import images
from ez.providers.aws.account import Account, filters, pages
from ez.providers.aws.errors import catalogue, code_of
from ez.providers.aws.machines import Instance, alive, state_of
from ez.providers.aws.quota import Counted, Quota, code_for, family_of, limit, used
from ez.providers.base import Finding, Offer, Size
from ez.providers.together import answers_within

SECONDS = 2.8

_FORBIDS = frozenset({"UnauthorizedOperation", "OptInRequired", "Blocked", "PendingVerification"})
_PASSES = frozenset(
    {
        "RequestLimitExceeded", "Throttling", "ThrottlingException", "InternalError", "InternalFailure", "Unavailable",
        "ServiceUnavailable", "UnauthorizedOperation", "AccessDenied", "AccessDeniedException",
    }
)  # fmt: skip
"""Who may not look may make all the same, and what passes is no reason to give up."""

_QUOTAS = "https://console.aws.amazon.com/servicequotas/home/services/ec2/quotas"

Question = tuple[str, str, str]
"""What is asked, of which region, and of which class or architecture."""


def findings(
    account: Account, offers: Sequence[Offer], *, spot: bool, image: str, quotas: dict[Counted, Quota]
) -> list[Finding]:
    """Sign-in, rights, image, where sizes are had, and quota; the quotas that were seen go to `quotas`.

    Raises SignInError, and CloudError where AWS is not reached.
    """
    questions: dict[Question, Callable[[], Any]] = {}
    for region in dict.fromkeys(offer.region for offer in offers):
        sizes = [offer.size for offer in offers if offer.region == region]
        questions["machines", region, ""] = partial(alive, account, region)
        questions["sizes", region, ""] = partial(_offered, account, region, [size.name for size in sizes])
        questions["zones", region, ""] = partial(_zones, account, region)
        for architecture, size in {size.architecture: size for size in sizes}.items():
            questions["image", region, architecture] = partial(_allowed, account, region, size, image)
        for family in dict.fromkeys(family_of(size.name) for size in sizes):
            if code_for(family, spot):
                questions["quota", region, family] = partial(limit, account, region, family, spot=spot)
    answers, silent = answers_within(SECONDS, questions)
    quotas.update(_seen(answers, spot))
    refused = [each for key, answer in answers.items() for each in _of_answer(key, answer)]
    found = [*refused, *_of_sizes(offers, answers), *_of_quotas(offers, quotas, spot), *_of_silence(silent)]
    return [*dict.fromkeys(found)]


def _of_answer(key: Question, answer: Any) -> Iterable[Finding]:
    """What was refused, and what was found out about images. Without a code nothing of AWS was reached."""
    kind, region, _ = key
    if kind == "image" and not isinstance(answer, CloudError):
        yield from answer
    elif isinstance(answer, CloudError) and answer.code not in _PASSES and kind != "quota":
        if not answer.code:
            raise answer
        yield Finding(answer.code, answer.message, answer.hint or "", ((region, "", ""),))


def _of_sizes(offers: Sequence[Offer], answers: Mapping[Question, Any]) -> Iterable[Finding]:
    for region, name in dict.fromkeys((offer.region, offer.size.name) for offer in offers):
        had, zones = answers.get(("sizes", region, "")), answers.get(("zones", region, ""))
        if not isinstance(had, set) or not isinstance(zones, list):
            continue
        missing = [zone for zone in zones if (name, zone) not in had]
        if len(missing) == len(zones):
            words = f"{region} has no `{name}`"
            yield Finding("Unsupported", words, "choose another region or size", ((region, name, ""),))
        elif missing:
            words = f"`{name}` cannot be had in {', '.join(missing)}"
            yield Finding("Unsupported", words, "leave the zone open", tuple((region, name, zone) for zone in missing))


def _seen(answers: Mapping[Question, Any], spot: bool) -> dict[Counted, Quota]:
    """Quotas of which both is known: what may run, and what does."""
    found: dict[Counted, Quota] = {}
    for (kind, region, family), answer in answers.items():
        machines: list[Instance] | CloudError | None = answers.get(("machines", region, ""))
        if kind == "quota" and isinstance(answer, float) and isinstance(machines, list):
            running = [one for one in machines if state_of(one) in ("pending", "running")]
            found[region, family, spot] = Quota(code_for(family, spot), answer, used(running, family, spot=spot))
    return found


def _of_quotas(offers: Sequence[Offer], quotas: Mapping[Counted, Quota], spot: bool) -> Iterable[Finding]:
    for offer in offers:
        size, region, family = offer.size, offer.region, family_of(offer.size.name)
        found = quotas.get((region, family, spot))
        if found is not None and found.used + size.cpus > found.limit:
            what = "spot " if spot else ""
            words = (
                f"`{size.name}` needs {size.cpus} processors, and of your {what}quota of {found.limit:.0f} for the "
                f"class `{family}` in {region} {found.used} are used"
            )
            ask = f"ask for more: {_QUOTAS}/{found.code}?region={region}"
            yield Finding("VcpuLimitExceeded", words, ask, ((region, size.name, ""),))


def _of_silence(silent: Sequence[Question]) -> Iterable[Finding]:
    if silent:
        what = ", ".join(sorted({kind for kind, *_ in silent}))
        yield Finding("NotInTime", f"AWS did not answer in time about: {what}", "nothing has to be done")


def _offered(account: Account, region: str, sizes: Sequence[str]) -> set[tuple[str, str]]:
    """Of the sizes: which, and in which zone."""
    kind, wanted = "availability-zone", filters(instance_type=sizes)
    with account.translated(f"cannot ask what {region} has"):
        asked = pages(account.ec2(region), "describe_instance_type_offerings", LocationType=kind, Filters=wanted)
        return {(one["InstanceType"], one["Location"]) for page in asked for one in page["InstanceTypeOfferings"]}


def _zones(account: Account, region: str) -> list[str]:
    with account.translated(f"cannot ask what {region} has"):
        answer = account.ec2(region).describe_availability_zones()
    return sorted(zone["ZoneName"] for zone in answer["AvailabilityZones"])


def _allowed(account: Account, region: str, size: Size, image: str) -> list[Finding]:
    """EC2 says of a dry run only whether it may be tried; room and quota it tells when it is tried."""
    from botocore.exceptions import ClientError

    try:
        found = images.image(account, region, image, size.architecture)
    except SignInError:
        raise
    except (CloudError, UsageError) as error:
        code = getattr(error, "code", "") or "InvalidAMIID.NotFound"
        return [
            Finding(code, error.message, error.hint or "", ((region, "", ""),), fatal=isinstance(error, UsageError))
        ]
    with account.translated(f"cannot ask whether a machine may be made in {region}"):
        try:
            account.ec2(region).run_instances(
                ImageId=found.id, InstanceType=size.name, MinCount=1, MaxCount=1, DryRun=True
            )
        except ClientError as error:
            code = code_of(error)
            if code in _FORBIDS:
                row = catalogue()[code]
                return [Finding(code, f"{row.words} in {region}", row.next, ((region, "", ""),))]
            if catalogue().get(code, catalogue()["other"]).kind == "sign-in":
                raise
    return []
