"""What a person gives to a build file beside its repo: arguments, defaults of their own, and the repos it includes.

Personal defaults are for environments that are the person's alone. They take no part where the image is for others
too: with a team's registry, under a name that the person gives it, in a file or a registry, and in a repo that is
locked; else the same repo would give everyone another image, with somebody's taste in it.
"""

from __future__ import annotations

from ez.build.definition import SourceFile
from ez.build.frontends import Given
from ez.build.includes import FetchIncluded, Included
from ez.config import Settings
from ez.env.request import BuildRequest, GoContext, Request
from ez.errors import ConfigError
from ez.events import Notice

_LARGEST = 1 << 20


def given_by(request: Request, context: GoContext) -> Given:
    """Raises ConfigError for a personal file that cannot be read."""
    personal = None if for_others(request, context.settings) else personal_file(context.settings)
    return Given(request.arguments, personal, fetcher(context, fresh=request.rebuild), finished=context.finished)


def tell_personal(request: Request, context: GoContext) -> None:
    """Say so where the person's defaults take no part."""
    reason = for_others(request, context.settings)
    if reason and personal_file(context.settings) is not None:
        context.sink(Notice(f"your own defaults take no part: {reason}"))


def personal_file(settings: Settings) -> SourceFile | None:
    """`config.envd` in ez's configuration directory, by the name that a person knows it by; None without one."""
    path = settings.directories.config / "config.envd"
    try:
        if not path.is_file():
            return None
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"your own defaults cannot be read: `{path}`", f"correct or remove {path}") from error
    if len(data) > _LARGEST:
        raise ConfigError(f"your own defaults are larger than {_LARGEST >> 20} MB: `{path}`", f"shorten {path}")
    home = settings.directories.home
    return SourceFile(f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path), data)


def for_others(request: Request, settings: Settings) -> str:
    """Why an image is not for the person alone; empty where it is."""
    if settings.text("cache.registry"):
        return "a team shares what is built here (cache.registry)"
    if isinstance(request, BuildRequest) and (request.tags or request.push or request.outputs):
        return "the image is not only for your environment"
    return ""


def fetcher(context: GoContext, *, fresh: bool = False) -> FetchIncluded:
    """What has the repos that a build file includes; made on use, since most include nothing."""
    made: list[FetchIncluded] = []

    def fetch(url: str, ref: str, commit: str) -> Included:
        from ez.env.access import known_hosts_of
        from ez.env.include import Includes

        if not made:
            directories = context.settings.directories
            made.append(
                Includes(
                    directories.cache / "includes",
                    directories.locks,
                    lambda address: known_hosts_of([address], context),
                    context.network,
                    context.sink,
                    fresh=fresh,
                )
            )
        return made[0](url, ref, commit)

    return fetch
