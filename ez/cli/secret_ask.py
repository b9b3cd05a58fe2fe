"""What a repo asks for of the person's secrets: the person is asked, and a repo alone gets nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ez.cli.keeping import allow_first, begin, records_of
from ez.cli.secret_give import hand_over, plan_secrets, secrets_of
from ez.cli.session import Session, ask_whether, is_interactive
from ez.errors import EzError
from ez.events import Notice

if TYPE_CHECKING:
    from ez.env.secrets.wanted import Wanted


@dataclass
class GoSecrets:
    """The secrets of one `ez env go`: of `environment` on `computer`, for `repo`. `asked` are those of `--secret`, to
    which what the person agrees to is added; `wanted` is what the environment gets."""

    run: Session
    environment: str
    computer: str
    repo: str
    asked: tuple[str, ...]
    wanted: tuple[Wanted, ...] = ()

    def check(self) -> None:
        """Before anything else is done. Raises SecretError and UsageError."""
        self.wanted = self._plan({}, quiet=True)

    def decide(self, directory: Path) -> bool:
        """Whether there are any, once the repo's files are in `directory`."""
        from ez.env.secrets.of_repo import told_by
        from ez.env.secrets.wanted import wanted_as

        try:
            told = {name: form for name, form in told_by(directory).items() if not self._is_settled(name)}
            for name, form in told.items():
                wanted_as(name, form)
        except EzError as error:
            self.run.sink(Notice(error.message, "warning"))
            told = {}
        self._ask({**told, **{name: form for name, (form, of_repo) in self.run.settings.secrets.items() if of_repo}})
        self.wanted = self._plan(told)
        return bool(self.wanted)

    def settle(self, *, agent: bool) -> None:
        """Once the environment runs: have its first rules and a connection kept, and hand them over. Raises
        ConfigError, SecretError."""
        allow_first(self.run, self.environment, self.computer, agent=agent, repo=self.repo)
        begin(self.run, self.environment, self.computer)
        hand_over(self.run, self.environment, self.computer, self.wanted, self.asked)

    def _is_settled(self, name: str) -> bool:
        """Whether the person's own settings say what becomes of it."""
        return f"secrets.{name}" in self.run.settings.values

    def _plan(self, told: dict[str, str], *, quiet: bool = False) -> tuple[Wanted, ...]:
        return plan_secrets(self.run, self.environment, self.computer, self.repo, self.asked, told, quiet=quiet)

    def _ask(self, told: dict[str, str]) -> None:
        """About each that the repo asks for, that is there, and that was not decided before. `--yes` is no answer: it
        was said of something else."""
        if not told or not is_interactive():
            return
        from ez.env.credentials.rules import Rule, Rules
        from ez.env.secrets.wanted import parse_wanted, wanted_as

        rules = Rules(records_of(self.run, self.environment, self.computer))
        before = rules.all() if rules.repo() == self.repo else ()
        known = {one.name for one in secrets_of(self.run).all()}
        given = {parse_wanted(text).name for text in self.asked}
        for name, form in told.items():
            if name in known and name not in given and Rule("secret", name) not in before:
                self.run.stop_progress()
                place = wanted_as(name, form).place
                if ask_whether(f"the repo {self.repo} wants your secret `{name}` as {place}. May it have it?"):
                    self.asked = (*self.asked, f"{name}={form}")
