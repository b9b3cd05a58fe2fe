"""What every test has: a home of its own; and the machines that the tests of a session share."""

import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.emulators.azure import Computers, Emulator
from tests.testbed import Agent, GitServer, Testbed, TestComputer

# Settings of the person who runs the tests; those of the testbed itself stay.
PERSONAL = ("EZ_", "XDG_", "SSH_", "GIT_CONFIG_", "DOCKER_")
KEPT = ("EZ_TESTBED_", "EZ_ENGINE_", "EZ_BASE_IMAGE_")


# A suite that a shell started in its background ignores Ctrl-C, and so would all that its tests start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home directory, and an environment without this person's settings or agent.

    Its path is short, since a unix socket's may have 107 bytes. OpenSSH's own programs do not look at HOME: give
    them a configuration with `-F`.
    """
    for name in list(os.environ):
        if name.startswith(PERSONAL) and not name.startswith(KEPT):
            monkeypatch.delenv(name)
    with tempfile.TemporaryDirectory(prefix="ez-home-") as folder:
        monkeypatch.setenv("HOME", folder)
        yield Path(folder)


@pytest.fixture(scope="session")
def testbed() -> Testbed:
    """The testbed, brought up where it is not. It stays up after the session unless EZ_TESTBED_DOWN is 1."""
    return Testbed.up()


@pytest.fixture(scope="session")
def engine(testbed: Testbed) -> Path:
    """The socket of this computer's Docker Engine; it has `ubuntu:22.04` and `debian:12`, or finds them."""
    return Path("/var/run/docker.sock")


@pytest.fixture(scope="session")
def git_server(testbed: Testbed) -> GitServer:
    return testbed.git_server


@pytest.fixture
def agent(testbed: Testbed, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    """The person's SSH agent, announced in SSH_AUTH_SOCK, with the keys for the Git server and the computers."""
    with testbed.agent(client_key=True) as started:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(started.socket))
        yield started


@pytest.fixture(scope="session")
def bare(testbed: Testbed) -> Iterator[TestComputer]:
    """A computer without an engine, shared by the session: a test that changes it takes one from `computers`."""
    with testbed.lend("bare") as computer:
        yield computer


@pytest.fixture(scope="session")
def ready(testbed: Testbed) -> Iterator[TestComputer]:
    """A computer with an engine and the containerd image store, shared: each test takes names of its own on it."""
    with testbed.lend("ready") as computer:
        yield computer


@pytest.fixture(scope="session")
def ready_graph(testbed: Testbed) -> Iterator[TestComputer]:
    """As `ready`, with the engine's older image store."""
    with testbed.lend("ready-graph") as computer:
        yield computer


@pytest.fixture(scope="session")
def ready_28(testbed: Testbed) -> Iterator[TestComputer]:
    """As `ready`, with the newest Docker Engine that Debian has."""
    with testbed.lend("ready-28") as computer:
        yield computer


@pytest.fixture(scope="session")
def ready_28_graph(testbed: Testbed) -> Iterator[TestComputer]:
    """As `ready_graph`, with the newest Docker Engine that Debian has."""
    with testbed.lend("ready-28-graph") as computer:
        yield computer


@pytest.fixture
def azure() -> Iterator[Emulator]:
    """A cloud of the test's own, empty, whose time moves with the calls made; its machines have no computers."""
    with Emulator() as emulator:
        yield emulator
    assert emulator.cloud.crashes == []


@pytest.fixture
def azure_computers(testbed: Testbed) -> Iterator[Emulator]:
    """The same with machines that are computers of the testbed."""
    with Emulator(computers=Computers(testbed)) as emulator:
        yield emulator
    assert emulator.cloud.crashes == []


@pytest.fixture
def computers(testbed: Testbed) -> Iterator[Callable[..., TestComputer]]:
    """Makes computers that are destroyed after the test; takes the arguments of `Testbed.computer`."""
    with ExitStack() as stack:

        def make(variant: str = "bare", **options: Any) -> TestComputer:
            return stack.enter_context(testbed.lend(variant, **options))

        yield make


# Tests on computers of their own, beside those of this computer's engine: two queues of about one length.
ON_COMPUTERS = (
    "compute/",
    "ssh/",
    "testbed/",
    "env/source/",
    "integration/test_cards.py",
    "integration/test_kernel_shares.py",
    "integration/test_link.py",
    "integration/test_quickstart.py",
    "integration/test_shares.py",
    "integration/test_shells.py",
)


def pytest_make_parametrize_id(val: object) -> str | None:
    """Archives are no names: they differ by the second in which each worker has made them."""
    return "bytes" if isinstance(val, bytes) and len(val) > 100 else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that asks for a machine is marked so, for `scripts/test --fast`, and waits for its turn in a queue."""
    for item in items:
        if "testbed" in getattr(item, "fixturenames", ()):
            item.add_marker("testbed")
        if item.get_closest_marker("testbed") or item.get_closest_marker("engine"):
            on_computers = item.path.relative_to(Path(__file__).parent).as_posix().startswith(ON_COMPUTERS)
            item.add_marker(pytest.mark.xdist_group("computers" if on_computers else "engine"))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Queues that are none would have tests take each other's machines away."""
    if getattr(session.config.option, "loadgroup", False):
        alone = [item for item in session.items if item.get_closest_marker("xdist_group") and "@" not in item.nodeid]
        if alone:
            pytest.exit(
                f"pytest-xdist has put {len(alone)} tests into no group, `{alone[0].nodeid}` for one: see pytest's "
                "version in pyproject.toml",
                pytest.ExitCode.USAGE_ERROR,
            )


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Whatever did not really run fails the session: a skipped test says nothing about the product."""
    if hasattr(session.config, "workerinput"):
        return
    reporter: Any = session.config.pluginmanager.get_plugin("terminalreporter")
    if any(reporter.stats.get(outcome) for outcome in ("skipped", "xfailed", "xpassed")):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    if os.environ.get("EZ_TESTBED_DOWN") == "1":
        Testbed.down()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    count = len(terminalreporter.stats.get("skipped", ()))
    if count:
        terminalreporter.write_line(f"error: {count} skipped: in this project that is a failure", red=True)
