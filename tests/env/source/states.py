"""States that a repo can be in when it is carried, each a few lines on top of the clean repo `here`."""

from __future__ import annotations

import os
from collections.abc import Callable

from tests.env.source.places import Tree


def clean(here: Tree) -> None:
    pass


def staged(here: Tree) -> None:
    here.write("readme", "staged\n")
    here.write("new.txt")
    here.git("add", "-A")


def unstaged(here: Tree) -> None:
    here.write("readme", "unstaged\n")


def untracked(here: Tree) -> None:
    here.write("notes/deep/er.txt")
    here.write("binary", bytes(range(256)))


def staged_and_unstaged_in_one_file(here: Tree) -> None:
    here.write("readme", "staged\n")
    here.git("add", "readme")
    here.write("readme", "unstaged\n")
    here.write("added", "staged\n")
    here.git("add", "added")
    (here.path / "added").unlink()


def deleted(here: Tree) -> None:
    (here.path / "readme").unlink()
    here.git("rm", "-q", "src/main.py")


def renamed(here: Tree) -> None:
    here.git("mv", "readme", "README.md")
    (here.path / "run.sh").rename(here.path / "go.sh")


def mode_changed(here: Tree) -> None:
    (here.path / "run.sh").chmod(0o644)
    (here.path / "readme").chmod(0o755)
    here.git("add", "readme")


def links(here: Tree) -> None:
    (here.path / "link").symlink_to("readme")
    (here.path / "away").symlink_to("/etc/passwd")
    (here.path / "broken").symlink_to("no/where")
    here.git("add", "link")
    (here.path / "readme").unlink()
    (here.path / "readme").symlink_to("src")


def file_becomes_directory(here: Tree) -> None:
    (here.path / "readme").unlink()
    here.write("readme/inside", "x\n")
    (here.path / "src/main.py").unlink()
    (here.path / "src").rmdir()
    here.write("src", "a file now\n")


def unborn(here: Tree) -> None:
    here.git("checkout", "-q", "--orphan", "fresh")


def no_commits(here: Tree) -> None:
    here.git("update-ref", "-d", "refs/heads/main")


def nothing_at_all(here: Tree) -> None:
    here.git("update-ref", "-d", "refs/heads/main")
    here.git("rm", "-rqf", ".")


def detached(here: Tree) -> None:
    here.git("checkout", "-q", "HEAD~1")
    here.write("readme", "old and edited\n")
    here.commit("on no branch")


def with_remote(here: Tree) -> None:
    _make_remote(here)
    here.commit("not pushed")
    here.git("checkout", "-q", "-b", "topic", "--track", "origin/main")
    here.write("readme", "topic\n")


def many_branches_and_tags(here: Tree) -> None:
    for name in ("a/b", "ünï", "quote'\"$x;(y)", "日本"):
        here.git("branch", name)
    here.git("tag", "light")
    here.git("tag", "-a", "-m", "annotated", "heavy", "HEAD~1")
    here.git("checkout", "-q", "a/b")
    here.commit("on a/b")


def strange_names(here: Tree) -> None:
    for name in (
        "with space",
        "日本語.txt",
        "кириллица/ё",
        "line\nbreak",
        "tab\there",
        "-rf",
        "--help",
        "$(touch pwned)",
        "`id`; 'x' \"y\"",
        "back\\slash",
        "*",
        ":(top)x",
        "list",
        "trailing ",
        "ñ" * 100,
    ):
        here.write(f"untracked/{name}", name)
        here.write(f"tracked/{name}", name)
        here.write(name)
    with open(os.fsencode(here.path) + b"/latin-\xe9", "wb") as file:
        file.write(b"x")
    here.git("add", "tracked")
    here.git("commit", "-q", "-m", "names")
    here.write("tracked/-rf", "changed\n")
    (here.path / "tracked/line\nbreak").unlink()


def ignored_stays_home(here: Tree) -> None:
    here.write("secret.log", "stays\n")
    here.write("data/large", "stays\n")
    here.write("kept.log", "goes\n")
    here.git("add", "-f", "kept.log")
    (here.path / "empty/dir").mkdir(parents=True)


def line_ends(here: Tree) -> None:
    here.write(".gitattributes", "*.txt text=auto\n*.win text eol=crlf\n*.id ident\n")
    here.write("a.txt", b"one\ntwo\n")
    here.write("b.win", b"one\r\ntwo\r\n")
    here.write("c.id", "$Id$\n")
    here.git("add", "-A")
    here.git("commit", "-q", "-m", "line ends")
    here.git("checkout", "-q", "HEAD~1")
    here.git("checkout", "-q", "main")
    here.write("new.txt", b"three\r\n")


def same_size_at_once(here: Tree) -> None:
    here.write("readme", "aaa\n")
    here.git("add", "readme")
    here.write("readme", "bbb\n")


def filters_and_hooks(here: Tree) -> None:
    """What a repo's own configuration names must not run, neither here nor there."""
    trap = here.path.parent / "trap"
    here.git("config", "filter.evil.clean", f"touch '{trap}'; cat")
    here.git("config", "filter.evil.smudge", f"touch '{trap}'; cat")
    here.git("config", "core.fsmonitor", f"touch '{trap}'; false")
    here.write(".git/hooks/post-index-change", f"#!/bin/sh\ntouch '{trap}'\n", 0o755)
    here.write(".git/hooks/reference-transaction", f"#!/bin/sh\ntouch '{trap}'\n", 0o755)
    here.write(".gitattributes", "*.evil filter=evil\n")
    here.write("x.evil", "x\n")


def history_cut_off(here: Tree) -> None:
    origin = _make_remote(here)
    here.git("fetch", "-q", "--depth", "1", "origin")
    (here.path / ".git/shallow").write_text(here.git("rev-parse", "HEAD"))
    here.write("readme", "on a shallow clone\n")
    assert origin


def second_work_tree(here: Tree) -> None:
    """The directory is a linked work tree: `.git` is a file."""
    main = here.path.with_name("main-repo")
    here.path.rename(main)
    Tree(main).git("worktree", "add", "-q", "-b", "linked", str(here.path))
    here.write("readme", "in the linked tree\n")
    here.git("add", "readme")
    here.write("more.txt")


def with_submodule(here: Tree) -> None:
    part = Tree.init(here.path.with_name("part"))
    part.commit()
    here.git("submodule", "--quiet", "add", str(part.path), "part")
    here.git("commit", "-q", "-m", "with a part")
    here.git("submodule", "--quiet", "deinit", "-f", "part")


def _make_remote(here: Tree) -> Tree:
    origin = here.path.with_name("origin.git")
    here.git("clone", "-q", "--bare", ".", str(origin))
    here.git("remote", "add", "origin", str(origin))
    here.git("fetch", "-q", "origin")
    here.git("branch", "-q", "--set-upstream-to", "origin/main")
    return Tree(origin)


STATES: tuple[Callable[[Tree], None], ...] = (
    clean,
    staged,
    unstaged,
    untracked,
    staged_and_unstaged_in_one_file,
    deleted,
    renamed,
    mode_changed,
    links,
    file_becomes_directory,
    unborn,
    no_commits,
    nothing_at_all,
    detached,
    with_remote,
    many_branches_and_tags,
    strange_names,
    ignored_stays_home,
    line_ends,
    same_size_at_once,
    filters_and_hooks,
    history_cut_off,
    second_work_tree,
    with_submodule,
)
