"""The OpenSSH configuration that ez publishes, so that `ssh NAME.ez` works from any shell and editor.

A directory of ez's own holds all of it; the person's configuration gets one `Include` line.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ez.errors import ConfigError, HostError
from ez.ssh.config_text import (
    LOCAL,
    ComputerEntry,
    EnvironmentEntry,
    Places,
    checked_name,
    checked_path,
    computer_alias,
    environment_alias,
    render_config,
    render_known_hosts,
)
from ez.ssh.files import locked, private_directory, write_atomic
from ez.ssh.include import add_include, remove_include
from ez.ssh.resolve import Resolved

PROTECTED_KEY = "machines_ed25519"
"""The file in ez's directory of the key that was made for an agent without one; a passphrase encrypts it."""

_LONGEST_CONTROL_PATH = 90
"""Bytes: a unix socket's path has at most 104 to 108, and OpenSSH appends 17 while it makes one."""

_HASH = 40
"""Characters that `%C` stands for."""


@dataclass(frozen=True)
class _Published:
    computers: tuple[ComputerEntry, ...] = ()
    environments: tuple[EnvironmentEntry, ...] = ()


class SshConfig:
    """`user_config` is the person's configuration (`~/.ssh/config`), `directory` ez's own (`~/.ssh/ez`).

    Each method is one step under a lock: others see the files before it or after it. They raise ConfigError where
    a file cannot be read or written, UsageError for names other than letters, digits and `-`.
    """

    def __init__(self, user_config: Path, directory: Path, *, environment: Mapping[str, str]) -> None:
        self._user_config = user_config
        self._directory = directory
        self._environment = dict(environment)
        self._is_default = user_config.absolute() == _default_config()

    @property
    def arguments(self) -> tuple[str, ...]:
        """What `ssh` has to be given to know the aliases: nothing, or `-F` and a file that is not its default."""
        return () if self._is_default else ("-F", str(self._user_config))

    def publish_computer(self, name: str, resolved: Resolved, host_keys: Sequence[str]) -> str:
        """Make `ssh ez-NAME` reach a computer as the person's configuration does; gives that alias."""
        entry = ComputerEntry(
            name=checked_name(name),
            host=resolved.host,
            port=resolved.port,
            user=resolved.user,
            host_keys=tuple(host_keys),
            identities=tuple(str(path) for path in resolved.identities if path.exists()),
            identities_only=resolved.identities_only,
            proxy_jump=resolved.proxy_jump,
            proxy_command=resolved.proxy_command.replace("%n", resolved.alias),
            agent=resolved.agent,
        )

        def add(published: _Published) -> _Published:
            others = tuple(other for other in published.computers if other.name != name)
            return replace(published, computers=(*others, entry))

        self._change(add)
        return computer_alias(name)

    def publish_environment(
        self,
        name: str,
        *,
        computer: str = LOCAL,
        user: str,
        attach: Sequence[str],
        host_keys: Sequence[str],
        forward_agent: bool = True,
    ) -> str:
        """Make `ssh NAME.ez` (and `NAME.COMPUTER.ez`) enter an environment; gives the short alias.

        `attach` is the argv that speaks SSH on its stdin and stdout, run on `computer`, whose alias is published
        before; `user` logs in with the client key. Of two environments with one name, the last published has the
        short alias.
        """
        checked_name(name)
        checked_name(computer)
        entry = EnvironmentEntry(name, computer, user, tuple(attach), tuple(host_keys), forward_agent)

        def add(published: _Published) -> _Published:
            others = tuple(other for other in published.environments if not _is(other, name, computer))
            return replace(published, environments=(*others, entry))

        self._change(add)
        return environment_alias(name)

    def withdraw_environment(self, name: str, computer: str = LOCAL) -> None:
        """Forget an environment and end connections that are kept open to it. Already gone is fine."""

        def remove(published: _Published) -> _Published:
            others = tuple(other for other in published.environments if not _is(other, name, computer))
            return replace(published, environments=others)

        self._change(remove)

    def withdraw_computer(self, name: str) -> None:
        """Forget a computer and the environments on it. Already gone is fine."""

        def remove(published: _Published) -> _Published:
            return _Published(
                tuple(other for other in published.computers if other.name != name),
                tuple(other for other in published.environments if other.computer != name),
            )

        self._change(remove)

    def aliases(self) -> tuple[str, ...]:
        """Every alias that works now."""
        published = self._read()
        names = {computer_alias(entry.name) for entry in published.computers}
        names |= {environment_alias(entry.name) for entry in published.environments}
        return tuple(sorted(names | {_alias(entry) for entry in published.environments}))

    def client_key(self) -> tuple[Path, str]:
        """ez's own ed25519 key, made once: the private file and the public line that environments let in."""
        with self._alone():
            if not self._places.key.exists():
                self._make_key()
            return self._places.key, self._public_key.read_text().strip()

    def close_master(self, alias: str) -> None:
        """End the connection that OpenSSH keeps open for `alias`, if there is one (it has the groups of its login)."""
        if not any(self._places.control.glob("*")):
            return
        argv = ["ssh", *self.arguments, "-O", "exit", "--", alias]
        try:
            subprocess.run(
                argv, env=self._environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            pass

    def reset(self) -> None:
        """Take the `Include` line out again and remove every file that ez made here."""
        if not self._directory.exists():
            remove_include(self._user_config, checked_path(self._config))
            return
        with locked(self._lock):
            for alias in self._aliases_at_reset():
                self.close_master(alias)
            remove_include(self._user_config, checked_path(self._config))
            places = self._places
            if places.control.is_dir() and not any(places.control.iterdir()):
                places.control.rmdir()
            others = (*self._directory.glob("agent-*.pub"), *self._directory.glob(f"{PROTECTED_KEY}*"))
            own = (self._config, self._index, places.known_hosts, places.key, self._public_key, self._lock, *others)
            for file in own:
                file.unlink(missing_ok=True)
        if not any(self._directory.iterdir()):
            self._directory.rmdir()

    @property
    def _config(self) -> Path:
        return self._directory / "config"

    @property
    def _index(self) -> Path:
        return self._directory / "index.json"

    @property
    def _lock(self) -> Path:
        return self._directory / "lock"

    @property
    def _public_key(self) -> Path:
        return self._directory / "key.pub"

    @property
    def _places(self) -> Places:
        return Places(
            known_hosts=self._directory / "known_hosts",
            key=self._directory / "key",
            control=_control_directory(self._directory),
            inner=None if self._is_default else self._user_config,
        )

    def _change(self, change: Callable[[_Published], _Published]) -> None:
        with self._alone():
            before = self._read()
            after = change(before)
            if before == after == _Published():
                return  # Nothing is published, and nobody's configuration needs to know of it.
            self._close_masters_of(before, after)
            self._write(after)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """The directory is there, and nobody else changes it."""
        try:
            private_directory(self._directory)
            with locked(self._lock):
                yield
        except OSError as error:
            message = f"OpenSSH configuration cannot be written: `{self._directory}` ({error.strerror or error})"
            raise ConfigError(message, f"ls -ld {self._user_config.parent}") from error

    def _close_masters_of(self, before: _Published, after: _Published) -> None:
        """A kept connection leads to what an entry was, not to what it is now."""
        for computer in before.computers:
            if computer not in after.computers:
                self.close_master(computer_alias(computer.name))
        for environment in before.environments:
            if environment not in after.environments:
                self.close_master(_alias(environment))

    def _read(self) -> _Published:
        import msgspec

        try:
            return msgspec.json.decode(self._index.read_bytes(), type=_Published)
        except FileNotFoundError:
            return _Published()
        except (OSError, msgspec.DecodeError) as error:
            raise ConfigError(
                f"list of published aliases cannot be read: `{self._index}`", "ez config reset"
            ) from error

    def _write(self, published: _Published) -> None:
        import msgspec

        places = self._places
        private_directory(places.control)
        # Rendered first: what cannot be written leaves everything as it was.
        known_hosts = render_known_hosts(published.computers, published.environments)
        config = render_config(published.computers, published.environments, places)
        write_atomic(places.known_hosts, known_hosts.encode(), 0o600)
        write_atomic(self._index, msgspec.json.format(msgspec.json.encode(published)), 0o600)
        write_atomic(self._config, config.encode("utf-8", "surrogateescape"), 0o600)
        add_include(self._user_config, checked_path(self._config))

    def _aliases_at_reset(self) -> tuple[str, ...]:
        try:
            return self.aliases()
        except ConfigError:
            return ()  # An index that cannot be read is one reason to reset.

    def _make_key(self) -> None:
        fresh = self._directory / "key.new"
        fresh.unlink(missing_ok=True)
        argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ez", "-f", str(fresh)]
        try:
            subprocess.run(argv, env=self._environment, stdin=subprocess.DEVNULL, capture_output=True, check=True)
        except FileNotFoundError as error:
            raise HostError("no OpenSSH client on this computer: `ssh-keygen`", "apt install openssh-client") from error
        except subprocess.CalledProcessError as error:
            raise ConfigError(f"key cannot be made: `{fresh}`") from error
        os.replace(fresh.with_name("key.new.pub"), self._public_key)
        os.replace(fresh, self._places.key)


def _is(entry: EnvironmentEntry, name: str, computer: str) -> bool:
    return (entry.name, entry.computer) == (name, computer)


def _alias(entry: EnvironmentEntry) -> str:
    return environment_alias(entry.name, entry.computer)


def _default_config() -> Path | None:
    """What OpenSSH reads by itself: it asks the password database, not HOME. None for a user who is not in it."""
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir) / ".ssh" / "config"
    except KeyError:
        return None


def _control_directory(directory: Path) -> Path:
    user = os.getuid()
    candidates = [directory / "c"]
    if Path(f"/run/user/{user}").is_dir():
        candidates.append(Path(f"/run/user/{user}/ez"))
    fits = [path for path in candidates if len(os.fsencode(path)) + 1 + _HASH <= _LONGEST_CONTROL_PATH]
    return fits[0] if fits else Path(f"/tmp/ez-{user}")
