"""Which secrets an environment gets, and handing them over: what `ez env go` and `ez secret give` do alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from ez.cli.keeping import records_of
from ez.cli.session import Session
from ez.config import Settings
from ez.errors import SecretError
from ez.events import Notice, step

if TYPE_CHECKING:
    from ez.env.secrets.store import Secrets
    from ez.env.secrets.wanted import Wanted


def secrets_of(run: Session) -> Secrets:
    return _secrets(run.settings)


def kept_in(settings: Settings) -> Callable[[str], Callable[[], bytes] | None]:
    """What reads a secret of that name; None where there is none."""

    def find(name: str) -> Callable[[], bytes] | None:
        store = _secrets(settings)
        return partial(store.get, name) if name in {one.name for one in store.all()} else None

    return find


def _secrets(settings: Settings) -> Secrets:
    from ez.env.secrets.store import Secrets

    return Secrets(settings.directories.config, settings.text("link.secrets"), settings.environment)


def plan_secrets(
    run: Session,
    environment: str,
    computer: str,
    repo: str,
    asked: Sequence[str],
    of_repo: Mapping[str, str] = MappingProxyType({}),
    *,
    quiet: bool = False,
) -> tuple[Wanted, ...]:
    """What the environment gets: those of `--secret`, which are allowed by that, those it got before, and those that
    settings and the repo (`of_repo`, name -> form) ask for. A repo alone is not enough, and what another repo was
    allowed does not count; which it does not get is told unless `quiet`. Raises SecretError for one of `--secret` that
    nobody has set."""
    records = records_of(run, environment, computer)
    if not asked and not run.settings.secrets and not of_repo and not (records / "secrets.json").exists():
        return ()
    from ez.env.credentials.rules import Rules
    from ez.env.secrets.wanted import WantedFile, of_settings, parse_wanted

    now = tuple(parse_wanted(text) for text in asked)
    known = {one.name for one in secrets_of(run).all()}
    for entry in now:
        if entry.name not in known:
            raise SecretError(f"no secret `{entry.name}`", f"ez secret set {entry.name}")
    rules = Rules(records)
    kept = rules.all() if rules.repo() == repo else ()
    allowed = {rule.name for rule in kept if rule.kind == "secret"} | {entry.name for entry in now}
    wishes = {name: (form, True) for name, form in of_repo.items()}
    told, refused = of_settings({**wishes, **run.settings.secrets}, allowed)
    for name in () if quiet else refused:
        what = f"the repo wants your secret `{name}`, which it does not get"
        allow = f"ez env allow {environment} secret {name}"
        run.sink(Notice(f"{what}; where it may: {allow}, then `ez env go` again", "warning"))
    before = tuple(entry for entry in WantedFile(records).read() if entry.name in allowed)
    return tuple(sorted({*now, *told, *before}))


def hand_over(
    run: Session, environment: str, computer: str, wanted: Iterable[Wanted], asked: Sequence[str] = ()
) -> None:
    """Have the environment hold just these, now and after each of its starts; `asked` are those of `--secret` among
    them, which are allowed from now on. Raises SecretError."""
    records = records_of(run, environment, computer)
    listed = tuple(wanted)
    if not listed and not (records / "secrets.json").exists():
        return
    from ez.cli.endpoint import ssh_config
    from ez.env.credentials.rules import Rule, Rules
    from ez.env.secrets.give import COMMAND, give, payload
    from ez.env.secrets.wanted import WantedFile, parse_wanted

    if asked:
        Rules(records).change(add=[Rule("secret", parse_wanted(text).name) for text in asked])
    store = secrets_of(run)
    known = {one.name for one in store.all()}
    for name in sorted({entry.name for entry in listed} - known):
        run.sink(Notice(f"no secret `{name}`, which `{environment}` is to get: ez secret set {name}", "warning"))
    there = [entry for entry in listed if entry.name in known]
    with step(run.sink, "secrets", f"Hand {len(there)} secrets over") as report:
        alias = f"{environment}.{computer}.ez"
        # A connection of its own: one that stays would give sessions the settings from before.
        options = ("-o", "ForwardAgent=no", "-o", "BatchMode=yes", "-o", "ControlPath=none", "-T")
        command = ["ssh", *ssh_config(run).arguments, *options, "--", alias, COMMAND]
        give(command, payload(there, store.get), run.settings.environment, environment)
        WantedFile(records).write(listed)
        report.detail = ", ".join(entry.place for entry in there)
