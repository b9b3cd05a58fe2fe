"""The flags of `ez build`: what excludes what, and what each value means; all of it said before anything runs."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ez.build.graph import ImageSource
from ez.build.llb.reference import normalise
from ez.build.order import STREAM, Output, parse_cache_from, parse_cache_to, parse_output
from ez.cli.session import Progress
from ez.config import Settings
from ez.env.reference import parse_reference
from ez.env.request import BuildRequest
from ez.errors import DefinitionError, UsageError
from ez.names import shown

if TYPE_CHECKING:
    from ez.build.secrets import Secret, SshAgent

_EPOCH = "SOURCE_DATE_EPOCH"
PRINTS = ("graph", "llb", "json")
PROGRESS: tuple[Progress, ...] = ("auto", "plain", "json", "quiet")
Word = TypeVar("Word", bound=str)
Lent = TypeVar("Lent", "Secret", "SshAgent")


@dataclass(frozen=True)
class BuildFlags:
    """What the person typed, as it was typed."""

    repo: str | None
    computer: str | None
    name: str | None
    entry: str
    arguments: tuple[tuple[str, str], ...]
    ref: str | None
    tags: tuple[str, ...]
    push: bool
    outputs: tuple[str, ...]
    platforms: tuple[str, ...]
    cache_from: tuple[str, ...]
    cache_to: tuple[str, ...]
    secrets: tuple[str, ...]
    ssh: tuple[str, ...]
    rebuild: bool
    plain: bool
    print: str | None
    file: str | None
    timestamp: str | None
    check: bool
    dry_run: bool
    progress: str
    quiet: bool


def refuse_conflicts(flags: BuildFlags, *, json_output: bool) -> None:
    """Raises UsageError for flags that exclude or need one another."""
    if flags.print is not None:
        from ez.cli.build_print import check_print

        choice(flags.print, PRINTS, "--print")
        check_print(flags.print, flags.file)
    if flags.quiet and flags.progress not in ("auto", "quiet"):
        raise UsageError("--quiet and --progress exclude one another", "use one of them")
    if flags.file is not None and flags.print is None:
        raise UsageError("--file is where --print writes", "name the build file with --from")
    if flags.push and flags.outputs:
        raise UsageError("--push and --output exclude one another", "write --output type=registry,name=REFERENCE")
    if flags.push and not flags.tags:
        raise UsageError("--push does not know where to", "name a registry: -t registry.example.org/name --push")
    for flag, given in (("--check-reproducible", flags.check), ("--print", flags.print is not None)):
        other = _first_of({"--push": flags.push, "--output": flags.outputs, "--cache-to": flags.cache_to})
        if given and other:
            raise UsageError(f"{flag} makes nothing to keep, so it excludes {other}", f"leave out {other}")
    if flags.print is not None and json_output:
        raise UsageError("--print and --json exclude one another", "write --print json")


def _first_of(flags: dict[str, object]) -> str:
    return next((flag for flag, given in flags.items() if given), "")


def make_request(flags: BuildFlags, settings: Settings, here: Path) -> BuildRequest:
    """Raises UsageError, which names the flag, for a value that cannot be used."""
    repo = parse_reference(
        flags.repo, here, flags.ref, name=flags.name, github_over_ssh=settings.agent_socket is not None
    )
    secrets, agents = parse_lent(flags.secrets, flags.ssh, settings)
    computer = flags.computer or settings.text("defaults.computer")
    platforms = parse_platforms(flags.platforms)
    if flags.print == "llb" and len(platforms) > 1:
        raise UsageError("--print llb is for one --platform", f"--print llb --platform {platforms[0]}")
    return BuildRequest(
        repo=repo,
        computer="local" if computer == "." else computer,
        entry=flags.entry,
        arguments=flags.arguments,
        agent=settings.flag("defaults.agent"),
        rebuild=flags.rebuild,
        tags=tuple(dict.fromkeys(_tag(text, push=flags.push) for text in flags.tags)),
        push=flags.push,
        outputs=tuple(_output(text, here) for text in flags.outputs),
        platforms=platforms,
        cache_from=tuple(parse_cache_from(text) for text in flags.cache_from),
        cache_to=tuple(parse_cache_to(text) for text in flags.cache_to),
        secrets=secrets,
        agents=agents,
        plain=flags.plain,
        timestamp=_moment(flags.timestamp, settings.environment),
    )


def choice(text: str, known: tuple[Word, ...], flag: str) -> Word:
    for word in known:
        if word == text:
            return word
    raise UsageError(f"not a value of {flag}: `{shown(text)}`", f"use one of {', '.join(known)}")


def _tag(text: str, *, push: bool) -> str:
    """A name for the image, without a digest; one to push has to say where. Raises UsageError."""
    hint = "write it as `name:tag` or `registry.example.org/name:tag`, in lower case"
    try:
        full = normalise(ImageSource(text))
    except DefinitionError as error:
        raise UsageError(f"not a name for an image in --tag: `{shown(text)}`", hint) from error
    if "@" in full:
        raise UsageError(f"--tag takes a name, and this is a digest: `{shown(text)}`", hint)
    if push and full.startswith("docker.io/library/"):
        raise UsageError(
            f"--push does not know the registry of: `{text}`", f"name it: -t registry.example.org/{text} --push"
        )
    return text


def _output(text: str, here: Path) -> Output:
    """With the stream for `-`, which has to lead somewhere else than to a terminal. Raises UsageError."""
    output = parse_output(text)
    if output.target != STREAM:
        return output
    if sys.stdout.isatty():
        raise UsageError("--output - would write a tar to the terminal", "send it on: ez build -o - > result.tar")
    return replace(output, stream=sys.stdout.buffer)


def parse_platforms(texts: tuple[str, ...]) -> tuple[str, ...]:
    """By their one name each (`arm64` is `linux/arm64`). Raises UsageError."""
    if not texts:
        return ()
    from ez.build.llb.platform import parse_platform

    found = []
    for word in [word for text in texts for word in text.split(",")]:
        try:
            found.append(str(parse_platform(word)))
        except DefinitionError as error:
            raise UsageError(
                f"not a platform in --platform: `{shown(word)}`", "write it as `linux/amd64,linux/arm64`"
            ) from error
    return tuple(dict.fromkeys(found))


def parse_lent(
    secrets: tuple[str, ...], ssh: tuple[str, ...], settings: Settings
) -> tuple[dict[str, Secret], dict[str, SshAgent]]:
    """By their ids. Raises UsageError."""
    if not (secrets or ssh):
        return {}, {}
    from ez.build.secrets import parse_secret, parse_ssh
    from ez.cli.secret_give import kept_in

    find = partial(parse_secret, kept=kept_in(settings))
    environment = settings.environment
    return _by_id(secrets, find, environment, "--secret"), _by_id(ssh, parse_ssh, environment, "--ssh")


def _by_id(
    texts: Iterable[str],
    parse: Callable[[str, Mapping[str, str]], Lent],
    environment: Mapping[str, str],
    flag: str,
) -> dict[str, Lent]:
    """Raises UsageError, which names the flag; also for an id that is given twice."""
    found: dict[str, Lent] = {}
    for text in texts:
        try:
            one = parse(text, environment)
        except UsageError as error:
            raise UsageError(f"{flag}: {error.message}", error.hint) from error
        if one.id in found:
            raise UsageError(f"{flag} is given twice for: `{shown(one.id)}`", "leave out one of them")
        found[one.id] = one
    return found


def _moment(given: str | None, environment: Mapping[str, str]) -> int | None:
    """The time of everything in the result (reproducible-builds.org/specs/source-date-epoch). Raises UsageError."""
    flag, text = ("--timestamp", given) if given is not None else (_EPOCH, environment.get(_EPOCH, ""))
    if text == "" and given is None:
        return None
    if not re.fullmatch(r"[0-9]{1,11}", text, re.ASCII):
        raise UsageError(f"not a time in {flag}: `{shown(text)}`", "write it in seconds since 1970")
    return int(text)
