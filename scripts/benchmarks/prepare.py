"""Machines made ready by `ez compute prepare`, beside `ansible-playbook` doing the same to the same container image.

Fresh machines, and such that are ready already; one, and ten at once. Then what it takes over a link of 50 ms.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial

from ez.compute.facts import facts
from ez.models import SshEndpoint
from ez.ssh.connect import open_host
from scripts.benchmarks._ansible import VERSION, Ansible, ansible
from scripts.benchmarks._measure import Row, Timing, against, duration, headline, interleaved, table, timed
from scripts.benchmarks._person import EZ, Person, person
from tests.testbed import Agent, Relay, Testbed, TestComputer

MANY = 10
COLD_ROUNDS = 2
ROUNDS = 5
LATENCY = 0.025
"""Seconds one way."""

NO_CHANGE_BUDGET = 0.5
"""Seconds beside the latency, the start of ez included."""


def main() -> None:
    testbed = Testbed.up()
    with testbed.agent(client_key=True) as agent, person(**agent.environment) as somebody:
        peer = ansible(somebody)
        _beside_the_peer(testbed, somebody, peer)
        _far_away(testbed, somebody, agent)


def _beside_the_peer(testbed: Testbed, somebody: Person, peer: Ansible) -> None:
    headline(f"`ez compute prepare` beside ansible-playbook {VERSION}: fresh `bare` machines, then nothing to do")
    rows: list[Row] = []
    for count, rounds in ((1, COLD_ROUNDS), (MANY, 1)):
        cold: dict[str, list[float]] = {"ez": [], "ansible": []}
        with ExitStack() as stack:
            # One after the other, since what is compared must not run beside the other.
            for _ in range(rounds):
                ours = stack.enter_context(_fresh(testbed, somebody, count))
                cold["ez"].append(_prepare(somebody, ours))
                theirs = stack.enter_context(_fresh(testbed, somebody, count))
                cold["ansible"].append(peer(theirs))
            again = interleaved(ROUNDS, {"ez": partial(_prepare, somebody, ours), "ansible": partial(peer, theirs)})
        rows += _compared(f"{count} cold", {name: Timing(tuple(found)) for name, found in cold.items()})
        rows += _compared(f"{count}, nothing to do", again)
    table(rows, ("machines", "median (least - most)", "ratio"))


def _far_away(testbed: Testbed, somebody: Person, agent: Agent) -> None:
    headline(f"one machine {duration(LATENCY * 2)} away")
    with (
        testbed.lend("bare") as computer,
        Relay((computer.host, computer.port), latency=LATENCY) as relay,
    ):
        _know(somebody, "far", f"{relay.host}:{relay.port}", f"[{relay.host}]:{relay.port}", computer)
        rows: list[Row] = []
        relay.reset_counters()
        cold = somebody.seconds(EZ, "compute", "prepare", "far")
        rows.append(("fresh", duration(cold), f"{relay.connections} connections, {relay.round_trips} round trips"))
        steps = somebody.steps()
        relay.reset_counters()
        again = somebody.seconds(EZ, "compute", "prepare", "far")
        rows.append(
            (
                "ready, the whole command",
                duration(again),
                f"{relay.connections} connections, {relay.round_trips} round trips",
            )
        )
        rows.append(_facts_alone(relay, computer, somebody, agent))
        table(rows, ("what", "time", "link"))
    print("\nfresh by step: " + ", ".join(f"{name} {duration(seconds)}" for name, seconds in steps.items()))


def _facts_alone(relay: Relay, computer: TestComputer, somebody: Person, agent: Agent) -> Row:
    """What a run in which nothing changes does after the login: one round trip."""
    endpoint = SshEndpoint(relay.host, relay.port, computer.user, str(computer.identity_file), (computer.host_key,))
    host = open_host(
        "far", endpoint, environment=somebody.environment, home=somebody.home, agent_socket=agent.socket,
        config_file=somebody.ssh_config,
    )  # fmt: skip
    try:
        facts(host)
        relay.reset_counters()
        found = Timing(tuple(timed(lambda: facts(host)) for _ in range(ROUNDS)))
        trips = relay.round_trips / ROUNDS
    finally:
        host.close()
    verdict = against(NO_CHANGE_BUDGET + LATENCY * 2, found.median)
    return "ready, after the login", str(found), f"{trips:g} round trips; {verdict}"


@contextmanager
def _fresh(testbed: Testbed, somebody: Person, count: int) -> Iterator[list[TestComputer]]:
    with ExitStack() as stack:
        computers = [stack.enter_context(testbed.lend("bare")) for _ in range(count)]
        for computer in computers:
            _know(somebody, f"box{computer.number}", computer.host, computer.host, computer)
        yield computers


def _know(somebody: Person, name: str, address: str, place: str, computer: TestComputer) -> None:
    """`place` is the address as known_hosts has it."""
    known_hosts = somebody.home / ".ssh/known_hosts"
    lines = known_hosts.read_text().splitlines(keepends=True) if known_hosts.exists() else []
    others = [line for line in lines if not line.startswith(f"{place} ")]
    known_hosts.write_text("".join([*others, f"{place} {computer.host_key}\n"]))
    if not somebody.ssh_config.exists():
        somebody.ssh_config.write_text(f"UserKnownHostsFile {known_hosts}\n")
    known = {one["name"] for one in json.loads(somebody.run(EZ, "compute", "ls", "--json"))}
    if name in known:
        somebody.run(EZ, "compute", "delete", name, "--yes")
    somebody.run(EZ, "compute", "add", name, f"{computer.user}@{address}")


def _prepare(somebody: Person, computers: Sequence[TestComputer]) -> float:
    def one(computer: TestComputer) -> None:
        somebody.run(EZ, "compute", "prepare", f"box{computer.number}")

    def every() -> None:
        with ThreadPoolExecutor(len(computers)) as pool:
            list(pool.map(one, computers))

    return timed(every)


def _compared(title: str, timings: dict[str, Timing]) -> list[Row]:
    ratio = timings["ez"].median / timings["ansible"].median
    return [
        (f"{title}: ez", str(timings["ez"]), f"{ratio:.2f}"),
        (f"{title}: ansible", str(timings["ansible"]), ""),
    ]


if __name__ == "__main__":
    main()
