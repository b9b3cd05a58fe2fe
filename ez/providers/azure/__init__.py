"""Machines of Azure, through its SDKs, which are imported when something is asked of the cloud."""

from ez.providers.azure.provider import Azure

__all__ = ["Azure"]
