"""moto's server with what it lacks for these tests: python -m tests.emulators.aws.server HOST PORT

Canonical's public parameters name the images of `images.json`, `RunInstances` heeds its client token, and there is a
price list.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

import moto.server
from moto.core.utils import utcnow
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.instances import InstanceBackend
from moto.ssm.models import Parameter, ParameterDict

from tests.emulators.aws.prices import answers_prices

CANONICAL = "/aws/service/canonical/ubuntu/server/24.04/stable/current/{}/hvm/ebs-gp3/ami-id"
PARAMETERS = {CANONICAL.format("amd64"): "ami-0e2a0000000000001", CANONICAL.format("arm64"): "ami-0e2a0000000000002"}
NO_TOKEN = "ABCDE"
"""What moto takes for the token where none is given."""

_COMPARED = ("instance_type", "image_id", "user_data")


def load_public_parameters() -> None:
    parameters: Any = ParameterDict
    plain = parameters._check_loading_status

    def check(self: Any, key: str) -> None:
        plain(self, key)
        value = PARAMETERS.get(key)
        if value and not dict.__contains__(self, key):
            kind: Any = Parameter
            made = kind(self.account_id, key, value, "String", None, None, None, utcnow(), 1, "text")
            dict.__setitem__(self, key, [made])

    parameters._check_loading_status = check


def heed_client_tokens() -> None:
    """The same token gives the same machine, and an error where anything else is asked with it."""
    backend: Any = InstanceBackend
    plain, one_by_one = backend.run_instances, threading.Lock()

    def run(self: Any, image_id: str, count: int, user_data: Any, groups: list[str], **kwargs: Any) -> Any:
        token = kwargs["client_token"]
        asked = {"instance_type": kwargs["instance_type"], "image_id": image_id, "user_data": user_data}
        with one_by_one:
            for reservation in self.reservations.values():
                for made in reservation.instances:
                    if token not in (NO_TOKEN, None) and made.client_token == token:
                        if any(getattr(made, name) != asked[name] for name in _COMPARED):
                            raise EC2ClientError("IdempotentParameterMismatch", "Arguments on this request differ")
                        return reservation
            return plain(self, image_id, count, user_data, groups, **kwargs)

    backend.run_instances = run


def tell_prices() -> None:
    served: Any = moto.server
    served.DomainDispatcherApplication = answers_prices(served.DomainDispatcherApplication)


if __name__ == "__main__":
    load_public_parameters()
    heed_client_tokens()
    tell_prices()
    moto.server.main(["-H", sys.argv[1], "-p", sys.argv[2]])
