"""A world of real machines on one Debian machine: see README.md beside this file."""

from .agent import Agent, agent
from .computers import TestComputer
from .git_server import GitServer
from .hardware import Hardware
from .registry import Registry
from .relay import Relay
from .shell import TestbedError
from .testbed import Status, Testbed
from .world import World

__all__ = [
    "Agent",
    "GitServer",
    "Hardware",
    "Registry",
    "Relay",
    "Status",
    "TestComputer",
    "Testbed",
    "TestbedError",
    "World",
    "agent",
]
