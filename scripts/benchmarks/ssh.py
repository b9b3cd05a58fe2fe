"""`ez env go` to computers over SSH: cold by step, warm with its round trips, and entering the environment.

The repo comes from a Git server that lets in the person's agent only. A relay puts the computer 50 ms away; what is
warm is measured without that distance too. A fresh computer downloads packages and wheels itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ez.models import SshEndpoint
from ez.ssh.connect import open_host
from scripts.benchmarks._measure import Row, Timing, against, duration, headline, table, timed
from scripts.benchmarks._person import EZ, REPOSITORY, Person, person
from tests.testbed import Agent, Relay, Testbed, TestComputer

NAME = "bench-ssh"
ROUNDS = 7
LATENCY = 0.025
"""Seconds one way."""

WARM_BUDGET = 3.0
ROUND_TRIP_BUDGET = 8
ENTER_BUDGET = 0.3


@dataclass(frozen=True)
class World:
    """A computer behind a relay, known to a person as `box`."""

    somebody: Person
    agent: Agent
    computer: TestComputer
    relay: Relay
    url: str

    def go(self, *, keep: bool = True) -> float:
        """Seconds of `ez env go`; without `keep` the environment's connection is not kept."""
        somebody = self.somebody if keep else replace(self.somebody, environment=self._alone)
        return somebody.seconds(EZ, "env", "go", self.url, "--compute", "box", "--no-open", "--yes")

    def end_kept(self) -> None:
        """End the connection that is kept to the environment, if there is one."""
        self.somebody.run(EZ, "env", "link", "stop", NAME)

    @property
    def _alone(self) -> Mapping[str, str]:
        return {**self.somebody.environment, "EZ_LINK": "0"}

    def enter(self) -> float:
        return self.somebody.seconds("ssh", "-F", str(self.somebody.ssh_config), f"{NAME}.ez", "true")

    def leave(self) -> None:
        """End the connection that OpenSSH keeps open to the computer, where there is one."""
        command = ("ssh", "-F", str(self.somebody.ssh_config), "-O", "exit", "ez-box")
        self.somebody.run("sh", "-c", 'exec 2>/dev/null; "$@" || true', "sh", *command)


def main() -> None:
    testbed = Testbed.up()
    url = testbed.git_server.create(NAME, REPOSITORY / "examples/hello")
    try:
        for variant in ("ready", "bare"):
            with _world(testbed, url, variant) as world:
                _measure(world, variant)
    finally:
        testbed.git_server.remove(NAME)


@contextmanager
def _world(testbed: Testbed, url: str, variant: str) -> Iterator[World]:
    with (
        testbed.lend(variant) as computer,
        testbed.agent(client_key=True) as agent,
        person(**agent.environment) as somebody,
        Relay((computer.host, computer.port), latency=LATENCY) as relay,
    ):
        known_hosts = somebody.home / ".ssh/known_hosts"
        place = f"[{relay.host}]:{relay.port}"
        known_hosts.write_text(f"{place} {computer.host_key}\n{testbed.git_server.known_hosts}")
        somebody.ssh_config.write_text(f"UserKnownHostsFile {known_hosts}\n")
        somebody.run(EZ, "compute", "add", "box", f"{computer.user}@{relay.host}:{relay.port}")
        world = World(somebody, agent, computer, relay, url)
        try:
            yield world
        finally:
            world.end_kept()
            world.leave()


def _measure(world: World, variant: str) -> None:
    headline(f"`ez env go` to a `{variant}` computer, {duration(LATENCY * 2)} away, {ROUNDS} rounds")
    rows: list[Row] = [("cold", duration(world.go()), "")]
    cold = world.somebody.steps()
    kept, _ = _warm(world, keep=True)
    world.end_kept()
    warm, trips = _warm(world, keep=False)
    steps = world.somebody.steps()
    login, login_trips = _login(world)
    rows += [("warm", str(warm), against(WARM_BUDGET, warm.median))]
    rows += [
        ("warm, and its kept connection anew", str(kept), against(WARM_BUDGET, kept.median)),
        ("SSH handshake and login alone", str(login), ""),
    ]
    rows += _entering(world)
    world.relay.latency = 0.0
    rows += [(f"{name}, nothing away", found, verdict) for name, found, verdict in _near(world)]
    table(rows)
    print("\ncold by step: " + _by_step(cold))
    print("warm by step: " + _by_step(steps))
    print("warm by step, nothing away: " + _by_step(world.somebody.steps()))
    rest = trips - login_trips
    verdict = "kept" if rest <= ROUND_TRIP_BUDGET else "MISSED"
    print(f"sequential round trips of a warm run: {trips}, of which handshake and login {login_trips}, ", end="")
    print(f"rest {rest} (budget {ROUND_TRIP_BUDGET}: {verdict})")


def _near(world: World) -> list[Row]:
    warm, _ = _warm(world, keep=False)
    return [("warm", str(warm), ""), *_entering(world)]


def _warm(world: World, *, keep: bool) -> tuple[Timing, int]:
    """Times, and the most sequential round trips of a run: where a connection is kept, with those of its own, since it
    went through what `leave` has ended."""
    seconds, trips = [], []
    for _ in range(ROUNDS):
        world.leave()
        world.relay.reset_counters()
        seconds.append(world.go(keep=keep))
        trips.append(world.relay.round_trips)
    return Timing(tuple(seconds)), max(trips)


def _login(world: World) -> tuple[Timing, int]:
    seconds, trips = [], []
    endpoint = SshEndpoint(world.relay.host, world.relay.port, world.computer.user, None, (world.computer.host_key,))
    environment: Mapping[str, str] = world.somebody.environment

    def connect() -> None:
        open_host(
            "box",
            endpoint,
            environment=environment,
            home=world.somebody.home,
            agent_socket=Path(world.agent.socket),
            config_file=world.somebody.ssh_config,
        ).close()

    for _ in range(ROUNDS):
        world.relay.reset_counters()
        seconds.append(timed(connect))
        trips.append(world.relay.round_trips)
    return Timing(tuple(seconds)), max(trips)


def _entering(world: World) -> list[Row]:
    world.leave()
    first = world.enter()
    again = Timing(tuple(world.enter() for _ in range(ROUNDS)))
    budget = ENTER_BUDGET + world.relay.latency * 2
    return [
        (f"ssh {NAME}.ez true, first", duration(first), ""),
        (f"ssh {NAME}.ez true, again", str(again), against(budget, again.median)),
    ]


def _by_step(steps: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {duration(seconds)}" for name, seconds in steps.items())


if __name__ == "__main__":
    main()
