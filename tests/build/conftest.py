"""Engines for this room's own tests, as those of the client have them."""

from tests.build.buildkit.conftest import local, sockets

__all__ = ["local", "sockets"]
