"""Each fault of the original's way to another computer, as a test of its name, on one repo that has gone up."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from ez.env.reference import parse_reference
from ez.errors import SourceError
from tests.env.migrate.places import World, described
from tests.env.migrate.states import large_files, submodules_with_work
from tests.env.source.places import Box, Tree

pytestmark = pytest.mark.xdist_group("original-faults")


@dataclass(frozen=True)
class Gone:
    """A repo in every one of the states at once, after `ez env up`; what it was `before`."""

    world: World
    before: dict[str, tuple[int, int, str]]

    @property
    def here(self) -> Tree:
        return self.world.here

    @property
    def there(self) -> Tree:
        return self.world.there

    def same(self, *command: str) -> str:
        """What Git says on both sides alike."""
        found = self.here.git(*command)
        assert self.there.git(*command) == found
        return found


@pytest.fixture(scope="module")
def gone(tmp_path_factory: pytest.TempPathFactory) -> Gone:
    root = tmp_path_factory.mktemp("original")
    here = Tree.init(root / "thesis.git")
    for name in ("readme", "program", "both"):
        here.write(name, "one\n")
    here.commit("first")
    Tree(root).git("clone", "-q", "--bare", str(here.path), str(root / "origin.git"))
    here.git("remote", "add", "origin", str(root / "origin.git"))
    here.git("fetch", "-q", "origin")
    submodules_with_work(here)
    large_files(here)
    here.git("checkout", "-q", "-b", "topic")
    here.write("both", "topic\n")
    here.commit("not pushed, on another branch")
    here.git("checkout", "-q", "--detach", "main")
    here.write("both", "detached\n")
    here.commit("on no branch")
    here.write("readme", "stashed\n")
    here.git("stash", "push", "-q", "-m", "their own stash")
    here.write("staged", "only staged\n")
    here.git("add", "staged")
    (here.path / "staged").unlink()
    here.write("program", "changed\n", 0o755)
    here.write("new/untracked", "untracked\n")
    world = World(root, here, Box(root / "box"))
    before = here.fingerprint()
    assert world.up().conflicts == ()
    return Gone(world, before)


def test_the_changes_stay_in_the_persons_own_tree(gone: Gone) -> None:
    """The original put them on a stash, and never took them from it."""
    assert gone.here.fingerprint() == gone.before


def test_the_persons_own_stashes_go_along_and_no_other_is_made(gone: Gone) -> None:
    assert gone.same("stash", "list", "--format=%H %gs").count("\n") == 1
    assert "their own stash" in gone.same("stash", "list", "--format=%gs")


def test_what_is_only_staged_goes_along(gone: Gone) -> None:
    assert gone.same("show", ":staged") == "only staged\n"
    assert not (gone.there.path / "staged").exists()


def test_untracked_files_go_along(gone: Gone) -> None:
    assert (gone.there.path / "new/untracked").read_text() == "untracked\n"
    assert "new/untracked" in gone.same("ls-files", "-o", "--exclude-standard")


def test_modes_go_along(gone: Gone) -> None:
    assert (gone.there.path / "program").stat().st_mode & 0o100


def test_submodules_go_along_with_their_work(gone: Gone) -> None:
    for module in ("libs/part", "libs/part/below/inner"):
        here, there = Tree(gone.here.path / module), Tree(gone.there.path / module)
        assert described(there) == described(here)
    assert (gone.there.path / "libs/part/fresh").exists()


def test_objects_of_lfs_go_along(gone: Gone) -> None:
    assert (gone.there.path / "model.bin").read_bytes() == (gone.here.path / "model.bin").read_bytes()
    objects = described(gone.there)["lfs"]
    assert objects == described(gone.here)["lfs"] != []


def test_commits_that_are_not_pushed_go_along(gone: Gone) -> None:
    assert gone.same("rev-list", "--count", "main", "--not", "--remotes") != "0\n"


def test_other_branches_go_along(gone: Gone) -> None:
    assert gone.same("log", "-1", "--format=%s", "topic") == "not pushed, on another branch\n"


def test_a_detached_head_goes_along(gone: Gone) -> None:
    assert gone.there.git("symbolic-ref", "-q", "HEAD", check=False) == ""
    assert gone.same("log", "-1", "--format=%s", "HEAD") == "on no branch\n"


def test_no_folder_of_the_persons_is_needed_and_none_is_left(gone: Gone) -> None:
    """The original wrote a patch to `tmp` of the home directory, and failed where there was none."""
    assert not (gone.world.root / "tmp").exists()
    assert not (gone.world.box.home / "tmp").exists()
    assert [path.name for path in gone.world.box.home.iterdir()] == ["ez"]


def test_running_it_twice_changes_nothing(gone: Gone) -> None:
    before = gone.there.fingerprint()
    again = gone.world.up()
    assert (again.changed, again.bytes) == (False, 0)
    assert gone.there.fingerprint() == before


def test_what_cannot_be_done_there_is_an_error(gone: Gone) -> None:
    """The original looked at no exit code."""
    lock = gone.there.path / ".git/index.lock"
    lock.write_text("")
    gone.here.write("new/later", "x\n")
    with pytest.raises(SourceError, match=r"index\.lock"):
        gone.world.up()
    lock.unlink()
    assert gone.world.up().paths == ("new/later",)


def test_the_name_has_no_git_at_its_end(gone: Gone) -> None:
    assert parse_reference("https://example.org/ann/thesis.git", gone.world.root).name == "thesis"
    assert parse_reference(None, gone.here.path).name == "thesis"


def test_no_second_copy_appears_inside_the_repo(gone: Gone) -> None:
    for root in (gone.here.path, gone.there.path):
        repos = {str(found.parent.relative_to(root)) for found in Path(root).rglob(".git")}
        assert repos == {".", "libs/part", "libs/part/below/inner"}
