"""Containers to enter, and this computer's engines."""

from tests.build.buildkit.conftest import every_engine as every_engine
from tests.build.buildkit.conftest import sockets as sockets
from tests.build.image.conftest import enter as enter
