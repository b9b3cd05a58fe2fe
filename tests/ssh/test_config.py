"""What ez publishes for OpenSSH, judged by OpenSSH itself."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ez.errors import BusyError, ConfigError, UsageError
from ez.models import SshEndpoint
from ez.ssh.config import SshConfig
from ez.ssh.config_text import EnvironmentEntry as Entry
from ez.ssh.config_text import Places, render_config
from ez.ssh.files import locked
from ez.ssh.include import add_include, remove_include
from ez.ssh.resolve import Resolved, resolve
from tests.ssh.conftest import ENVIRONMENT, Sshd, make_key, public_half
from tests.testbed import agent
from tests.testbed.shell import run

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"


@pytest.fixture
def config(home: Path) -> Iterator[SshConfig]:
    made = SshConfig(home / ".ssh" / "config", home / ".ssh" / "ez", environment=ENVIRONMENT)
    yield made
    made.reset()


@pytest.fixture
def inside(tmp_path: Path, config: SshConfig) -> Callable[..., str]:
    """Publishes an environment whose attach command is an sshd on its stdin and stdout, as in a container."""
    host_key = make_key(tmp_path / "inside" / "host_key")
    authorized = tmp_path / "inside" / "authorized"
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)

    def publish(name: str, **options: object) -> str:
        authorized.write_text(config.client_key()[1])
        attach = ["/usr/sbin/sshd", "-i", "-f", "/dev/null", "-o", f"HostKey={host_key}", "-o", "UsePAM=no"]
        attach += ["-o", f"AuthorizedKeysFile={authorized}", "-o", "StrictModes=no", "-o", "PidFile=none"]
        wanted: dict[str, object] = {"user": "root", "attach": attach, "host_keys": (public_half(host_key),)}
        return config.publish_environment(name, **(wanted | options))  # type: ignore[arg-type]

    return publish


def ssh(config: SshConfig, alias: str, command: str, **environment: str) -> str:
    return run("ssh", *config.arguments, alias, command, environment=environment, timeout=30).stdout


def options_of(config: SshConfig, alias: str) -> dict[str, str]:
    lines = run("ssh", "-G", *config.arguments, alias).stdout.splitlines()
    return dict(line.partition(" ")[::2] for line in lines)


def test_an_environment_here_is_entered_by_plain_openssh(
    config: SshConfig, inside: Callable[..., str], home: Path
) -> None:
    assert inside("hello") == "hello.ez"
    assert ssh(config, "hello.ez", "echo $USER").strip() == "root"
    assert ssh(config, "hello.local.ez", "echo again").strip() == "again"
    config.withdraw_environment("hello")
    assert config.aliases() == ()
    with pytest.raises(Exception, match=r"hello\.ez"):
        ssh(config, "hello.ez", "true")


def test_an_environment_elsewhere_is_entered_through_its_computer(
    config: SshConfig, inside: Callable[..., str], server: Sshd, home: Path
) -> None:
    resolved = resolve(server.endpoint, environment=ENVIRONMENT, home=home, config_file=Path("/dev/null"))
    assert config.publish_computer("box", resolved, server.endpoint.host_keys) == "ez-box"
    inside("hello", computer="box")
    assert ssh(config, "hello.ez", "echo in").strip() == "in"
    assert len(server.sessions()) == 1
    assert config.aliases() == ("ez-box", "hello.box.ez", "hello.ez")
    config.withdraw_computer("box")
    assert config.aliases() == ()


def test_the_agent_is_forwarded_only_where_wanted(
    config: SshConfig, inside: Callable[..., str], tmp_path: Path
) -> None:
    with agent([make_key(tmp_path / "person")]) as person:
        inside("with-agent")
        inside("without", forward_agent=False)
        shown = ssh(config, "with-agent.ez", "ssh-add -L", **person.environment)
        assert public_half(tmp_path / "person") in shown
        assert ssh(config, "without.ez", "echo ${SSH_AUTH_SOCK:-none}", **person.environment).strip() == "none"


def test_a_wrong_host_key_is_refused(config: SshConfig, inside: Callable[..., str]) -> None:
    inside("hello", host_keys=(KEY,))
    with pytest.raises(Exception, match="Host key verification failed"):
        ssh(config, "hello.ez", "true")


def test_a_changed_environment_is_not_reached_over_an_old_connection(
    config: SshConfig, inside: Callable[..., str]
) -> None:
    inside("hello")
    ssh(config, "hello.ez", "true")
    inside("hello", host_keys=(KEY,))
    with pytest.raises(Exception, match="Host key verification failed"):
        ssh(config, "hello.ez", "true")


def test_the_last_of_two_environments_with_one_name_has_the_short_alias(config: SshConfig) -> None:
    for computer in ("one", "two", "one"):
        config.publish_environment("twin", computer=computer, user="envd", attach=["true"], host_keys=(KEY,))
    assert options_of(config, "twin.ez")["hostname"] == "twin.one.ez"
    assert options_of(config, "twin.two.ez")["hostname"] == "twin.two.ez"
    config.withdraw_environment("twin", "one")
    assert options_of(config, "twin.ez")["hostname"] == "twin.two.ez"


def test_blocks_win_over_the_persons_defaults(config: SshConfig, home: Path) -> None:
    (home / ".ssh").mkdir()
    (home / ".ssh" / "config").write_text(
        "Host *\n  User somebody\n  ProxyJump nowhere\n  StrictHostKeyChecking no\n  ControlMaster no\n"
        "  GlobalKnownHostsFile /etc/ssh/theirs\n  VerifyHostKeyDNS yes\n  NoHostAuthenticationForLocalhost yes\n"
    )
    endpoint = SshEndpoint("192.0.2.1", 2222, "me", host_keys=(KEY,))
    config.publish_computer("gpu", resolve_with(endpoint, home, ""), (KEY,))
    shown = options_of(config, "ez-gpu")
    assert (shown["hostname"], shown["port"], shown["user"]) == ("192.0.2.1", "2222", "me")
    assert shown["stricthostkeychecking"] == "true"
    assert shown["globalknownhostsfile"] == "/dev/null"
    assert (shown["verifyhostkeydns"], shown["nohostauthenticationforlocalhost"]) == ("false", "no")
    assert shown.get("proxyjump") in (None, "none")
    assert len(shown["controlpath"]) <= 90


def test_jumps_proxies_and_identities_are_published(config: SshConfig, home: Path) -> None:
    key = make_key(home / "keys" / "100% mine")
    endpoint = SshEndpoint("gpu", host_keys=(KEY,))
    jump = resolve_with(endpoint, home, f'Host gpu\n HostName 192.0.2.7\n ProxyJump a,b:23\n IdentityFile "{key}"\n')
    config.publish_computer("jumping", jump, (KEY,))
    shown = options_of(config, "ez-jumping")
    assert shown["proxyjump"] == "a,b:23"
    assert "100%% mine" in (home / ".ssh" / "ez" / "config").read_text()
    proxied = resolve_with(endpoint, home, "Host gpu\n ProxyCommand cloud-tunnel %n --port %p\n")
    config.publish_computer("proxied", proxied, (KEY,))
    assert options_of(config, "ez-proxied")["proxycommand"] == "cloud-tunnel gpu --port %p"


def resolve_with(endpoint: SshEndpoint, home: Path, text: str) -> Resolved:
    file = home / "resolve_config"
    file.write_text(text)
    return resolve(endpoint, environment=ENVIRONMENT, home=home, config_file=file)


@pytest.mark.parametrize(
    "before",
    [
        b"",
        b"Host *\n    ForwardAgent no\n",
        b"# mine\r\nHost a\r\n  User b\r\n",
        b"\n\n# no newline at the end",
        "# Ünïcode\nHost *\n\tUser \xff\n".encode("latin-1"),
    ],
)
def test_the_persons_file_keeps_every_byte(config: SshConfig, home: Path, before: bytes) -> None:
    file = home / ".ssh" / "config"
    file.parent.mkdir(mode=0o755)
    file.write_bytes(before)
    file.chmod(0o640)
    config.publish_environment("hello", user="envd", attach=["true"], host_keys=(KEY,))
    published = file.read_bytes()
    first, _, rest = published.partition(b"\n")
    assert first.rstrip(b"\r") == f'Include "{home}/.ssh/ez/config"'.encode()
    assert first.endswith(b"\r") == (b"\r" in before)
    assert rest == before
    config.publish_environment("other", user="envd", attach=["true"], host_keys=(KEY,))
    assert file.read_bytes() == published
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    config.reset()
    assert (file.read_bytes() if before else b"") == before
    assert not (home / ".ssh" / "ez").exists()


def test_a_file_that_was_not_there_is_private_and_goes_again(config: SshConfig, home: Path) -> None:
    config.publish_environment("hello", user="envd", attach=["true"], host_keys=(KEY,))
    for path in (home / ".ssh", home / ".ssh" / "config", *(home / ".ssh" / "ez").iterdir()):
        expected = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == expected, path
    config.reset()
    assert list((home / ".ssh").iterdir()) == []
    config.reset()


def test_withdrawing_what_was_never_published_touches_nothing(config: SshConfig, home: Path) -> None:
    config.withdraw_environment("hello")
    config.withdraw_computer("box")
    assert not (home / ".ssh" / "config").exists()


def test_a_directory_that_cannot_be_made_is_an_error_with_its_name(config: SshConfig, home: Path) -> None:
    (home / ".ssh").write_text("a file in its place")
    for change in (config.client_key, lambda: config.withdraw_computer("box")):
        with pytest.raises(ConfigError, match="cannot be written"):
            change()
    (home / ".ssh").unlink()


def test_a_lock_that_nobody_gives_back_is_not_waited_for_without_end(
    config: SshConfig, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.client_key()
    monkeypatch.setattr("ez.ssh.files.WAIT_SECONDS", 0.1)
    with locked(home / ".ssh" / "ez" / "lock"), pytest.raises(BusyError, match="holds the lock"):
        config.client_key()


def test_a_directory_of_somebody_else_is_not_used(config: SshConfig, home: Path) -> None:
    theirs = home / ".ssh" / "ez"
    theirs.mkdir(parents=True)
    os.chown(theirs, 65534, 65534)
    with pytest.raises(ConfigError, match="somebody else"):
        config.client_key()


def test_a_symbolic_link_is_written_through(config: SshConfig, home: Path) -> None:
    dotfiles = home / "dotfiles" / "ssh_config"
    dotfiles.parent.mkdir()
    dotfiles.write_text("Host a\n")
    (home / ".ssh").mkdir()
    (home / ".ssh" / "config").symlink_to("../dotfiles/ssh_config")
    config.publish_environment("hello", user="envd", attach=["true"], host_keys=(KEY,))
    assert (home / ".ssh" / "config").is_symlink()
    assert dotfiles.read_text().endswith('ez/config"\nHost a\n')
    config.reset()
    assert dotfiles.read_text() == "Host a\n"


def test_a_moved_include_line_comes_back_to_the_top(home: Path) -> None:
    file = home / "config"
    file.write_text('Host a\n  Include "/x/config"\nInclude "/x/config"\nHost b\n')
    add_include(file, "/x/config")
    assert file.read_text() == 'Include "/x/config"\nHost a\n  Include "/x/config"\nHost b\n'
    remove_include(file, "/x/config")
    assert file.read_text() == 'Host a\n  Include "/x/config"\nHost b\n'


def test_many_writers_at_once_lose_nothing(config: SshConfig, home: Path) -> None:
    def publish(number: int) -> None:
        one = SshConfig(home / ".ssh" / "config", home / ".ssh" / "ez", environment=ENVIRONMENT)
        one.publish_environment(f"env-{number}", user="envd", attach=["true"], host_keys=(KEY,))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(publish, range(24)))
    assert len(config.aliases()) == 48
    assert (home / ".ssh" / "config").read_text().count("Include") == 1


def test_a_broken_index_says_the_way_out(config: SshConfig, home: Path) -> None:
    config.client_key()
    (home / ".ssh" / "ez" / "index.json").write_text("{")
    with pytest.raises(ConfigError) as caught:
        config.aliases()
    assert caught.value.hint == "ez config reset"
    config.reset()
    assert config.aliases() == ()


def test_the_client_key_is_made_once(config: SshConfig) -> None:
    private, public = config.client_key()
    assert config.client_key() == (private, public)
    assert public.startswith("ssh-ed25519 ")
    assert stat.S_IMODE(private.stat().st_mode) == 0o600


def test_a_long_home_gets_a_short_control_path(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 100)
    config = SshConfig(long / "config", long / "ez", environment=ENVIRONMENT)
    config.publish_environment("hello", user="envd", attach=["true"], host_keys=(KEY,))
    path = Path(options_of(config, "hello.ez")["controlpath"])
    assert len(os.fsencode(path)) <= 90
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    config.reset()


@pytest.mark.parametrize("name", ["", "-x", "A", "a b", "a\nHost *", "a;b", "*", "a.b", "ü", "x" * 300, "$(id)"])
def test_names_that_are_none_are_refused(config: SshConfig, home: Path, name: str) -> None:
    with pytest.raises(UsageError):
        config.publish_environment(name, user="envd", attach=["true"], host_keys=(KEY,))
    with pytest.raises(UsageError):
        config.publish_environment("fine", computer=name, user="envd", attach=["true"], host_keys=(KEY,))
    assert not (home / ".ssh" / "config").exists()


def test_values_that_cannot_be_written_change_nothing(config: SshConfig, home: Path) -> None:
    with pytest.raises(ConfigError):
        config.publish_environment("fine", user="envd", attach=["a\nHost *"], host_keys=(KEY,))
    with pytest.raises(UsageError):
        config.publish_environment("fine", user="x\nHost *", attach=["true"], host_keys=(KEY,))
    odd = SshConfig(home / "config", home / 'a"b', environment=ENVIRONMENT)
    with pytest.raises(ConfigError):
        odd.publish_environment("fine", user="envd", attach=["true"], host_keys=(KEY,))
    assert config.aliases() == odd.aliases() == ()


@given(st.lists(st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), min_size=1), min_size=1))
def test_attach_commands_reach_the_far_end_as_they_are(words: list[str]) -> None:
    """Through OpenSSH's percent expansion, the shell here, and for a remote computer the shell over there."""
    places = Places(Path("/k"), Path("/i"), Path("/c"), None)
    for computer in ("local", "gpu"):
        entry = Entry("e", computer, "envd", ("printf", "%s\\0", *words), (KEY,))
        text = render_config([], [entry], places)
        (line,) = [line for line in text.split("\n") if "ProxyCommand" in line]
        command = line.split(None, 1)[1].replace("%%", "%")
        if computer == "gpu":
            command = f'ssh() {{ shift 3; sh -c "$*"; }}; {command}'
        shown = subprocess.run(["sh", "-c", command], capture_output=True, check=True).stdout
        assert shown.decode().split("\0")[:-1] == words
