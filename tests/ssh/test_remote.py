"""Commands, files and streams over a real sshd."""

from __future__ import annotations

import hashlib
import io
import secrets
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ez.errors import CommandError, HostError
from ez.events import CommandRun, Event
from ez.ssh.host import Host
from ez.ssh.streams import CHUNK
from tests.ssh.conftest import Sshd
from tests.testbed import Relay
from tests.testbed.shell import wait_until

Connect = Callable[..., Host]


@pytest.fixture
def nap() -> str:
    """Seconds for a sleep that nobody else sleeps."""
    return str(secrets.randbelow(10**9) + 10**6)


def running(nap: str) -> bool:
    return subprocess.run(["pgrep", "-fx", f"sleep {nap}"], capture_output=True, check=False).returncode == 0


@pytest.fixture
def box(server: Sshd, connect: Connect) -> Host:
    return connect(server.endpoint)


def test_a_command_gives_its_result(box: Host) -> None:
    result = box.run(["sh", "-c", 'printf "%s|" "$PWD" "$@"; echo oops >&2', "x", "a b", "$(id)", "it's", "\\n", ""])
    assert result.text == "/root|a b|$(id)|it's|\\n||"
    assert (result.stderr, result.exit_code, result.host) == (b"oops\n", 0, "box")
    assert not box.is_local


def test_a_failed_command_carries_its_result_and_is_told_to_the_sink(server: Sshd, connect: Connect) -> None:
    events: list[Event] = []
    box = connect(server.endpoint, sink=events.append)
    with pytest.raises(CommandError, match="exit code 3") as caught:
        box.script("#!/bin/sh\n# look around\necho no such luck >&2; exit 3", ["here it is"], input=b"secret")
    assert caught.value.result.last_lines() == ["no such luck"]
    (event,) = events
    assert isinstance(event, CommandRun)
    assert (event.command, event.exit_code, event.last_lines) == ("[look around] 'here it is'", 3, ("no such luck",))
    assert box.run(["false"], check=False).exit_code == 1


def test_lines_come_while_the_command_runs(box: Host) -> None:
    """The command waits for what its first line makes happen."""
    lines: list[str] = []

    def on_line(line: str) -> None:
        lines.append(line)
        if line == "first":
            box.run(["touch", "/tmp/ez-test-go-on"])

    script = "echo first; until rm /tmp/ez-test-go-on 2>/dev/null; do sleep 0.05; done; printf 'tail' >&2"
    box.script(script, on_line=on_line, timeout=60)
    assert lines == ["first", "tail"]


def test_large_streams_pass_both_ways_at_once(box: Host) -> None:
    block = bytes(range(256)) * 256
    count = 100 * 1024 * 1024 // len(block)
    result = box.run(["tee", "/dev/stderr"], input=(block for _ in range(count)), timeout=240)
    expected = hashlib.sha256(block * count).digest()
    assert hashlib.sha256(result.stdout).digest() == hashlib.sha256(result.stderr).digest() == expected


def test_output_of_any_size_is_poured_out(box: Host) -> None:
    digest, most = hashlib.sha256(), 0

    def take(piece: bytes) -> None:
        nonlocal most
        most = max(most, len(piece))
        digest.update(piece)

    result = box.pour('head -c "$1" /dev/zero; echo oops >&2', ["30000000"], output=take)
    assert (result.stdout, result.stderr) == (b"", b"oops\n")
    assert digest.digest() == hashlib.sha256(b"\0" * 30_000_000).digest()
    assert most <= CHUNK
    with pytest.raises(CommandError):
        box.pour("echo half; exit 3", output=take)


def test_who_takes_output_may_end_the_command(box: Host, nap: str) -> None:
    def full(piece: bytes) -> None:
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        box.pour('echo one; sleep "$1"', [nap], output=full)
    wait_until(lambda: not running(nap), "sleep is gone", 20)


def test_input_may_be_a_file_and_need_not_be_read(box: Host) -> None:
    assert box.run(["wc", "-c"], input=io.BytesIO(b"x" * 1_000_000)).text.strip() == "1000000"
    assert box.run(["true"], input=b"x" * 50_000_000).exit_code == 0


def test_input_that_breaks_off_is_the_callers_error(box: Host) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise RuntimeError("disk gone")

    with pytest.raises(RuntimeError, match="disk gone"):
        box.script("cat; sleep 100", input=broken())


def test_a_command_that_takes_too_long_is_ended_with_its_children(box: Host, nap: str) -> None:
    with pytest.raises(HostError, match="longer than 1 s"):
        box.script('trap "" TERM; sleep "$1" & wait; sleep "$1"', [nap], timeout=1)
    wait_until(lambda: not running(nap), "sleep is gone", 20)


def test_a_time_limit_holds_where_nothing_can_be_ended(
    start_sshd: Callable[..., Sshd], connect: Connect, nap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a home directory on a file server that hangs: whatever is started there never comes back."""
    monkeypatch.setattr("ez.ssh.remote._ENDING", 1.0)
    box = connect(start_sshd(options=f"ForceCommand exec sleep {nap}").endpoint)
    before = threading.active_count()
    with pytest.raises(HostError, match="longer than 1 s"):
        box.run(["true"], timeout=1)
    wait_until(lambda: threading.active_count() <= before, "nobody waits any more", 20)
    subprocess.run(["pkill", "-fx", f"sleep {nap}"], check=False)


@pytest.mark.parametrize("stream", ["1", "2"])
def test_a_flood_does_not_fill_the_memory(box: Host, stream: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ez.ssh.streams.MOST_OUTPUT", 2 << 20)
    with pytest.raises(HostError, match="more than 2 MiB"):
        box.script('exec cat /dev/zero >&"$1"', [stream], timeout=60)


def test_a_signal_is_not_a_lost_link(box: Host) -> None:
    assert box.script("kill -KILL $$", check=False).exit_code >= 128


def test_put_and_get(box: Host, tmp_path: Path) -> None:
    data = bytes(range(256)) * 1000
    target = tmp_path / "new dir" / "it's -x"
    box.put(data, str(target), 0o640)
    assert target.read_bytes() == data
    assert target.stat().st_mode & 0o7777 == 0o640
    assert box.get(str(target)) == data
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    with pytest.raises(CommandError):
        box.get(str(tmp_path / "absent"))
    with pytest.raises(CommandError, match="write a file"):
        box.put(b"", str(target.parent))


def test_put_never_leaves_half_a_file(server: Sshd, connect: Connect, tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("before")
    with Relay(("127.77.0.1", server.port)) as relay:
        box = connect(server.endpoint, relay=relay)
        relay.cut_after(3_000_000)
        with pytest.raises(HostError):
            box.put(b"x" * 20_000_000, str(target))
    wait_until(lambda: not server.sessions(), "the session ends")
    wait_until(lambda: [path.name for path in tmp_path.glob("*ez-put*")] == [], "the temporary file is gone")
    assert target.read_text() == "before"


def test_many_commands_at_once(box: Host) -> None:
    """More than sshd's MaxSessions would be refused, so as many as it allows."""
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda number: box.run(["echo", str(number)]).text.strip(), range(40)))
    assert numbers == [str(number) for number in range(40)]


def test_one_session_at_a_time_is_enough(start_sshd: Callable[..., Sshd], connect: Connect) -> None:
    box = connect(start_sshd(options="MaxSessions 1").endpoint)
    assert [box.run(["echo", str(number)]).text for number in range(3)] == ["0\n", "1\n", "2\n"]


def test_round_trips(server: Sshd, connect: Connect, tmp_path: Path) -> None:
    with Relay(("127.77.0.1", server.port), latency=0.002) as relay:
        box = connect(server.endpoint, relay=relay)
        assert relay.round_trips <= 6
        relay.reset_counters()
        box.run(["true"])
        assert relay.round_trips <= 2
        relay.reset_counters()
        box.put(b"data", str(tmp_path / "file"))
        assert relay.round_trips <= 2
        relay.reset_counters()
        for _ in range(5):
            box.run(["true"])
        assert relay.round_trips <= 5


def test_reconnect_is_a_new_login(server: Sshd, connect: Connect) -> None:
    box = connect(server.endpoint)
    before = box.script("echo $PPID").text
    box.reconnect()
    assert box.script("echo $PPID").text != before


def test_interrupting_ends_the_command(box: Host, nap: str) -> None:
    started = threading.Event()

    def interrupt(line: str) -> None:
        started.set()
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        box.script('echo up; sleep "$1"', [nap], on_line=interrupt)
    assert started.is_set()
    wait_until(lambda: not running(nap), "sleep is gone", 20)
