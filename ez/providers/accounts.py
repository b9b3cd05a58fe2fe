"""The accounts that the clouds' own tools know on this computer, read from their files: no cloud is asked.

az keeps its subscriptions in `azureProfile.json`, the AWS CLI its profiles in two files in the format of configparser
(docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html).
"""

from __future__ import annotations

import configparser
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class KnownAccount:
    """`account` is what a workspace calls it: a subscription id, a profile. `title` and `person` as the tool has them;
    `region` is its default one; `chosen` if the tool would use it itself."""

    account: str
    title: str = ""
    person: str = ""
    tenant: str = ""
    region: str = ""
    chosen: bool = False


def known_accounts(provider: str, home: Path, environment: Mapping[str, str]) -> tuple[KnownAccount, ...]:
    """The chosen one first; none where the tool was never used or its files cannot be read."""
    found = {"azure": _subscriptions, "aws": _profiles}[provider](home, environment)
    return tuple(sorted(found, key=lambda each: not each.chosen))


def _subscriptions(home: Path, environment: Mapping[str, str]) -> list[KnownAccount]:
    folder = Path(environment.get("AZURE_CONFIG_DIR") or home / ".azure")
    try:
        # The file begins with a byte order mark.
        read = json.loads((folder / "azureProfile.json").read_text("utf-8-sig"))
        return [
            KnownAccount(
                str(each["id"]),
                str(each.get("name", "")),
                str((each.get("user") or {}).get("name", "")),
                str(each.get("tenantId", "")),
                chosen=bool(each.get("isDefault")),
            )
            for each in read["subscriptions"]
            if each.get("state", "Enabled") == "Enabled"
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def _profiles(home: Path, environment: Mapping[str, str]) -> list[KnownAccount]:
    config = _sections(Path(environment.get("AWS_CONFIG_FILE") or home / ".aws" / "config"))
    keys = _sections(Path(environment.get("AWS_SHARED_CREDENTIALS_FILE") or home / ".aws" / "credentials"))
    names = {_profile(section): section for section in config if section == "default" or section.startswith("profile ")}
    wanted = environment.get("AWS_PROFILE") or "default"
    return [
        KnownAccount(
            name,
            config.get(names.get(name, ""), {}).get("sso_account_id", ""),
            region=config.get(names.get(name, ""), {}).get("region", ""),
            chosen=name == wanted,
        )
        for name in sorted({*names, *keys})
    ]


def _profile(section: str) -> str:
    return section.removeprefix("profile ").strip()


def _sections(path: Path) -> dict[str, dict[str, str]]:
    reader = configparser.RawConfigParser(strict=False)
    try:
        reader.read_string(path.read_text("utf-8"))
    except (OSError, ValueError, configparser.Error):
        return {}
    return {name: dict(reader[name]) for name in reader.sections()}
