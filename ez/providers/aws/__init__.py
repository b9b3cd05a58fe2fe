"""Machines of AWS, through boto3, which is imported when something is asked of the cloud."""

from ez.providers.aws.provider import Aws

__all__ = ["Aws"]
