"""What AWS and boto3 say, in ez's words."""

from __future__ import annotations

import inspect
from functools import partial
from pathlib import Path

import botocore.exceptions
import pytest
from botocore.exceptions import ClientError

from ez.errors import EXIT_SIGN_IN, CapacityError, CloudError, ConfigError, SignInError
from ez.events import null_sink
from ez.models import Workspace
from ez.providers.aws.errors import Attempt, Known, catalogue, cloud_error, refusal
from ez.providers.aws.provider import Aws
from ez.providers.aws.quota import family_of
from ez.state import State
from tests.emulators.aws import ACCOUNT, REGION, AwsCloud, Faults
from tests.providers.aws.values import ORDER, Made

ATTEMPT = Attempt(REGION, "g5.xlarge", "g", "us-east-1a", True)
FAMILIES = ("Credential", "Token", "SSO", "Login", "Profile", "MFA")
"""What is in the names of botocore's classes that are about who is signed in."""

NO_SIGN_IN = {"UnknownCredentialError"}


@pytest.mark.parametrize(("code", "known"), catalogue().items())
def test_every_row(code: str, known: Known) -> None:
    error = refusal(code, "what AWS said", "cannot make `gpu1`", ATTEMPT, profile="work")
    assert error.message.startswith(f"cannot make `gpu1`: {known.words}")
    assert error.message.endswith(f"(`{code}`)")
    assert not {"{", "}"} & set(error.message + (error.hint or ""))
    assert isinstance(error, {"capacity": CapacityError, "sign-in": SignInError}.get(known.kind, CloudError))
    assert known.kind in ("", "capacity", "sign-in")
    assert error.hint
    if isinstance(error, CapacityError):
        assert error.blocks[0] == REGION
    if isinstance(error, SignInError):
        assert error.exit_code == EXIT_SIGN_IN
        assert "--profile work" in error.hint


def test_every_class_of_botocore_about_who_is_signed_in_is_known() -> None:
    classes = inspect.getmembers(botocore.exceptions, inspect.isclass)
    about = [each for name, each in classes if any(family in name for family in FAMILIES) and name not in NO_SIGN_IN]
    unknown = [each.__name__ for each in about if not {base.__name__ for base in each.__mro__} & set(catalogue())]
    assert len(about) > 10
    assert unknown == []


def test_what_was_never_heard_of_is_said_in_full() -> None:
    answer = {"Error": {"Code": "Strange.Code", "Message": "odd\n\x1b[31m thing. " + "x" * 500}}
    error = cloud_error(botocore.exceptions.ClientError(answer, "RunInstances"), "cannot make `gpu1`")
    assert error.message.startswith("cannot make `gpu1`: AWS said no: odd ")
    assert "\x1b" not in error.message
    assert len(error.message) < 400
    assert error.code == "Strange.Code"


def test_nobody_is_signed_in(aws: AwsCloud, state: State, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(SignInError, match="nobody is signed in to AWS here"):
        aws.provider(state).machines()
    # A sign-in through a portal that nobody did yet.
    (tmp_path / "config").write_text(
        "[profile work]\nsso_session = portal\nsso_account_id = 111122223333\nsso_role_name = dev\nregion = us-east-1\n"
        "[sso-session portal]\nsso_region = us-east-1\nsso_start_url = https://portal.example/start\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with pytest.raises(SignInError, match="sign-in to AWS has run out") as caught:
        aws.provider(state, account="work").machines()
    assert caught.value.hint == "sign in again: aws sso login --profile work"
    with pytest.raises(SignInError, match="not set up here: The config profile"):
        Aws(state, Workspace(account="home", regions=(REGION,))).machines()


@pytest.mark.parametrize("code", ["ExpiredToken", "AuthFailure", "InvalidClientTokenId"])
def test_the_sign_in_has_run_out(made: Made, code: str) -> None:
    provider, faults = made
    works = (provider.machines, partial(provider.check, [ORDER.offer], spot=False, image=""))
    for work in works:
        faults.refuse("DescribeInstances", code, status=403)
        with pytest.raises(SignInError):
            work()


def test_regions_that_nobody_named(aws: AwsCloud, state: State) -> None:
    """All that the account has; those that its administrators forbid are not looked at."""
    provider = aws.provider(state, regions=())
    faults = Faults(provider)
    names = [{"RegionName": name} for name in ("eu-west-1", REGION, "us-west-2")]
    faults.answer("DescribeRegions", lambda asked: {"Regions": names})
    faults.refuse("DescribeInstances", "UnauthorizedOperation", times=1)
    assert provider.machines() == []
    assert faults.calls.count("DescribeInstances") == 3
    faults.refuse("DescribeInstances", "UnauthorizedOperation", times=3)
    with pytest.raises(CloudError, match="you may not do that"):
        provider.machines()
    assert faults.calls.count("DescribeRegions") == 1


def test_aws_is_not_there(state: State, monkeypatch: pytest.MonkeyPatch, aws: AwsCloud) -> None:
    for name, value in ACCOUNT.items():
        monkeypatch.setenv(name, value)
    provider = AwsCloud("http://127.77.0.9:9").provider(state)
    with pytest.raises(CloudError, match="AWS is not reached"):
        provider.start("gpu1", null_sink)


def test_going_too_fast_is_waited_out_by_boto3(made: Made) -> None:
    provider, faults = made
    assert provider.account.ec2(REGION).meta.config.retries == {"mode": "standard", "total_max_attempts": 4}
    faults.refuse("DescribeInstances", "RequestLimitExceeded", status=503)
    with pytest.raises(CloudError, match="AWS asks to go slower"):
        provider.machines()


@pytest.mark.parametrize(
    ("size", "family"),
    [("g5.xlarge", "g"), ("p5.48xlarge", "p"), ("m7i.large", "standard"), ("trn1.2xlarge", "trn"), ("mac2.metal", "")],
)
def test_classes_of_quota(size: str, family: str) -> None:
    assert family_of(size) == family


@pytest.mark.parametrize("endpoint", ["http://aws.example", "http://10.0.0.1:5000", "ftp://127.0.0.1"])
def test_nothing_goes_over_a_line_that_others_read(endpoint: str, state: State) -> None:
    provider = Aws(state, Workspace(provider="aws", endpoint=endpoint, regions=(REGION,)))
    with pytest.raises(ConfigError, match="not an address for AWS"):
        provider.machines()


def test_an_answer_of_something_before_aws() -> None:
    response = {"Error": {"Code": "502", "Message": "<html>bad gateway</html>"}}
    error = cloud_error(ClientError(response, "RunInstances"), "cannot make `gpu1`")
    assert error.message == "cannot make `gpu1`: AWS is not available at the moment (`502`)"
