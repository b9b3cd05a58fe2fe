"""The error tree of ez.

EzError                      expected failure, exit code 1
├── UsageError               wrong flags or arguments, exit code 2
├── ConfigError              a settings file or value that cannot be used
├── StateError               the index of computers and environments cannot be read
├── BusyError                somebody else holds the environment, or work is unfinished, exit code 8
├── HostError                a computer cannot be reached or driven
│   ├── HostUnreachableError no TCP connection or no SSH banner
│   ├── HostKeyError         the host key is unknown or is not the pinned one
│   ├── LoginError           the computer refused every key offered, exit code 4
│   ├── LinkLostError        the connection dropped in the middle of work
│   └── CommandError         a command ran and failed; carries its `Result`
├── CloudError               a cloud refused or failed; carries its error code
│   ├── SignInError          nobody is signed in to it, exit code 4
│   └── CapacityError        it has no room or no quota there; another zone, region or size may work
├── PrepareError             a computer cannot be made ready
├── CopyError                files cannot be copied into or out of an environment
├── SourceError              the repo cannot be found, cloned, updated or carried over
├── DefinitionError          a build file is wrong; carries file, line and column
│   └── MissingInputError    a file that the build file names is not there; carries the paths wanted
├── BuildError               the engine could not build
│   └── StepError            a build step failed; carries its position and last lines
├── EngineError              the Docker Engine is missing, stopped or lacks a capability
├── ContainerError           the environment's container cannot be started or entered
├── KeeperError              the connection that is kept to an environment is not there or cannot do what was asked
└── SecretError              a secret cannot be kept, found or handed over

Anything else that escapes is a bug in ez and exits with 70.
"""

from __future__ import annotations

from dataclasses import dataclass

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_SIGN_IN = 4
EXIT_UNFINISHED = 8
EXIT_BUG = 70
EXIT_INTERRUPTED = 130

_LONGEST_SAID = 2_000


class EzError(Exception):
    """An expected failure: what failed, and one action that helps."""

    exit_code = EXIT_FAILURE

    def __init__(self, message: str, hint: str | None = None, exit_code: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if exit_code is not None:
            self.exit_code = exit_code


class UsageError(EzError):
    exit_code = EXIT_USAGE


class ConfigError(EzError):
    pass


class StateError(EzError):
    pass


class BusyError(EzError):
    exit_code = EXIT_UNFINISHED


class HostError(EzError):
    pass


class HostUnreachableError(HostError):
    pass


class HostKeyError(HostError):
    pass


class LoginError(HostError):
    exit_code = EXIT_SIGN_IN


class LinkLostError(HostError):
    pass


@dataclass(frozen=True)
class Result:
    """What a command on a host did. `stdout` and `stderr` are raw bytes, `seconds` is wall time."""

    host: str
    command: str
    exit_code: int
    stdout: bytes
    stderr: bytes
    seconds: float

    @property
    def text(self) -> str:
        return self.stdout.decode("utf-8", "replace")

    def last_lines(self, count: int = 10) -> list[str]:
        """The last lines of stderr, or of stdout where stderr is empty."""
        shown = self.stderr.strip() or self.stdout.strip()
        return shown.decode("utf-8", "replace").splitlines()[-count:]


class CommandError(HostError):
    """A command ran to its end and failed."""

    def __init__(self, message: str, result: Result, hint: str | None = None) -> None:
        super().__init__(message, hint)
        self.result = result


class CloudError(EzError):
    """`code` is the cloud's own, empty where it gave none."""

    def __init__(self, message: str, hint: str | None = None, *, code: str = "") -> None:
        super().__init__(message, hint)
        self.code = code


class SignInError(CloudError):
    exit_code = EXIT_SIGN_IN


class CapacityError(CloudError):
    """`blocks` says what not to try again: `(region, size or family, zone, spot)`, empty or None for all of them;
    `minutes` for how long."""

    def __init__(
        self,
        message: str,
        hint: str | None = None,
        *,
        code: str = "",
        blocks: tuple[str, str, str, bool | None] = ("", "", "", None),
        minutes: int = 30,
    ) -> None:
        super().__init__(message, hint, code=code)
        self.blocks = blocks
        self.minutes = minutes


class PrepareError(EzError):
    pass


class CopyError(EzError):
    pass


class SourceError(EzError):
    pass


class DefinitionError(EzError):
    """A build file is wrong at `file:line:column` (1-based, None where unknown). It may have said anything: message and
    hint are cut at 2,000 characters each.

    `code` is a word for the kind of mistake; `excerpt` the text of the line, where whoever raises or passes the error
    on has it.
    """

    def __init__(
        self,
        message: str,
        hint: str | None = None,
        *,
        file: str | None = None,
        line: int | None = None,
        column: int | None = None,
        code: str = "value",
    ) -> None:
        super().__init__(message[:_LONGEST_SAID], hint and hint[:_LONGEST_SAID])
        self.file = file
        self.line = line
        self.column = column
        self.code = code
        self.excerpt: str | None = None


class MissingInputError(DefinitionError):
    """Files of the repo that a build file needs are not in the directory it was loaded from.

    `paths` are relative to that directory; a directory among them is wanted with all it holds.
    """

    def __init__(
        self,
        message: str,
        hint: str | None = None,
        *,
        paths: tuple[str, ...],
        file: str | None = None,
        line: int | None = None,
        column: int | None = None,
    ) -> None:
        super().__init__(message, hint, file=file, line=line, column=column, code="file")
        self.paths = paths


class BuildError(EzError):
    pass


class StepError(BuildError):
    """A build step failed. `log` holds its last lines, `exit_code` of the step is in `status`."""

    def __init__(
        self,
        message: str,
        hint: str | None = None,
        *,
        file: str | None = None,
        line: int | None = None,
        log: tuple[str, ...] = (),
        status: int | None = None,
    ) -> None:
        super().__init__(message, hint)
        self.file = file
        self.line = line
        self.log = log
        self.status = status


class EngineError(EzError):
    pass


class ContainerError(EzError):
    pass


class KeeperError(EzError):
    pass


class SecretError(EzError):
    pass
