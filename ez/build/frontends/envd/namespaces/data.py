"""`data.*`"""

from __future__ import annotations

from ez.build.frontends.envd.namespaces.later import later

BUILTINS = (later("data.envd"),)

CONSTANTS = {
    "data.path.huggingface": "~/.cache/huggingface",
    "data.path.dgl": "~/.dgl",
}
