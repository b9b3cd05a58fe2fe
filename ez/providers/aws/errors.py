"""What boto3 raises, in ez's words. The words are data, by AWS's code or by the name of botocore's class."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from shlex import quote
from typing import Any

from ez.errors import CapacityError, CloudError, SignInError

_LONGEST_SAID = 300
_ENCODED = re.compile(r"\s*Encoded authorization failure message: \S+", re.ASCII)


NO_ZONE = "-"
"""In `blocks`: where no zone was asked for."""


@dataclass(frozen=True)
class Attempt:
    """What was asked for when a cloud said no; empty where that is not about sizes."""

    region: str = ""
    size: str = ""
    family: str = ""
    zone: str = ""
    spot: bool | None = None


@dataclass(frozen=True)
class Known:
    """A row of `errors.toml`. `kind` is `capacity`, `sign-in` or empty. `scope` says what `capacity` blocks: `zone`
    (this size there), `size` (in the region), `family`, `region`; `either` that it does so for spot and full
    price alike. `said`: AWS's own sentence follows."""

    words: str
    next: str = ""
    kind: str = ""
    scope: str = "zone"
    minutes: int = 30
    either: bool = False
    said: bool = False


@cache
def catalogue() -> dict[str, Known]:
    import tomllib

    text = files("ez.providers.aws").joinpath("errors.toml").read_text(encoding="utf-8")
    return {code: Known(**row) for code, row in tomllib.loads(text).items()}


def code_of(error: BaseException) -> str:
    """AWS's code, `InvalidInstanceID.NotFound`; empty for what never came to an answer."""
    response: dict[str, Any] = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))


def is_gone(error: BaseException) -> bool:
    """The thing asked about is not there: `InvalidVolume.NotFound`, `InvalidGroup.NotFound`, ..."""
    return code_of(error).endswith(("NotFound", "NotFoundException", ".NotAttached"))


def cloud_error(error: Exception, what: str, attempt: Attempt | None = None, *, profile: str = "") -> CloudError:
    """The error that a person sees for one of botocore's: `what` failed, why, and one thing to do."""
    code = code_of(error)
    response: dict[str, Any] = getattr(error, "response", None) or {}
    said = _clean(str(response.get("Error", {}).get("Message", "") or error))
    return refusal(code, said, what, attempt, known=_known(error, code), profile=profile)


def refusal(
    code: str, said: str, what: str, attempt: Attempt | None = None, *, known: Known | None = None, profile: str = ""
) -> CloudError:
    """The same for a code that came another way, as in the reason why a machine ended."""
    known = known or catalogue().get(code) or catalogue()["other"]
    attempt = attempt or Attempt()
    message = f"{what}: {known.words}" + (f": {said}" if known.said and said else "") + (f" (`{code}`)" if code else "")
    hint = known.next.format(
        region=attempt.region or "REGION", profile=f" --profile {quote(profile)}" if profile else ""
    )
    if known.kind == "sign-in":
        return SignInError(message, hint or None, code=code)
    if known.kind == "capacity":
        return CapacityError(message, hint or None, code=code, blocks=_blocks(known, attempt), minutes=known.minutes)
    return CloudError(message, hint or None, code=code)


def not_found(name: str) -> CloudError:
    return CloudError(f"AWS has no machine of ez called `{name}`", "ez compute ls --all", code="NotFound")


def _known(error: Exception, code: str) -> Known | None:
    rows = catalogue()
    if code.isdigit() and code >= "500":
        return rows["Unavailable"]  # No answer of AWS's own, but of something before it.
    names = [code, *(each.__name__ for each in type(error).__mro__)]
    return next((rows[name] for name in names if name in rows), None)


def _blocks(known: Known, attempt: Attempt) -> tuple[str, str, str, bool | None]:
    spot = None if known.either else attempt.spot
    return {
        "zone": (attempt.region, attempt.size, attempt.zone, spot),
        "size": (attempt.region, attempt.size, "", spot),
        "family": (attempt.region, attempt.family or attempt.size, "", spot),
        "region": (attempt.region, "", "", spot),
    }[known.scope]


def _clean(text: str) -> str:
    """On one line, without what only AWS can read."""
    line = " ".join(_ENCODED.sub("", text).split()).rstrip(".")
    printable = "".join(character for character in line if character.isprintable())
    return printable if len(printable) <= _LONGEST_SAID else printable[: _LONGEST_SAID - 1] + "…"
