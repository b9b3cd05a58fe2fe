"""A directory of this computer, with work that is not committed: carried to another computer, and opened here."""

from __future__ import annotations

from pathlib import Path

from tests.env.source.places import Tree
from tests.integration.person import Person
from tests.integration.places import PLAIN, Place, commit, write_files


def test_a_directory_with_all_its_work_there_and_here(
    place: Place, local: Place, person: Person, folder: Path, name: str
) -> None:
    commit(write_files(folder, {"kept": "old\n", ".gitignore": "ignored\n", "build.envd": PLAIN}))
    write_files(folder, {"kept": "new\n", "staged": "staged\n", "folder/untracked": "untracked\n", "ignored": "x\n"})
    tree = Tree(folder)
    tree.git("add", "staged")
    status, before = tree.git("status", "--porcelain"), tree.fingerprint()
    assert status == " M kept\nA  staged\n?? folder/\n"

    person.ez("env", "go", "-c", "box", "--no-open", cwd=folder)
    assert person.ssh(f"{name}.ez", f"cd {name} && git status --porcelain").stdout == status
    assert person.ssh(f"{name}.ez", f"cd {name} && cat kept staged folder/*").stdout == "new\nstaged\nuntracked\n"
    person.ssh(f"{name}.ez", f"ls {name}/ignored", code=2)
    assert tree.fingerprint() == before

    person.ez("env", "go", ".", "-c", ".", "--no-open", cwd=folder)
    person.ssh(f"{name}.local.ez", f"cd {name} && cat ignored && echo inside > from-inside")
    assert (folder / "from-inside").read_text() == "inside\n"
    assert (folder / "from-inside").stat().st_uid == folder.stat().st_uid
    person.ssh(f"{name}.box.ez", f"ls {name}/from-inside", code=2)

    assert "several computers" in person.ez("env", "info", name, code=2).told
    assert (
        "leave out --work-tree" in person.ez("env", "delete", name, "-c", "local", "--work-tree", "--yes", code=2).told
    )
    person.ez("env", "delete", name, "-c", "local", "--yes")
    assert tree.git("status", "--porcelain") == status + "?? from-inside\n"
    person.ssh(f"{name}.ez", "true")
