"""The page of clouds' errors, made from the tables that ez reads them with."""

from collections.abc import Iterable, Iterator

from ez.providers.aws.errors import catalogue
from ez.providers.azure.errors import codes
from scripts.lib.markdown import MADE, table

_HEAD = """# Errors of clouds

What a cloud's error code means and what helps, as ez says it: `cannot create NAME: MEANING (CODE)`. Words in capitals
stand for what is known then, `…` for what the cloud itself wrote. After those marked `elsewhere` ez goes on by itself:
it tries another zone, region or size of those that do, and does not come back to what had no room for the time given.
Those marked `again` are tried again before anybody hears of them.
"""
_VALUES = {
    "size": "SIZE", "place": "REGION, ZONE", "region": "REGION", "family": "FAMILY", "said": "…", "action": "ACTION",
    "scope": "SCOPE", "policy": "POLICY", "namespace": "SERVICE", "quota": "QUOTA", "limit": "LIMIT", "usage": "USED",
    "required": "NEEDED", "profile": "",
}  # fmt: skip


def page() -> str:
    head = ("code", "meaning", "what helps", "what ez does")
    sections = [_HEAD, "## Azure\n", *table(head, [*_azure()]), "## AWS\n", *table(head, [*_aws()])]
    return MADE + "\n".join(sections)


def _azure() -> Iterator[tuple[str, ...]]:
    """A section of `codes.toml` may be one of several meanings of a code."""
    for row in codes().values():
        kind, tried = row.get("kind", ""), "again" if row.get("tries") else ""
        does = _elsewhere(row["minutes"]) if kind == "capacity" else "exit 4" if kind == "sign-in" else tried
        yield row["code"], _filled(row["words"]), _filled(row["next"]), does


def _aws() -> Iterable[tuple[str, ...]]:
    for code, row in catalogue().items():
        does = _elsewhere(row.minutes) if row.kind == "capacity" else "exit 4" if row.kind == "sign-in" else ""
        yield "any other" if code == "other" else code, row.words + (": …" if row.said else ""), _filled(row.next), does


def _elsewhere(minutes: int) -> str:
    return f"elsewhere, {minutes // 60} h" if minutes % 60 == 0 else f"elsewhere, {minutes} min"


def _filled(text: str) -> str:
    return text.format_map(_VALUES)
