"""An emulator of Azure Resource Manager, as a real HTTP server: see README.md."""

from .computers import Computers
from .emulator import Emulator

__all__ = ["Computers", "Emulator"]
