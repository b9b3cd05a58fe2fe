"""Settings, resolved once: flags > environment > own file of the workspace > project file > user file > default.

The user file is `config.toml` in ez's configuration directory, the project file is `ez.toml` at the top of the
repo. Both have the same keys, listed in `KEYS`; an unknown key is an error that names the file. A project file
may not set the keys in `PERSONAL`, because a hostile repo could otherwise choose where downloads and images come
from and where they go to, or take the SSH agent that a person keeps from it. Its tables `[workspace]`, which says where
machines are made and who pays, and `[shares]` count only once the person has accepted them: see `ez.config.workspaces`.
"""

from ez.config.directories import Directories, find_directories
from ez.config.files import check_value, read_file, write_value, write_values
from ez.config.keys import KEYS, PERSONAL, PROJECT_FILE, TOOLS, Key, key_of
from ez.config.settings import Settings, project_at, resolve
from ez.config.workspaces import RepoWorkspace, accept, is_kept, own_file, own_workspaces

__all__ = [
    "KEYS",
    "PERSONAL",
    "PROJECT_FILE",
    "TOOLS",
    "Directories",
    "Key",
    "RepoWorkspace",
    "Settings",
    "accept",
    "check_value",
    "find_directories",
    "is_kept",
    "key_of",
    "own_file",
    "own_workspaces",
    "project_at",
    "read_file",
    "resolve",
    "write_value",
    "write_values",
]
