"""What volumes and caches of an environment were when two computers had the same."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Notes:
    """Of one environment, below ez's own directory at home: per volume or cache, what each computer's was, by name."""

    state: Path
    environment: str

    def read(self, name: str) -> dict[str, str]:
        try:
            found = json.loads(self._file(name).read_text())
            return {str(host): str(mark) for host, mark in found.items()}
        except (OSError, ValueError, AttributeError):
            return {}

    def write(self, name: str, marks: dict[str, str]) -> None:
        file, all_marks = self._file(name), {**self.read(name), **marks}
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = file.with_name(f".{file.name}.new")
        fresh.write_text(json.dumps(all_marks))
        fresh.replace(file)

    def _file(self, name: str) -> Path:
        mark = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        return self.state / "data" / self.environment / f"{mark}.json"
