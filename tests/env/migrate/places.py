"""Sides of migrations for tests, and all that has to be equal on both."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from ez.env.migrate.move import Moved, Order, move
from ez.env.migrate.side import Side
from ez.events import Event
from ez.ssh.local import LocalHost
from tests.env.source.places import Box, Tree

KEY = "0123456789abcdef"
_STATE = ("MERGE_HEAD", "MERGE_MSG", "CHERRY_PICK_HEAD", "REVERT_HEAD", "BISECT_LOG", "rebase-merge", "sequencer")


@dataclass
class World:
    """A directory of the person, a computer, and a second directory of the person."""

    root: Path
    here: Tree
    box: Box
    key: str = KEY
    events: list[Event] = field(default_factory=list)

    def person(self, path: Path | None = None) -> Side:
        place = path or self.here.path
        host = LocalHost(environment={"PATH": os.environ["PATH"], "HOME": str(self.root)}, home=self.root)
        return Side(host, "env", str(place), str(self.root / "notes" / place.name))

    def computer(self) -> Side:
        return Side(self.box, "env")

    @property
    def there(self) -> Tree:
        return Tree(self.box.home / "ez" / "env")

    def order(self, *included: str, dry_run: bool = False) -> Order:
        return Order(self.key, included, dry_run, sink=self.events.append)

    def up(self, *included: str) -> Moved:
        return move(self.person(), self.computer(), self.order(*included))

    def home(self, *included: str, path: Path | None = None) -> Moved:
        return move(self.computer(), self.person(path), self.order(*included))


def described(tree: Tree) -> dict[str, object]:
    """Everything that must be the same on both sides, submodules too."""
    found = tree.described()
    found["stash"] = tree.git("stash", "list", "--format=%gd %H %gs", check=False)
    found["marks"] = tree.git("ls-files", "-v", "-z")
    found["refs"] = tree.git(
        "for-each-ref", "--format=%(objectname) %(refname)", "--exclude=refs/ez", check=False
    ) or tree.git(
        "for-each-ref",
        "--format=%(objectname) %(refname)",
        *(f"refs/{kind}" for kind in ("heads", "tags", "remotes", "notes", "stash", "bisect")),
    )
    git_directory = Path(tree.git("rev-parse", "--absolute-git-dir").strip())
    for name in _STATE:
        place = git_directory / name
        for file in [place] if place.is_file() else sorted(place.rglob("*")):
            if file.is_file():
                found[f"state {file.relative_to(git_directory)}"] = file.read_bytes()
    objects = Path(tree.path, tree.git("rev-parse", "--git-common-dir").strip()) / "lfs" / "objects"
    found["lfs"] = sorted(
        hashlib.sha256(file.read_bytes()).hexdigest() for file in objects.rglob("*") if file.is_file()
    )
    for line in tree.git("submodule", "--quiet", "foreach", "--recursive", "echo $displaypath", check=False).split(
        "\n"
    ):
        if line and (tree.path / line / ".git").exists():
            found[f"module {line}"] = described(Tree(tree.path / line)) if tree.path.exists() else {}
    return found
