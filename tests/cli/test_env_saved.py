"""`ez env saved`: what was saved is listed, restored and removed, whatever stands in the folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ez.cli import app
from ez.env.migrate.saving import Origin, save_work
from ez.events import null_sink
from tests.env.source.places import Box, Tree


@pytest.fixture
def folder(home: Path) -> Path:
    return home / ".local/state/ez/saved"


def work(home: Path, folder: Path) -> Tree:
    """A clone on a computer, with one file that nobody else has; it is saved."""
    origin = Tree.init(home / "thesis")
    origin.write("readme")
    origin.commit()
    box = Box(home / "box")
    there = Tree(box.home / "ez" / "thesis")
    there.path.parent.mkdir()
    Tree(home).git("clone", "-q", str(origin.path), str(there.path))
    notes = box.home / "ez/.ez/.source/thesis"
    notes.mkdir(parents=True)
    (notes / "source").write_text("x")
    there.write("new.txt", "only here\n")
    save_work(box, "thesis", folder, null_sink, Origin(path=str(origin.path)))
    return there


def test_ls_restore_and_rm(
    home: Path, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    assert app.run(["env", "saved", "ls"]) == 0
    assert capsys.readouterr().err.endswith("nothing is saved\n")
    work(home, folder)
    (folder / "other.json").write_text('{"bundles": [{"file": "../x"}]}')
    (folder / "empty.json").write_text("")
    assert app.run(["env", "saved", "ls", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["environment"], row["computer"], row["changes"], row["commits"]) == ("thesis", "box", 1, 0)
    assert Path(row["files"][0]).parent == folder

    assert app.run(["env", "saved", "restore", "thesis", "--json"]) == 0
    restored = json.loads(capsys.readouterr().out)
    assert (restored["directory"], restored["left"]) == (str(home / "thesis.saved"), [])
    assert Tree(home / "thesis.saved").status() == "?? new.txt\0"
    assert app.run(["env", "saved", "restore", "thesis"]) == 2
    assert "not an empty directory" in capsys.readouterr().err
    assert app.run(["env", "saved", "restore", "nothing"]) == 2
    (home / "thesis").rename(home / "moved")
    assert app.run(["env", "saved", "restore", "thesis", "--to", "again"]) == 1
    assert "run it inside a clone" in capsys.readouterr().err
    monkeypatch.chdir(home / "moved")
    assert app.run(["env", "saved", "restore", row["name"], "--to", "../again"]) == 0
    assert (home / "again" / "new.txt").read_text() == "only here\n"

    (bundle,) = folder.glob("*.bundle")
    assert app.run(["env", "saved", "restore", str(bundle), "--to", "../alone"]) == 0
    assert Tree(home / "alone").status() == "?? new.txt\0"
    bundle.write_bytes(bundle.read_bytes()[:-40])
    assert app.run(["env", "saved", "restore", "thesis", "--to", "../damaged"]) == 1
    assert "a bundle that is damaged" in capsys.readouterr().err
    assert not (home / "damaged").exists()

    assert app.run(["env", "saved", "rm"]) == 2
    assert app.run(["env", "saved", "rm", "--older", "1d", "--yes", "--json"]) == 0
    assert app.run(["env", "saved", "rm", row["name"]]) == 2
    assert app.run(["env", "saved", "rm", row["name"], "--yes"]) == 0
    assert list(folder.glob("*.bundle")) == []
