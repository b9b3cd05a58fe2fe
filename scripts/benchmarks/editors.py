"""`ez env open --ide web` and `--ide jupyter` until their address is there: first of all, started anew, and again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from scripts.benchmarks._measure import Row, duration, headline, table
from scripts.benchmarks._person import EZ, Person, person, repository
from tests.testbed import Testbed

NAMES = ("bench-one", "bench-two")


def main() -> None:
    testbed = Testbed.up()
    with testbed.lend("ready") as computer, testbed.agent(client_key=True) as agent, person(**agent.environment) as one:
        known = one.home / ".ssh/known_hosts"
        known.write_text(computer.known_hosts.read_text())
        one.ssh_config.write_text(f"UserKnownHostsFile {known}\n")
        one.run(EZ, "compute", "add", "box", f"{computer.user}@{computer.host}:{computer.port}")
        with _environments(one):
            _measure(one)


@contextmanager
def _environments(one: Person) -> Iterator[None]:
    tree = repository(one.home / "work")
    for name in NAMES:
        one.run(EZ, "env", "go", str(tree), "-c", "box", "--name", name, "--ide", "none", "--yes")
    try:
        yield
    finally:
        for name in NAMES:
            one.run(EZ, "env", "delete", name, "--work-tree", "--force", "--yes")


def _measure(one: Person) -> None:
    headline("ez env open until the address is there, on a `ready` computer; once each")
    rows: list[Row] = []
    for kind in ("web", "jupyter"):
        ends = f"kill $(cat .local/share/ez/{kind}/pid)"
        for title, name, before in (
            ("installed for the first time", NAMES[0], "true"),
            ("in a second environment there", NAMES[1], "true"),
            ("started anew, by a gate that is there", NAMES[0], ends),
            ("all of it is there", NAMES[0], "true"),
        ):
            one.run("ssh", "-F", str(one.ssh_config), f"{name}.ez", before)
            seconds = one.seconds(EZ, "env", "open", name, "--ide", kind, "--no-open")
            rows.append((f"{kind}: {title}", duration(seconds), ""))
    used = one.run("ssh", "-F", str(one.ssh_config), f"{NAMES[0]}.ez", "du -sm /etc/ez/env/web | cut -f 1").strip()
    rows.append(("web: on the disk, for each environment", f"{used} MB", ""))
    table(rows, ("what", "time", ""))


if __name__ == "__main__":
    main()
