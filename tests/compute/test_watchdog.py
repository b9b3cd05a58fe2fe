"""A machine that rests when nobody works there: what counts as work, the warning, what stops."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from ez.compute.facts import facts
from ez.compute.idle import keep_awake, why
from ez.compute.need import DEALLOCATE, POWER_OFF, SUSPEND, IdleNeed, Need
from ez.compute.prepare import prepare
from ez.env.migrate.keeper import have_keeper
from ez.ssh.host import Host
from tests.compute.test_prepare import Events, login
from tests.testbed import TestComputer
from tests.testbed.shell import wait_until

pytestmark = pytest.mark.testbed

WATCH = "sh /usr/local/lib/ez/watchdog"
PROCESSOR = "echo cpu {} 0 0 {} 0 0 >/root/stat"
"""What /proc/stat says; the real one is that of the machine around."""

UPTIME = "echo {0} {0} >/root/uptime"
"""What /proc/uptime says, likewise; the machine around may have started a minute ago."""
LONG_AGO = "echo 1 >/run/ez/watchdog"


def look(computer: TestComputer) -> dict[str, str]:
    """What the watchdog tells after one look."""
    told = computer.exec(f"{WATCH}; cat /run/ez/idle").stdout.splitlines()
    return dict(line.split("=", 1) for line in told)


def test_rest(computers: Callable[..., TestComputer]) -> None:
    computer, events = computers("ready"), Events()
    with login(computer, events) as host:
        need = Need(idle=IdleNeed(1, SUSPEND))
        assert prepare(host, facts(host), events, need=need).changed == ("watchdog",)
        assert prepare(host, facts(host), events, need=need).changed == ()
        assert computer.exec("systemctl is-active ez-watchdog.timer").stdout.strip() == "active"
        # From here on it looks when the test says so, and every minute of the machine is one that was idle.
        computer.exec("systemctl stop ez-watchdog.timer")
        computer.exec(PROCESSOR.format(0, 0) + "; mount --bind /root/stat /proc/stat")
        computer.exec(UPTIME.format(90_000) + "; mount --bind /root/uptime /proc/uptime; rm -f /run/ez/watchdog/active")
        computer.exec("docker run -d --init --name work --label ez.env=work debian:12 sleep infinity", timeout=120)
        computer.exec("docker run -d --init --name other debian:12 sleep infinity")
        leave_work(host)
        look(computer)
        host.run(["head", "-c", "20000", "/dev/zero"])
        assert "login" in look(computer)["reasons"]
        # A connection that is open and says nothing is no work.
        assert look(computer)["reasons"] == ""
        check_an_editor_s_window_is_no_work(computer, lambda count: host.run(["head", "-c", str(count), "/dev/zero"]))
    computer.exec(PROCESSOR.format(5000, 1000))
    assert "processor" in look(computer)["reasons"]
    computer.exec(PROCESSOR.format(5001, 90000))
    assert look(computer)["reasons"] == ""

    computer.exec("date -d '+1 hour' +%s >/var/lib/ez/lease")
    assert "lease" in look(computer)["reasons"]
    computer.exec("rm /var/lib/ez/lease")
    computer.exec("sleep 1; exec 9>>/run/ez/prepare.lock; flock 9; " + WATCH.replace("sh ", "sh 9>&- "))
    assert "preparation" in computer.exec("cat /run/ez/idle").stdout

    computer.exec(f"{LONG_AGO}/active; " + UPTIME.format(600))
    told = look(computer)
    assert (told["idle_seconds"], told["reasons"], told["stops_in"]) == ("599", "", "")
    computer.exec(UPTIME.format(90_000))
    told = look(computer)
    assert (told["reasons"], told["stops_in"]) == ("", "300")
    assert running(computer) == {"work", "other"}
    computer.exec("date -d '+1 hour' +%s >/var/lib/ez/lease")
    assert look(computer)["stops_in"] == ""
    computer.exec("rm /var/lib/ez/lease")

    computer.exec(f"{LONG_AGO}/active; {LONG_AGO}/announced")
    assert look(computer)["stops_in"] == "0"
    assert running(computer) == {"other"}
    assert "suspend after" in computer.exec("cat /var/lib/ez/rested").stdout
    check_work_is_kept(computer, events)

    check_the_cloud_is_asked(computer, events)
    check_the_end_of_its_time(computer, events)
    with login(computer, events) as host:
        off, power_off = Need(idle=IdleNeed(0, SUSPEND)), Need(idle=IdleNeed(20, POWER_OFF))
        assert prepare(host, facts(host), events, need=off).changed == ("watchdog",)
        left = "ls -d /etc/ez/watchdog.conf /usr/local/lib/ez/watchdog /run/ez/idle /etc/systemd/system/ez-watchdog.*"
        assert computer.exec(left, check=False).stdout == ""
        assert computer.exec("systemctl is-active ez-watchdog.timer", check=False).stdout.strip() == "inactive"
        assert prepare(host, facts(host), events, need=off).changed == ()
        assert prepare(host, facts(host), events, need=power_off).changed == ("watchdog",)
    computer.exec("systemctl stop ez-watchdog.timer")
    look(computer)
    computer.exec(f"{LONG_AGO}/active; {LONG_AGO}/announced; {WATCH}", check=False)
    wait_until(lambda: not computer.runs, "the machine is off", 60)


def leave_work(host: Host) -> None:
    """Two environments, one with a file that nobody else has and one whose repo is damaged."""
    have_keeper(host)
    host.script(
        """
        for name in thesis broken; do
            git init -q -b main ~/ez/$name && mkdir -p ~/ez/.ez/.source/$name && echo x >~/ez/.ez/.source/$name/source
        done
        echo only-here >~/ez/thesis/new.txt
        git -C ~/ez/thesis config core.fsmonitor 'touch ~/trap'
        echo nonsense >~/ez/broken/.git/HEAD
        """
    )


def check_work_is_kept(computer: TestComputer, events: Events) -> None:
    """In a bundle of its user's, told to who logs in and to `ez compute why`, and once."""
    user = computer.user
    last = computer.exec("cat /var/lib/ez/saved/last").stdout
    (bundle,) = re.findall(rf"thesis: (/var/lib/ez/saved/{user}/thesis\.[0-9TZ]+\.1\.bundle)", last)
    assert "broken: not saved, " in last
    assert computer.exec(f"stat -c '%U %a' {bundle}").stdout == f"{user} 600\n"
    assert bundle in computer.exec("cat /etc/motd.d/ez").stdout
    computer.exec(
        f"git init -q /root/again && cd /root/again && git fetch -q {bundle} 'refs/*:refs/saved/*' && "
        "git show refs/saved/ez/files:new.txt | grep -qx only-here"
    )
    with login(computer, events) as host:
        assert bundle in why(host).saved
        host.run(["sh", "-c", "! [ -e trap ]"])
    computer.exec("docker start work")
    computer.exec(f"{LONG_AGO}/active; {LONG_AGO}/announced")
    look(computer)
    assert computer.exec("ls /var/lib/ez/saved/*/*.bundle").stdout == f"{bundle}\n"
    assert bundle in computer.exec("cat /var/lib/ez/saved/last").stdout


def check_the_cloud_is_asked(computer: TestComputer, events: Events) -> None:
    """Each minute until it takes the order, then no more; what stands in for it here says what Azure would."""
    with login(computer, events) as host:
        prepare(host, facts(host), events, need=Need(idle=IdleNeed(20, DEALLOCATE)))
    computer.exec("systemctl stop ez-watchdog.timer; echo 'echo $3' >/usr/local/lib/ez/deallocate")
    look(computer)
    assert computer.exec("cat /run/ez/watchdog/lift").stdout == "lift\n"
    computer.exec(f"{LONG_AGO}/active; {LONG_AGO}/announced")
    computer.exec("printf 'echo asked >>/root/asked; echo no right; exit 1' >/usr/local/lib/ez/deallocate")
    for _ in range(2):
        told = look(computer)
        assert (told["stops_in"], told["failed"]) == ("0", "no right")
    assert "suspend after" in computer.exec("cat /var/lib/ez/rested").stdout
    computer.exec("printf 'echo asked >>/root/asked' >/usr/local/lib/ez/deallocate")
    look(computer)
    assert "failed" not in look(computer)
    assert computer.exec("cat /root/asked").stdout.split() == ["asked"] * 3
    assert "deallocate after" in computer.exec("cat /var/lib/ez/rested").stdout


def check_the_end_of_its_time(computer: TestComputer, events: Events) -> None:
    """It rests then whatever runs there, but not while it is kept; whoever starts it afterwards wants it again."""
    until = int(computer.exec("date +%s").stdout) + 200
    busy = (PROCESSOR.format(work, 90_000) for work in range(100_000, 1_000_000, 10_000))
    with login(computer, events) as host:
        assert prepare(host, facts(host), events, need=Need(idle=IdleNeed(0, DEALLOCATE, until))).changed
        computer.exec("systemctl stop ez-watchdog.timer; rm -f /var/lib/ez/rested")
        computer.exec("printf 'echo again >>/root/asked' >/usr/local/lib/ez/deallocate; " + next(busy))
        assert 0 < int(look(computer)["stops_in"]) <= 200
        kept = keep_awake(host, 3600)
        computer.exec(next(busy))
        told = look(computer)
        assert ("processor" in told["reasons"], told["stops_in"], why(host).until) == (True, "", kept)
        assert facts(host).watchdog.split()[3] == str(int(kept))
    ends = "rm -f /var/lib/ez/lease; sed -i 's/ [0-9]*$/ {}/' /etc/ez/watchdog.conf; "
    look(computer)
    computer.exec(ends.format(1000) + f"{LONG_AGO}/active")
    assert look(computer)["stops_in"] == "300"
    computer.exec(ends.format(until - 201) + next(busy))
    told = look(computer)
    assert ("processor" in told["reasons"], told["stops_in"]) == (True, "0")
    assert "again" in computer.exec("cat /root/asked").stdout
    assert computer.exec("cat /var/lib/ez/rested").stdout.endswith("deallocate at the end of its time\n")


def check_an_editor_s_window_is_no_work(computer: TestComputer, move: Callable[[int], object]) -> None:
    """It moves much the same each minute, for ever; somebody who works does not. A cell that only waits is work."""

    def moves(count: int) -> str:
        move(count)
        return look(computer)["reasons"]

    computer.exec("rm -f /run/ez/watchdog/moved")
    assert [moves(200_000 + 500 * minute) for minute in range(10)] == ["login"] * 10
    assert [moves(count) for count in (200_000, 204_000, 199_000)] == [""] * 3
    assert [moves(count) for count in (240_000, 200_000)] == ["login", ""]
    computer.exec("docker exec work useradd --create-home envd; echo 'test $(id -un) = envd' >/usr/local/lib/ez/cell")
    assert moves(200_000) == "cell"
    computer.exec("echo exit 1 >/usr/local/lib/ez/cell")
    assert moves(200_000) == ""


def running(computer: TestComputer) -> set[str]:
    return set(computer.exec("docker ps --format '{{.Names}}'").stdout.split())
