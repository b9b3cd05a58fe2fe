"""A connection that is kept: what it costs while nobody uses it, what it adds to the agent, how soon it is back.

The computer is behind a relay 50 ms away. `ssh-add -l` runs inside, over the one socket of the environment and over the
socket of an SSH session that forwards the agent by itself.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmarks._measure import Row, Timing, duration, headline, table, timed
from scripts.benchmarks._person import EZ, Person, person, repository
from tests.testbed import Relay, Testbed

NAME = "bench-link"
BUILD = """\
# syntax=v1

def build():
    base(image="ubuntu:22.04", dev=True)
"""
QUIET_SECONDS = 60
TIMES = 20
LIST = f"for turn in $(seq {TIMES}); do ssh-add -l >/dev/null || exit 1; done"


@dataclass(frozen=True)
class World:
    person: Person
    relay: Relay

    def ssh(self, command: str, *options: str) -> str:
        return self.person.run("ssh", "-F", str(self.person.ssh_config), *options, f"{NAME}.ez", command)

    def shown(self) -> dict[str, int]:
        found: dict[str, int] = json.loads(self.person.run(EZ, "env", "link", "show", NAME, "--json"))
        return found

    def processes(self) -> list[int]:
        """The keeper and its `ssh`."""
        keeper = self.shown()["pid"]
        children = Path(f"/proc/{keeper}/task/{keeper}/children").read_text().split()
        return [keeper, *map(int, children)]

    def listing(self, socket: str, *options: str) -> Timing:
        """Seconds that one list takes, in each of three rounds."""
        command = f"export SSH_AUTH_SOCK={socket}; began=$(date +%s%N); {LIST}; echo $(($(date +%s%N) - began))"
        return Timing(tuple(int(self.ssh(command, *options)) / 1e9 / TIMES for _ in range(3)))

    def back_after_a_cut(self) -> float:
        times = self.shown()["connections"]
        self.relay.cut()
        self.relay.restore()

        def until() -> None:
            while (shown := self.shown())["connections"] == times or not shown["connected"]:
                time.sleep(0.05)

        return timed(until)

    def after_a_sleep(self) -> float:
        """A list of keys inside, after a minute in which this computer's part did nothing."""
        processes = self.processes()
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        time.sleep(QUIET_SECONDS)
        for process in reversed(processes):
            os.kill(process, signal.SIGCONT)
        return timed(lambda: self.ssh("SSH_AUTH_SOCK=/run/ez/agent.sock ssh-add -l", "-o", "ForwardAgent=no"))


def main() -> None:
    testbed = Testbed.up()
    with (
        testbed.lend("ready") as computer,
        testbed.agent(client_key=True) as agent,
        Relay((computer.host, computer.port), latency=0.025) as relay,
        person(SSH_AUTH_SOCK=str(agent.socket)) as one,
    ):
        known = one.home / ".ssh" / "known_hosts"
        known.write_text(f"[{relay.host}]:{relay.port} {computer.host_key}\n")
        one.ssh_config.write_text(f"UserKnownHostsFile {known}\n")
        one.run(EZ, "compute", "add", "far", f"{computer.user}@{relay.address}")
        folder = repository(one.home / NAME)
        (folder / "build.envd").write_text(BUILD)
        one.run(EZ, "env", "go", str(folder), "-c", "far", "--name", NAME, "--no-open")
        one.run(EZ, "env", "link", "start", NAME)
        headline("link: a connection that is kept, to a computer 50 ms away")
        try:
            table(_rows(World(one, relay)), ("what", "found", ""))
        finally:
            one.run(EZ, "env", "delete", NAME, "-c", "far", "--work-tree", "--force", "--yes")


def _rows(world: World) -> list[Row]:
    one = world.listing("/run/ez/agent.sock", "-o", "ForwardAgent=no", "-o", "ControlPath=none")
    own = world.listing("$(ls -t /tmp/ssh-*/agent.* | head -n 1)", "-A", "-o", "ControlPath=none")
    # A connection that commands above have left would count; that to the computer carries the one that is kept.
    ended = ["ssh", "-F", str(world.person.ssh_config), "-O", "exit", f"{NAME}.ez"]
    subprocess.run(ended, capture_output=True, check=False)
    before = _used(world.processes())
    world.relay.reset_counters()
    time.sleep(QUIET_SECONDS)
    carried = world.relay.bytes_to_client + world.relay.bytes_to_server
    spent = _used(world.processes()) - before
    memory = ", ".join(f"{_memory(process)} MB" for process in world.processes()[:2])
    awoken = world.after_a_sleep()
    cut = Timing(tuple(world.back_after_a_cut() for _ in range(3)))
    return [
        ("idle: bytes a minute, both ways", str(carried), ""),
        ("idle: processor time a minute", duration(spent), ""),
        ("memory of the keeper, of its ssh", memory, ""),
        ("list of keys, over the one socket", str(one), ""),
        ("list of keys, over a session's own", str(own), ""),
        ("back after the link was cut", str(cut), ""),
        ("a list of keys after a minute's sleep", duration(awoken), ""),
    ]


def _used(processes: list[int]) -> float:
    """Processor seconds so far."""
    fields = [Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split() for process in processes]
    return sum(int(field[11]) + int(field[12]) for field in fields) / os.sysconf("SC_CLK_TCK")


def _memory(process: int) -> int:
    return int(Path(f"/proc/{process}/status").read_text().partition("VmRSS:")[2].split()[0]) // 1024


if __name__ == "__main__":
    main()
