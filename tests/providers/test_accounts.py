"""What the clouds' own tools know, who is signed in, and an SDK that is not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ez.errors import ConfigError, SignInError
from ez.models import Workspace
from ez.providers import installing, registry
from ez.providers.accounts import KnownAccount, known_accounts
from ez.providers.azure import Azure
from ez.providers.azure.errors import Attempt, translated
from ez.providers.azure.standing import named_in
from ez.state import State
from tests.emulators.aws import REGION, AwsCloud
from tests.emulators.azure import Emulator


def test_subscriptions_that_az_knows(tmp_path: Path) -> None:
    user = {"name": "ana@team"}
    one = {"id": "1", "name": "One", "state": "Enabled", "tenantId": "t", "user": user}
    rows = [one, {**one, "id": "2", "name": "Two", "isDefault": True}, {**one, "id": "3", "state": "Disabled"}]
    file = tmp_path / "azureProfile.json"
    file.write_text(json.dumps({"subscriptions": rows}), "utf-8-sig")
    found = known_accounts("azure", Path("/nowhere"), {"AZURE_CONFIG_DIR": str(tmp_path)})
    assert found == (
        KnownAccount("2", "Two", "ana@team", "t", chosen=True),
        KnownAccount("1", "One", "ana@team", "t"),
    )
    file.write_text("[]")
    assert known_accounts("azure", Path("/nowhere"), {"AZURE_CONFIG_DIR": str(tmp_path)}) == ()


def test_profiles_that_the_aws_cli_knows(tmp_path: Path) -> None:
    (tmp_path / ".aws").mkdir()
    config = (
        "[default]\nregion = eu-west-1\n[profile team]\nsso_account_id = 123\nregion = eu-north-1\n[sso-session s]\n"
    )
    (tmp_path / ".aws" / "config").write_text(config)
    (tmp_path / ".aws" / "credentials").write_text("[old]\naws_access_key_id = A\n")
    assert known_accounts("aws", tmp_path, {"AWS_PROFILE": "team"}) == (
        KnownAccount("team", "123", region="eu-north-1", chosen=True),
        KnownAccount("default", region="eu-west-1"),
        KnownAccount("old"),
    )
    (tmp_path / ".aws" / "config").write_text("[broken")
    assert [each.account for each in known_accounts("aws", tmp_path, {})] == ["old"]


def test_who_is_signed_in_to_azure_and_what_is_not_there(azure: Emulator, state: State) -> None:
    def standing(**workspace: Any) -> Any:
        given = {"regions": ("eastus",), "account": azure.subscription} | workspace
        return Azure(state, Workspace("team", "azure", endpoint=azure.url, owner="ana", **given)).standing()

    found = standing()
    assert (found.person, found.account, found.title) == ("ana", azure.subscription, "Rehearsal")
    assert found.wrong == ()
    wrong = standing(regions=("eastus", "moon"), network="group/net").wrong
    assert wrong == ("Azure has no region `moon`", "there is no network `group/net`")
    azure.cloud.directory.signed_out = True
    with pytest.raises(SignInError, match="expired"):
        standing()


def test_who_is_signed_in_to_aws_and_what_is_not_there(aws: AwsCloud, state: State) -> None:
    found = aws.provider(state).standing()
    assert (found.person, found.account, found.wrong) == ("user/moto", "123456789012", ())
    assert aws.provider(state, network="default").standing().wrong == ()
    wrong = aws.provider(state, regions=(REGION, "moon-1")).standing().wrong
    assert wrong == ("AWS has no region `moon-1` for this account",)
    assert "no subnet" in aws.provider(state, network="vpc-00").standing().wrong[0]


def test_a_person_by_the_claims_of_a_token(azure: Emulator) -> None:
    assert named_in(azure.token("ana", owner=False)).startswith("ana")
    assert named_in("no.token") == named_in("") == ""


def test_a_sign_in_that_azure_does_not_renew_is_told_from_none() -> None:
    from azure.core.exceptions import ClientAuthenticationError

    words = r"expired, or is not enough for this \(AADSTS700082\)"
    with pytest.raises(SignInError, match=words) as caught, translated(Attempt("look")):
        raise ClientAuthenticationError("Azure CLI: AADSTS700082: The refresh token has expired due to inactivity")
    assert caught.value.hint == "az login"


def test_an_sdk_that_is_missing_is_named_with_the_command_that_installs_it(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.SDKS, "azure", ("azure.nothing_such", "boto3"))
    with pytest.raises(ConfigError, match="the SDK of `azure` is not installed") as caught:
        registry.provider("azure", state)
    assert caught.value.hint == installing.command("azure")
    assert registry.missing_sdk("byo") is None


GIT = {"url": "https://git.example/ez.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}}
SPEC = "'ez-env[aws] @ git+https://git.example/ez.git@abc'"
HOWS: dict[str, tuple[str, tuple[str, ...], Any, str]] = {
    "ez's own folder": (".venv", (), "{dir_info}", "{source}/scripts/install --aws"),
    "another environment, editable": ("venv", (), "{dir_info}", "/p -m pip install --editable '{source}[aws]'"),
    "an index": ("venv", (), {}, "/p -m pip install 'ez-env[aws]'"),
    "pipx": ("venv", ("pipx_metadata.json",), {}, "pipx install --force 'ez-env[aws]'"),
    "uv's tools": ("venv", ("uv-receipt.toml",), GIT, f"uv tool install --force {SPEC}"),
    "uv without pip": ("venv", ("no-pip",), GIT, f"uv pip install --python /p {SPEC}"),
}


@pytest.mark.parametrize("how", HOWS)
def test_the_command_is_that_of_how_ez_was_installed(how: str, tmp_path: Path) -> None:
    folder, files, origin, expected = HOWS[how]
    source = tmp_path / "my ez"
    for file in ("scripts/install", *(f"{folder}/{name}" for name in files)):
        (source / file).parent.mkdir(parents=True, exist_ok=True)
        (source / file).touch()
    if origin == "{dir_info}":
        origin = {"url": source.as_uri(), "dir_info": {"editable": True}}
    told = installing.command_for("aws", source / folder, "/p", origin, has_pip="no-pip" not in files)
    assert told.replace(f"'{source}/scripts/install'", f"{source}/scripts/install") == expected.format(source=source)
