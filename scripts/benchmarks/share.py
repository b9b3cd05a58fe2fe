"""The team's registry: what the first computer builds, a second one finds, or builds without running a step.

Three computers that have built nothing. The second finds the finished image; the third may read the cache alone.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from scripts.benchmarks._measure import Row, duration, headline, table
from scripts.benchmarks._person import EZ, Person, person, repository
from tests.testbed import Testbed
from tests.testbed.shell import wait_until

NAME = "bench-share"
COMPUTERS = ("first", "second", "third")
SECONDS_TO_GIVE = 180


def main() -> None:
    testbed = Testbed.up()
    with _team(testbed) as somebody:
        place = repository(somebody.home / NAME)
        headline("the team's registry: `ez env go` of examples/hello on computers that have built nothing")
        rows = [_row("first, builds", _go(somebody, place, "first"), somebody)]
        started = time.perf_counter()
        wait_until(lambda: _given(somebody), "the build is given to the team", timeout=SECONDS_TO_GIVE)
        rows.append(("given to the team, in the background", duration(time.perf_counter() - started), ""))
        rows.append(_row("second, finds the image", _go(somebody, place, "second"), somebody))
        _change_image_only(place)
        rows.append(_row("third, reads the cache", _go(somebody, place, "third"), somebody))
        table(rows, ("computer", "ran, cached, pulled", "build step"))


@contextmanager
def _team(testbed: Testbed) -> Iterator[Person]:
    """Somebody who knows three computers, and a name in the registry that is new."""
    with ExitStack() as stack:
        agent = stack.enter_context(testbed.agent(client_key=True))
        somebody = stack.enter_context(person(**agent.environment))
        known_hosts = somebody.home / ".ssh/known_hosts"
        somebody.ssh_config.write_text(f"UserKnownHostsFile {known_hosts}\n")
        for name in COMPUTERS:
            computer = stack.enter_context(testbed.lend("ready"))
            with known_hosts.open("a") as file:
                file.write(f"{computer.host} {computer.host_key}\n")
            somebody.run(EZ, "compute", "add", name, f"{computer.user}@{computer.host}")
        somebody.run(EZ, "config", "set", "cache.registry", f"{testbed.registry.address}/ez-bench/{uuid.uuid4().hex}")
        yield somebody


def _go(somebody: Person, place: Path, computer: str) -> dict[str, Any]:
    command = (EZ, "env", "go", str(place), "--compute", computer, "--no-open", "--yes", "--json")
    return dict(json.loads(somebody.run(*command)))


def _row(title: str, result: dict[str, Any], somebody: Person) -> Row:
    counts = f"{result['executed']}, {result['cached']}, {result['pulled'] / 1e6:.1f} MB"
    return title, counts, duration(somebody.steps()["build"])


def _given(somebody: Person) -> bool:
    return not list((somebody.home / ".local/state/ez/share").glob("*.json"))


def _change_image_only(place: Path) -> None:
    """Another definition with the same steps: there is no finished image of it."""
    with (place / "build.envd").open("a") as file:
        file.write("    runtime.expose(envd_port=8123, service='added')\n")


if __name__ == "__main__":
    main()
