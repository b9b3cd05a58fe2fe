"""More states that a repo can be in when it moves, beside those of `tests/env/source/states.py`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable

from tests.env.source import states
from tests.env.source.places import Tree


def stashes(here: Tree) -> None:
    here.write("readme", "first\n")
    here.git("stash", "push", "-q", "-m", "first: ünï")
    here.write("readme", "second\n")
    here.write("loose", "untracked\n")
    here.git("stash", "push", "-q", "-u", "-m", "second")
    here.write("readme", "and on\n")


def unfinished_merge(here: Tree) -> None:
    _two_branches(here)
    here.git("merge", "other", check=False)
    here.write("more", "while merging\n")


def unfinished_pick(here: Tree) -> None:
    _two_branches(here)
    here.git("cherry-pick", "other", check=False)


def unfinished_rebase(here: Tree) -> None:
    _two_branches(here)
    here.git("rebase", "other", check=False)
    here.write("run.sh", "#!/bin/sh\necho while rebasing\n", 0o755)


def unfinished_revert(here: Tree) -> None:
    here.write("readme", "three\n")
    here.commit()
    here.git("revert", "HEAD~1", check=False)


def bisect(here: Tree) -> None:
    for number in range(4):
        here.write("readme", f"{number}\n")
        here.commit()
    here.git("bisect", "start", "HEAD", "HEAD~4")


def only_intended(here: Tree) -> None:
    here.write("later", "x\n")
    here.git("add", "-N", "later")


def marked(here: Tree) -> None:
    here.git("update-index", "--assume-unchanged", "readme")
    here.git("update-index", "--skip-worktree", "run.sh")
    here.write("src/main.py", "print(2)\n")


def notes_and_old_tags(here: Tree) -> None:
    here.git("notes", "add", "-m", "a note")
    here.git("tag", "-a", "-m", "of a tree", "tree", "HEAD^{tree}")


def submodules_with_work(here: Tree) -> None:
    inner = Tree.init(here.path.with_name("inner"))
    inner.write("deep", "deep\n")
    inner.commit()
    part = Tree.init(here.path.with_name("part"))
    part.write("file", "one\n")
    part.commit()
    part.git("submodule", "--quiet", "add", str(inner.path), "below/inner")
    part.commit()
    here.git("submodule", "--quiet", "add", str(part.path), "libs/part")
    here.git("submodule", "--quiet", "update", "--init", "--recursive")
    here.commit("with a part")
    module = Tree(here.path / "libs/part")
    module.write("file", "changed\n")
    module.commit("not pushed")
    module.write("file", "and not committed\n")
    module.write("fresh", "untracked\n")
    Tree(here.path / "libs/part/below/inner").write("deep", "staged\n")
    Tree(here.path / "libs/part/below/inner").git("add", "-A")


def large_files(here: Tree) -> None:
    """As LFS has it, whose own program is not asked: a pointer in Git, the content in the work tree and beside it; and
    objects of other commits, a large one too."""
    for size in (10, 3 << 20):
        other = os.urandom(size)
        digest = hashlib.sha256(other).hexdigest()
        here.write(f".git/lfs/objects/{digest[:2]}/{digest[2:4]}/{digest}", other)
    content = os.urandom(300_000)
    digest = hashlib.sha256(content).hexdigest()
    here.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n")
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(content)}\n"
    here.write("model.bin", pointer)
    here.commit("a model")
    here.write("model.bin", content)
    here.git("-c", "filter.lfs.clean=cat >/dev/null; printf %s '" + pointer + "'", "update-index", "model.bin")
    here.write(f".git/lfs/objects/{digest[:2]}/{digest[2:4]}/{digest}", content)


def mixed_line_ends(here: Tree) -> None:
    here.write(".gitattributes", "* text=auto\n*.win text eol=crlf\n")
    here.write("mixed", b"one\r\ntwo\nthree\r\n")
    here.write("b.win", b"one\ntwo\r\n")
    here.git("add", "-A")
    here.git("commit", "-q", "-m", "line ends")


def names_that_differ_in_case(here: Tree) -> None:
    for name in ("Readme", "README", "Src/main.py", "SRC/Main.py"):
        here.write(name, name)
    here.git("add", "README")
    here.commit()
    here.write("README", "changed\n")


def names_in_all_scripts(here: Tree) -> None:
    """A word or more of each script, both forms of composed letters, and what stands outside the basic plane."""
    names = (
        "thèse", "the\u0300se", "диплом", "διατριβή", "ավարտաճառ", "დისერტაცია", "תזה", "أطروحة", "پایان‌نامه", "थीसिस",
        "গবেষণা", "ஆய்வு", "సిద్ధాంతం", "ปริญญานิพนธ์", "ວິທະຍານິພົນ", "ကျမ်း", "និក្ខេបបទ", "论文", "論文", "論文です", "논문",
        "ᠮᠣᠩᠭᠣᠯ", "ትምህርት", "ᏣᎳᎩ", "📄🧑‍🔬", "𓂀𓏏", "\u202ertl", "zero\u200bwidth",
    )  # fmt: skip
    for name in names:
        here.write(f"{name}/{name}.txt", name)
        here.git("branch", f"work/{name}")
    here.git("add", names[0])
    here.commit("ᚠᛇᚻ")
    here.write(f"{names[3]}/{names[3]}.txt", "changed\n")
    here.git("tag", "-a", "-m", "名前", f"tag-{names[17]}")
    here.git("stash", "push", "-q", "-m", "隠す")


def ten_thousand_files(here: Tree) -> None:
    for number in range(10_000):
        here.write(f"part{number // 500}/folder{number // 50}/file{number}.py", f"value = {number}\n")
    here.git("add", "-A")
    here.git("-c", "gc.auto=0", "commit", "-q", "-m", "many")
    for number in range(0, 10_000, 200):
        here.write(f"part{number // 500}/folder{number // 50}/file{number}.py", f"value = -{number}\n")
    for number in range(100):
        here.write(f"loose/file{number}", f"{number}\n")


def a_mixture(here: Tree) -> None:
    states.with_remote(here)
    stashes(here)
    states.strange_names(here)
    here.git("add", "-N", "a folder", check=False)
    submodules_with_work(here)
    (here.path / "run.sh").chmod(0o644)
    here.git("checkout", "-q", "--detach")
    here.write("readme", "detached\n")
    here.git("add", "readme")
    here.write("readme", "and more\n")


def sha256(here: Tree) -> None:
    here.path.rename(here.path.with_name("as-sha1"))
    Tree.init(here.path, "--object-format=sha256")
    here.write("readme", "one\n")
    here.commit()
    here.write("readme", "two\n")
    stashes(here)


def sparse_index_entry_gone(here: Tree) -> None:
    here.git("rm", "-q", "--cached", "readme")
    here.write(".gitignore", "*.log\n/data/\nreadme\n")


def _two_branches(here: Tree) -> None:
    here.git("checkout", "-q", "-b", "other")
    here.write("readme", "theirs\n")
    here.write("both", "theirs\n")
    (here.path / "run.sh").unlink()
    here.commit("theirs")
    here.git("checkout", "-q", "main")
    here.write("readme", "ours\n")
    here.write("both", "ours\n")
    here.write("run.sh", "#!/bin/sh\nexit 1\n", 0o755)
    here.commit("ours")


STATES: tuple[Callable[[Tree], None], ...] = (
    *states.STATES,
    stashes,
    unfinished_merge,
    unfinished_pick,
    unfinished_rebase,
    unfinished_revert,
    bisect,
    only_intended,
    marked,
    notes_and_old_tags,
    submodules_with_work,
    large_files,
    mixed_line_ends,
    names_that_differ_in_case,
    names_in_all_scripts,
    ten_thousand_files,
    a_mixture,
    sha256,
    sparse_index_entry_gone,
)
