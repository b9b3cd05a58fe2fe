"""The team's registry: what the first computer builds, a second one finds, or builds without running a step.

Computers that have built nothing. The second finds the finished image, which another one pulls without ez, so that it
can be seen what finding takes; the third may read the cache alone.
"""

from __future__ import annotations

import json
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from scripts.benchmarks._measure import Row, against, duration, headline, table, timed
from scripts.benchmarks._person import EZ, Person, person, repository
from tests.testbed import Testbed
from tests.testbed.shell import wait_until

NAME = "bench-share"
COMPUTERS = ("first", "second", "third")
SECONDS_TO_GIVE = 180
BUDGET = 1.0
"""Seconds to find the image, without pulling it."""


def main() -> None:
    testbed = Testbed.up()
    team = f"{testbed.registry.address}/ez-bench/{uuid.uuid4().hex}"
    with _team(testbed, team) as somebody:
        place = repository(somebody.home / NAME)
        headline("the team's registry: `ez env go` of examples/hello on computers that have built nothing")
        rows = [_row("first, builds", _go(somebody, place, "first"), somebody)]
        started = time.perf_counter()
        wait_until(lambda: _given(somebody), "the build is given to the team", timeout=SECONDS_TO_GIVE)
        rows.append(("given to the team, in the background", duration(time.perf_counter() - started), ""))
        rows.append(_row("second, finds the image", _go(somebody, place, "second"), somebody))
        found, pulled = somebody.steps()["build"], _pull(testbed, team)
        rows.append(("the same image by `docker pull`, on another", "", duration(pulled)))
        rows.append(("finding it: the difference", against(BUDGET, found - pulled), duration(found - pulled)))
        _change_image_only(place)
        rows.append(_row("third, reads the cache", _go(somebody, place, "third"), somebody))
        table(rows, ("computer", "ran, cached, pulled", "build step"))


@contextmanager
def _team(testbed: Testbed, name: str) -> Iterator[Person]:
    """Somebody who knows three computers and gives builds to the name, which is new."""
    with ExitStack() as stack:
        agent = stack.enter_context(testbed.agent(client_key=True))
        somebody = stack.enter_context(person(**agent.environment))
        known_hosts = somebody.home / ".ssh/known_hosts"
        somebody.ssh_config.write_text(f"UserKnownHostsFile {known_hosts}\n")
        for known in COMPUTERS:
            computer = stack.enter_context(testbed.lend("ready"))
            with known_hosts.open("a") as file:
                file.write(f"{computer.host} {computer.host_key}\n")
            somebody.run(EZ, "compute", "add", known, f"{computer.user}@{computer.host}")
        somebody.run(EZ, "config", "set", "cache.registry", name)
        yield somebody


def _go(somebody: Person, place: Path, computer: str) -> dict[str, Any]:
    command = (EZ, "env", "go", str(place), "--compute", computer, "--no-open", "--yes", "--json")
    return dict(json.loads(somebody.run(*command)))


def _pull(testbed: Testbed, team: str) -> float:
    """Seconds that a computer without ez takes for the finished image."""
    host, _, repository = team.partition("/")
    with urllib.request.urlopen(
        f"http://{testbed.registry.host_address}/v2/{repository}/tags/list", timeout=20
    ) as reply:
        (tag,) = (tag for tag in json.load(reply)["tags"] if tag.startswith("env-"))
    with testbed.lend("ready") as computer:
        return timed(lambda: computer.exec(f"docker pull -q {host}/{repository}:{tag}"))


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
