"""Who is let in and who is believed: host keys, logins, jumps, and what OpenSSH's configuration says."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ez.errors import ConfigError, EzError, HostKeyError, HostUnreachableError, LoginError, UsageError
from ez.models import LocalEndpoint, SshEndpoint
from ez.ssh.connect import confirmed_host_keys, open_host, scan_host_keys
from ez.ssh.host import Host
from ez.ssh.hostkeys import fingerprint
from ez.ssh.resolve import resolve
from tests.ssh.conftest import ADDRESS, ENVIRONMENT, Sshd, free_port, make_key, public_half
from tests.testbed import agent

Connect = Callable[..., Host]


def test_an_unknown_host_key_is_refused(server: Sshd, connect: Connect) -> None:
    with pytest.raises(HostKeyError, match="unknown") as caught:
        connect(replace(server.endpoint, host_keys=()))
    assert caught.value.hint == f"ez compute add box root@{ADDRESS}:{server.port}"


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_a_wrong_host_key_is_refused_before_any_login(
    server: Sshd, connect: Connect, tmp_path: Path, kind: str
) -> None:
    other = public_half(make_key(tmp_path / "other", kind=kind))
    with pytest.raises(HostKeyError, match="not the pinned one") as caught:
        connect(replace(server.endpoint, host_keys=(other,)))
    assert fingerprint(other) in caught.value.message
    assert fingerprint(public_half(server.host_key)) in caught.value.message
    assert "ez compute add box" in str(caught.value.hint)
    assert "Accepted publickey" not in server.log.read_text()


def test_fingerprints_are_those_of_openssh(server: Sshd) -> None:
    shown = subprocess.run(["ssh-keygen", "-lf", str(server.host_key)], capture_output=True, text=True, check=True)
    assert fingerprint(public_half(server.host_key)) == shown.stdout.split()[1]


def test_the_key_of_an_unknown_host_is_read_without_a_login(server: Sshd, home: Path) -> None:
    endpoint = SshEndpoint(ADDRESS, server.port)
    found = scan_host_keys(endpoint, environment=ENVIRONMENT, home=home, config_file=Path("/dev/null"))
    assert found == (public_half(server.host_key),)
    assert "Accepted" not in server.log.read_text()


def test_keys_in_known_hosts_count_as_confirmed(server: Sshd, home: Path, tmp_path: Path) -> None:
    known_hosts = tmp_path / "known hosts"
    revoked = public_half(make_key(tmp_path / "revoked"))
    key = public_half(server.host_key)
    known_hosts.write_text(
        f"other {revoked}\n[{ADDRESS}]:{server.port} {key}\n"
        f"@revoked [{ADDRESS}]:{server.port} {revoked}\n[{ADDRESS}]:{server.port} {revoked}\n"
        f"@cert-authority [{ADDRESS}]:{server.port} {revoked}\n"
    )
    subprocess.run(["ssh-keygen", "-Hf", str(known_hosts)], capture_output=True, check=True)
    assert f"\n[{ADDRESS}]" not in known_hosts.read_text()
    config = home / "config"
    config.write_text(f'UserKnownHostsFile {tmp_path}/absent "{known_hosts}"\n')
    endpoint = SshEndpoint(ADDRESS, server.port)
    assert confirmed_host_keys(endpoint, environment=ENVIRONMENT, home=home, config_file=config) == (key,)
    elsewhere = replace(endpoint, port=1)
    assert confirmed_host_keys(elsewhere, environment=ENVIRONMENT, home=home, config_file=config) == ()


def test_a_key_of_the_agent_logs_in(server: Sshd, connect: Connect) -> None:
    endpoint = replace(server.endpoint, identity=None)
    with agent([server.identity]) as person:
        assert connect(endpoint, agent_socket=person.socket).run(["true"]).exit_code == 0
    with pytest.raises(LoginError, match="no SSH key"):
        connect(endpoint)


def test_a_public_key_file_picks_the_key_of_the_agent(server: Sshd, connect: Connect, tmp_path: Path) -> None:
    many = [make_key(tmp_path / str(number)) for number in range(7)]
    endpoint = replace(server.endpoint, identity=f"{server.identity}.pub")
    with agent([*many, server.identity]) as person:
        connect(endpoint, agent_socket=person.socket)
        assert server.log.read_text().count("Failed publickey") == 0
        with pytest.raises(LoginError) as caught:
            connect(replace(endpoint, identity=None), agent_socket=person.socket)
    assert "--identity" in str(caught.value.hint)


def test_a_locked_key_says_how_to_unlock_it(server: Sshd, connect: Connect, tmp_path: Path) -> None:
    locked = make_key(tmp_path / "locked", passphrase="secret words")
    with pytest.raises(LoginError, match="passphrase") as caught:
        connect(replace(server.endpoint, identity=str(locked)))
    assert caught.value.hint == f"ssh-add {locked}"
    assert caught.value.exit_code == 4


def test_a_refused_key_says_what_to_do(server: Sshd, connect: Connect, tmp_path: Path) -> None:
    stranger = make_key(tmp_path / "stranger")
    with pytest.raises(LoginError, match="login refused") as caught:
        connect(replace(server.endpoint, identity=str(stranger)))
    assert caught.value.hint == f"ssh-copy-id -p {server.port} root@{ADDRESS}"


def test_a_server_that_wants_more_than_a_key(start_sshd: Callable[..., Sshd], connect: Connect) -> None:
    strict = start_sshd(options="AuthenticationMethods publickey,publickey")
    with pytest.raises(LoginError, match="more than a public key"):
        connect(strict.endpoint)


@pytest.mark.parametrize("host", [ADDRESS, "no-such-host.invalid"])
def test_a_computer_that_is_not_there(connect: Connect, server: Sshd, host: str) -> None:
    endpoint = replace(server.endpoint, host=host, port=free_port())
    with pytest.raises(HostUnreachableError, match="cannot be reached") as caught:
        connect(endpoint)
    assert caught.value.hint == f"ssh -v -p {endpoint.port} root@{host}"


def test_a_port_where_nobody_speaks_ssh(connect: Connect, server: Sshd) -> None:
    with socket.create_server((ADDRESS, 0)) as silent:
        endpoint = replace(server.endpoint, port=silent.getsockname()[1])
        with pytest.raises(HostUnreachableError):
            connect(endpoint, timeout=0.5)


def test_through_jump_hosts_with_includes_and_matches(
    start_sshd: Callable[..., Sshd], connect: Connect, home: Path
) -> None:
    """The far host is only known by name, and only to the configuration."""
    first, second, far = (start_sshd(name=name) for name in ("first", "second", "far"))
    known_hosts = home / "known_hosts"
    known_hosts.write_text("".join(f"[{ADDRESS}]:{one.port} {public_half(one.host_key)}\n" for one in (first, second)))
    (home / "more").write_text(
        "".join(
            f"Host {name}\n HostName {ADDRESS}\n Port {one.port}\n User root\n IdentityFile {one.identity}\n"
            for name, one in (("first", first), ("second", second))
        )
        + f'Match originalhost far exec "true"\n HostName {ADDRESS}\n Port {far.port}\n User root\n'
        f" IdentityFile {far.identity}\n ProxyJump first,second\n"
    )
    config = home / "config"
    config.write_text(f"Include {home}/more\nHost *\n UserKnownHostsFile {known_hosts}\n")
    settings = {"environment": ENVIRONMENT, "home": home, "config_file": config}
    key = public_half(far.host_key)
    assert scan_host_keys(SshEndpoint("far"), **settings) == (key,)  # type: ignore[arg-type]
    host = connect(SshEndpoint("far", host_keys=(key,)), config_file=config)
    assert host.run(["echo", "far"]).text == "far\n"
    assert len(first.sessions()) == len(second.sessions()) == len(far.sessions()) == 1

    known_hosts.write_text("")
    with pytest.raises(HostUnreachableError, match="Host key verification failed"):
        connect(SshEndpoint("far", host_keys=(key,)), config_file=config)


def test_a_proxy_command_is_used_and_its_words_are_shown(server: Sshd, connect: Connect, home: Path) -> None:
    config = home / "config"
    endpoint = replace(server.endpoint, host="far")
    relay = "python3 -c 'import sys; sys.exit(\"no tunnel to \" + sys.argv[1])'"
    config.write_text(f"Host far\n ProxyCommand {relay} %h:%p\n")
    with pytest.raises(HostUnreachableError, match=f"no tunnel to far:{server.port}"):
        connect(endpoint, config_file=config)
    config.write_text("Host far\n ProxyCommand /usr/sbin/absent %h\n")
    with pytest.raises(HostUnreachableError, match="absent"):
        connect(endpoint, config_file=config)


def test_what_is_given_wins_over_the_configuration(home: Path) -> None:
    config = home / "config"
    config.write_text("Host gpu\n HostName 192.0.2.9\n User them\n Port 23\n IdentityFile ~/.ssh/%r_%h\n")

    def values(endpoint: SshEndpoint) -> tuple[str, int, str, tuple[Path, ...], bool]:
        found = resolve(endpoint, environment=ENVIRONMENT, home=home, config_file=config)
        return found.host, found.port, found.user, found.identities, found.identities_only

    configured = (home / ".ssh" / "them_192.0.2.9",)
    assert values(SshEndpoint("gpu")) == ("192.0.2.9", 23, "them", configured, False)
    given = SshEndpoint("gpu", 24, "me", "~/key")
    assert values(given) == ("192.0.2.9", 24, "me", (home / "key",), True)


def test_an_agent_named_in_the_configuration_is_used(server: Sshd, connect: Connect, home: Path) -> None:
    endpoint = replace(server.endpoint, identity=None)
    config = home / "config"
    with agent([server.identity]) as person:
        config.write_text(f"IdentityAgent {person.socket}\n")
        connect(endpoint, config_file=config)
        config.write_text("IdentityAgent none\n")
        with pytest.raises(LoginError):
            connect(endpoint, config_file=config, agent_socket=person.socket)


@pytest.mark.parametrize("host", ["", "-oProxyCommand=touch x", "a b", "a;b", "$(id)", "a\nb", "ü", "x" * 300, "a'b"])
def test_odd_host_names_are_refused(connect: Connect, host: str) -> None:
    with pytest.raises(UsageError):
        connect(SshEndpoint(host))


@pytest.mark.parametrize("user", ["", "-l", "a b", "a;b", "`id`", "a\nb", "ü"])
def test_odd_user_names_are_refused(connect: Connect, user: str) -> None:
    with pytest.raises(UsageError):
        connect(SshEndpoint("host", user=user))


def test_a_broken_configuration_is_named(connect: Connect, home: Path) -> None:
    config = home / "config"
    config.write_text("Hots *\n")
    with pytest.raises(ConfigError, match="hots"):
        connect(SshEndpoint("host"), config_file=config)


def test_without_openssh_it_says_so(connect: Connect) -> None:
    with pytest.raises(EzError, match="no OpenSSH client"):
        connect(SshEndpoint("host"), environment={"PATH": "/nowhere"})


def test_this_computer_needs_none_of_it(home: Path) -> None:
    host = open_host("local", LocalEndpoint(), environment=ENVIRONMENT, home=home)
    assert host.is_local
    assert host.run(["pwd"]).text.strip() == str(home)
