"""Azure's errors in words. `codes.toml` has the words; here is how an answer is read, and what follows from it."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from ez.errors import CapacityError, CloudError, SignInError

_LONGEST_SAID = 300
_WRAPPERS = frozenset(
    (
        "deploymentfailed", "invalidtemplatedeployment", "resourcedeploymentfailure", "resourceoperationfailure",
        "multipleerrorsoccurred", "conflict", "badrequest",
    )
)  # fmt: skip
_CODE_OF_STATUS = {
    401: "AuthenticationFailed",
    403: "AuthorizationFailed",
    404: "NotFound",
    408: "ServerTimeout",
    412: "PreconditionFailed",
    429: "TooManyRequests",
    500: "InternalServerError",
    502: "ServiceUnavailable",
    503: "ServiceUnavailable",
    504: "GatewayTimeout",
}
_NO_ZONE = "-"
_UNKNOWN_NEXT = "try again; if it stays, look the code up at https://aka.ms/azure-common-deployment-errors"
_QUOTA = re.compile(
    r"exceeding(?: approved)? (?P<quota>[^.]*?) quota\b.*?"
    r"Current Limit: (?P<limit>\d+), Current Usage: (?P<usage>\d+), Additional Required: (?P<required>\d+)",
    re.DOTALL,
)
_OLD_QUOTA = re.compile(
    r"exceeding quota limits of (?P<quota>\w+)\. Maximum allowed: (?P<limit>\d+), Current in use: (?P<usage>\d+), "
    r"Additional requested: (?P<required>\d+)"
)
_ACTION = re.compile(r"perform action '(?P<action>[^']+)' (?:over|on) (?:the )?scope '(?P<scope>[^']+)'")
_NAMESPACE = re.compile(r"namespace '(?P<namespace>[\w.]+)'")
_FACTS = ("action", "scope", "namespace", "policy", "quota", "limit", "usage", "required")
_REGIONAL = frozenset(("core", "cores", "total regional cores", "total regional vcpus"))


@dataclass(frozen=True)
class Attempt:
    """What was tried, as the words of an error need it: `doing` is `create `gpu1``. `spot` None where it is neither."""

    doing: str
    size: str = ""
    family: str = ""
    region: str = ""
    zone: str = ""
    spot: bool | None = None

    @property
    def place(self) -> str:
        place = self.region or "that region"
        return f"{place}, zone {self.zone}" if self.zone else place


@dataclass(frozen=True)
class Reason:
    """The innermost error of an answer. `target` is what of the request it is about, as Azure calls it (`vmSize`)."""

    code: str
    message: str = ""
    policy: str = ""
    target: str = ""


@cache
def codes() -> Mapping[str, Mapping[str, Any]]:
    """The sections of `codes.toml` by code in lower case."""
    read = tomllib.loads(files(__package__).joinpath("codes.toml").read_text())
    return {code.lower(): {"code": code, **section} for code, section in read.items()}


def about(code: str) -> Mapping[str, Any]:
    return codes().get(code.lower(), {})


def is_gone(error: CloudError) -> bool:
    """Whether the error says that the thing is not there: each service has a code of its own for that."""
    known = about(error.code)
    return bool(known.get("gone")) or (not known and getattr(error.__cause__, "status_code", 0) == 404)


def reason(status: int, body: object) -> Reason:
    """Read an answer. Some services leave out the wrapper `error`, put JSON into a message, or a number for a code."""
    found = _innermost(body)
    if found.code:
        return found
    return Reason(_CODE_OF_STATUS.get(status, f"HTTP {status}"), found.message)


def explain(why: Reason, attempt: Attempt) -> CloudError:
    """The error that a person reads."""
    key, facts = _kind(why)
    section, values = about(key), _values(why, attempt, facts)
    words, hint = section.get("words", "Azure says: {said}"), section.get("next", _UNKNOWN_NEXT)
    if any(f"{{{fact}}}" in words + hint and fact not in values for fact in _FACTS):
        words, hint = section["plain"], section.get("plain_next", hint)
    message = f"cannot {attempt.doing}: {words.format_map(values)} ({why.code})"
    hint = hint.format_map(values)
    kind = section.get("kind")
    if kind == "sign-in":
        return SignInError(message, hint, code=why.code)
    if kind != "capacity":
        return CloudError(message, hint, code=why.code)
    spot = None if section.get("both") else attempt.spot
    minutes = section.get("spot_minutes", section["minutes"]) if attempt.spot else section["minutes"]
    blocks = _blocks(section["blocks"], attempt, facts.get("quota", ""))
    return CapacityError(message, hint, code=why.code, blocks=(*blocks, spot), minutes=minutes)


def _values(why: Reason, attempt: Attempt, facts: Mapping[str, str]) -> Mapping[str, str]:
    """What the words may name: the facts only where the message has them."""
    values = {name: _one_line(fact) for name, fact in facts.items()}
    values["size"] = attempt.size or "it"
    values["family"] = attempt.family
    values["region"] = attempt.region or "that region"
    values["place"] = attempt.place
    if why.policy:
        values["policy"] = why.policy
    values["said"] = _one_line(why.message) or "no words"
    return values


@contextmanager
def translated(attempt: Attempt) -> Iterator[None]:
    """Everything that the SDKs raise in the block becomes a CloudError."""
    from azure.core import exceptions as azure

    try:
        yield
    except azure.ClientAuthenticationError as error:
        raise _sign_in(error, attempt) from error
    except azure.HttpResponseError as error:
        raise explain(_answer(error), attempt) from error
    except (azure.ServiceRequestError, azure.ServiceResponseError) as error:
        raise CloudError(
            f"cannot {attempt.doing}: Azure cannot be reached ({_one_line(str(error))})",
            "look at your network connection",
            code="Unreachable",
        ) from error
    except azure.AzureError as error:
        message = f"cannot {attempt.doing}: {_one_line(str(error))}"
        raise CloudError(message, _UNKNOWN_NEXT, code="AzureError") from error


def _answer(error: Any) -> Reason:
    """What `error` carries: the parsed error of an operation that failed later, or the body of the answer."""
    body: object = None
    response = error.response
    if response is not None:
        try:
            body = json.loads(response.text())
        except (ValueError, AttributeError, TypeError):
            body = None
    found = _innermost(body)
    parsed = getattr(error, "error", None)
    if not found.code and parsed is not None and getattr(parsed, "code", None):
        return Reason(str(parsed.code), str(parsed.message or ""), target=str(getattr(parsed, "target", None) or ""))
    return reason(error.status_code or 0, body if body is not None else {"message": error.message})


def _sign_in(error: Any, attempt: Attempt) -> CloudError:
    """Azure's own 401 has a body; azure-identity's has only words, many of them."""
    if error.response is not None:
        explained = explain(_answer(error), attempt)
        if isinstance(explained, SignInError):
            return explained
    refused = re.search(r"AADSTS\d+", str(error))
    if refused:
        words = f"your sign-in to Azure has expired, or is not enough for this ({refused[0]})"
        return SignInError(f"cannot {attempt.doing}: {words}", "az login", code=refused[0])
    return SignInError(f"cannot {attempt.doing}: nobody is signed in to Azure", "az login", code="NotSignedIn")


def _innermost(body: object, depth: int = 0) -> Reason:
    if not isinstance(body, Mapping):
        return Reason("")
    error = body.get("error", body)
    if not isinstance(error, Mapping):
        return Reason("", str(error or ""))
    code, message = _one_line(str(error.get("code") or "")), str(error.get("message") or "")
    inner = _inner(error, message) if depth < 5 and (not code or code.lower() in _WRAPPERS) else None
    deeper = _innermost(inner, depth + 1)
    return deeper if deeper.code else Reason(code, message, _policy(error), _one_line(str(error.get("target") or "")))


def _inner(error: Mapping[str, Any], message: str) -> object:
    details = error.get("details")
    if isinstance(details, list) and details:
        return details[0]
    try:
        return json.loads(message)
    except ValueError:
        return None


def _policy(error: Mapping[str, Any]) -> str:
    """The name of the policy that refused, from `additionalInfo`."""
    additional = error.get("additionalInfo")
    for each in additional if isinstance(additional, list) else ():
        info = each.get("info") if isinstance(each, Mapping) else None
        if not isinstance(info, Mapping):
            continue
        name = info.get("policyDefinitionDisplayName") or info.get("policyAssignmentDisplayName")
        if name:
            return _one_line(str(name))
    return ""


def _kind(why: Reason) -> tuple[str, dict[str, str]]:
    """The section of `codes.toml` and the figures and names that the message has."""
    quota = _QUOTA.search(why.message) or _OLD_QUOTA.search(why.message)
    if quota and why.code.lower() in ("operationnotallowed", "quotaexceeded"):
        return _quota_kind(quota["quota"], quota["limit"]), quota.groupdict()
    if why.code.lower() in ("badrequest", "invalidparameter") and "hypervisor generation" in why.message.lower():
        return "wrong generation", {}
    if why.code.lower() == "invalidparameter" and about(f"{why.code} {(part := why.target.rpartition('.')[2])}"):
        return f"{why.code} {part}", {}
    if why.code.lower() == "operationnotallowed" and "rate limit" in why.message.lower():
        return "TooManyRequests", {}
    found = _ACTION.search(why.message) or _NAMESPACE.search(why.message)
    return why.code, found.groupdict() if found else {}


def _quota_kind(quota: str, limit: str) -> str:
    name = quota.strip().lower()
    if "lowpriority" in name or "spot" in name:
        return "quota of spot"
    if name in _REGIONAL:
        return "quota of region"
    return "no quota of family" if limit == "0" else "quota of family"


def _blocks(what: str, attempt: Attempt, quota: str) -> tuple[str, str, str]:
    match what:
        case "anywhere":
            return ("", "", "")
        case "everywhere":
            return (attempt.region, "", "")
        case "family":
            return (attempt.region, attempt.family or quota.removesuffix("Cores").strip(), "")
        case "pool":
            return (attempt.region, attempt.size, attempt.zone or _NO_ZONE)
        case _:
            return (attempt.region, attempt.size, "")


def _one_line(text: str) -> str:
    clean = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return clean if len(clean) <= _LONGEST_SAID else clean[: _LONGEST_SAID - 1] + "…"
