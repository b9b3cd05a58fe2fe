"""AWS for tests: moto's server, a little more honest."""

from tests.emulators.aws.cloud import ACCOUNT, ARM, INTEL, REGION, AwsCloud, Faults

__all__ = ["ACCOUNT", "ARM", "INTEL", "REGION", "AwsCloud", "Faults"]
