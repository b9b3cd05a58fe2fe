"""The index of computers, machines of clouds and environments: one SQLite file, rebuildable from the truth outside.

Any number of ez processes may use it at once. It never holds a secret: endpoints name key files, not keys.
A file that cannot be read is a StateError with a way out, and is never taken for an empty index.
"""

from ez.state.index import State
from ez.state.records import EnvironmentRecord, MachineRecord, Phase, PowerChange, Refusal
from ez.state.schema import REBUILD_COMMAND, SCHEMA_VERSION, WAIT_SECONDS

__all__ = [
    "REBUILD_COMMAND",
    "SCHEMA_VERSION",
    "WAIT_SECONDS",
    "EnvironmentRecord",
    "MachineRecord",
    "Phase",
    "PowerChange",
    "Refusal",
    "State",
]
