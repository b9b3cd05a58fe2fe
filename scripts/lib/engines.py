"""The page of what each engine gives, made from the cases that the tests execute."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.lib.markdown import MADE, table

CASES = Path(__file__).parents[2] / "tests" / "cases" / "build" / "engines.toml"

_HEAD = """# What each engine gives

Every cell is a test that runs on that engine: Docker 20.10, 26 and 28, with Docker's older image store ("GD", graph
driver) or the containerd image store ("CS"); "buildkitd" is BuildKit 0.13, the one of Docker 26, spoken to as a
standalone buildkitd is. How engines are found and spoken to: [Engines](../concepts/engines.md).
"""
_OTHER_WAYS = """## Another way

Where an engine lacks something and the same result comes about otherwise.
"""
_MISSING = """## Missed

What an engine does not give, and says nothing of.
"""
_REFUSED = """## Refused

What an engine lacks and nothing stands in for is an error before anything runs. The times of files are a warning.
"""


def engines_page() -> str:
    file = tomllib.loads(CASES.read_text())
    rows: list[Mapping[str, Any]] = list(file["rows"].values())
    others = [(row["title"], row["another_way"]) for row in rows if "another_way" in row]
    missing = [(row["title"], row["misses"]) for row in rows if "misses" in row]
    refused = [(row["title"], f"`{_words(row['refused'])}`", row.get("hint", "")) for row in rows if "refused" in row]
    return MADE + "\n".join(
        [
            _HEAD,
            *table(("", *file["columns"]), [(row["title"], *row["cells"]) for row in rows], code=0),
            _OTHER_WAYS,
            *table(("", "what happens"), others, code=0),
            _MISSING,
            *table(("", "what happens"), missing, code=0),
            _REFUSED,
            *table(("", "what ez says", "what to do"), refused, code=0),
        ]
    )


def _words(text: str) -> str:
    """The beginning of a message, as a literal of its own."""
    return text.rstrip(" :`").replace("`", "")
