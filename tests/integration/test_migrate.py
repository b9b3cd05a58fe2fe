"""`ez env up`, `home` and `sync` with a real computer: the work, the container that sees it, and cut connections."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.env.migrate.places import described
from tests.env.source.places import Tree
from tests.integration.person import EZ, Person
from tests.integration.places import Place, write_files
from tests.testbed import Relay


def test_a_day_of_work_up_and_home(place: Place, person: Person, folder: Path, name: str) -> None:
    tree = Tree(folder)
    tree.write("model.py", "stashed = 1\n")
    tree.git("add", "model.py")
    tree.git("stash")
    write_files(folder, {"staged": "x\n", "deep/untracked": "y\n", "local.log": "z\n"})
    tree.git("add", "staged")
    status = tree.git("status", "--porcelain")
    before = tree.fingerprint()

    planned = person.ez("env", "up", "-c", "box", "--dry-run", "--json", cwd=folder).json
    assert "staged" in planned["paths"]
    subprocess.run([EZ, "secret", "set", "T"], input=b"kept-9d", env=person.environment, check=True)
    write_files(person.home / ".config" / "ez", {"config.toml": '[secrets]\nT = "env"\n'})
    up = person.ez("env", "up", "-c", "box", "--json", cwd=folder).json
    assert (up["environment"], up["target"], up["changed"], up["conflicts"]) == (name, "box", True, [])
    assert tree.fingerprint() == before
    assert person.ssh(f"{name}.ez", f"cd {name} && git status --porcelain").stdout == status
    assert person.ssh(f"{name}.ez", "echo $T").stdout == "kept-9d\n"
    assert person.ez("env", "allow", name, "--json").json["rules"] == [{"kind": "agent", "name": ""}]
    assert "stash@{0}" in person.ssh(f"{name}.ez", f"cd {name} && git stash list").stdout

    inside = f"cd {name} && echo inside > made && git -c user.name=A -c user.email=a@b.c commit -qam there"
    person.ssh(f"{name}.ez", inside)
    home = person.ez("env", "home", name, "--json").json
    assert home["names"] == ["refs/heads/main"]
    assert "made" in home["paths"]
    assert tree.git("log", "-1", "--format=%s") == "there\n"
    assert (folder / "made").read_text() == "inside\n"
    assert not person.ez("env", "home", "--json", cwd=folder).json["changed"]
    person.ez("env", "go", ".", "-c", "box", "--no-open", cwd=folder)

    tree.write("made", "here\n")
    person.ssh(f"{name}.ez", f"cd {name} && echo there > made")
    both = person.ez("env", "sync", name, "--json", code=1)
    assert [way["conflicts"] for way in both.json["ways"]] == [["made"], ["made"]]
    assert "both are kept" in both.told
    assert (folder / "made").read_text() == "here\n"
    person.ssh(f"{name}.ez", f"cd {name} && echo here > made")

    watching = person.start("env", "sync", name, "--watch")
    tree.write("watched", "1\n")
    watching.until(f"brought 1 file from local to ~/ez/{name}")
    assert person.ssh(f"{name}.ez", f"cat {name}/watched").stdout == "1\n"
    person.ssh(f"{name}.ez", f"echo 2 > {name}/watched")
    watching.until(f"brought 1 file from box to {folder}")
    assert (folder / "watched").read_text() == "2\n"
    assert not person.ez("env", "up", "-c", "box", "--no-start", "--json", cwd=folder).json["changed"]
    watching.interrupt()
    done = watching.wait()
    assert (done.code, "Traceback" in done.stderr) == (130, False)

    tree.write("watched", "here\n")
    person.ssh(f"{name}.ez", f"echo there > {name}/watched")
    taken = person.ez("env", "sync", name, "--take", "box", "--json").json["ways"]
    assert (folder / "watched").read_text() == "there\n"
    saved = taken[0]["saved"][0]
    assert tree.git("bundle", "list-heads", saved).count("refs/ez/files") == 1
    assert "--take is one of" in person.ez("env", "home", name, "--take", "elsewhere", code=2).told


def test_cut_off_at_any_point_it_goes_on(place: Place, person: Person, folder: Path, name: str) -> None:
    """The connection breaks after so many bytes, up and home; nothing is lost, and what is there is whole."""
    assert place.computer is not None
    tree, computer = Tree(folder), place.computer
    tree.write("large", os.urandom(400_000))
    tree.write("stashed", "x\n")
    tree.git("stash", "-u")
    tree.git("stash", "apply")
    wanted = described(tree)
    with Relay((computer.host, computer.port)) as relay:
        person.knows(f"[{relay.host}]:{relay.port} {computer.host_key}")
        person.ez("compute", "add", "far", f"{computer.user}@{relay.host}:{relay.port}")
        for size in (30_000, 200_000, 430_000):
            relay.cut_after(size)
            person.ez("env", "up", "-c", "far", "--no-start", code=1, cwd=folder)
            relay.restore()
        person.ez("env", "up", "-c", "far", "--no-start", cwd=folder)
        assert described(tree) == wanted
        second = folder.with_name("second")
        for size in (60_000, 300_000):
            relay.cut_after(size)
            person.ez("env", "home", name, "--to", str(second), code=1)
            relay.restore()
        assert person.ez("env", "home", name, "--to", str(second), "--json").json["conflicts"] == []
        assert described(Tree(second)) == wanted

        watching = person.start("env", "sync", name, "--to", str(second), "--watch")
        (second / "watched").write_text("1\n")
        watching.until("brought 1 file from local")
        relay.cut()
        watching.until("trying again until Ctrl-C")
        for file in ("watched", "more"):
            (second / file).write_text("2\n")
        relay.restore()
        watching.until("brought 2 files from local")
        assert computer.exec(f"cat /home/{computer.user}/ez/{name}/watched").stdout == "2\n"
        watching.interrupt()
        assert watching.wait().code == 130
    computer.exec(f"rm -rf /home/{computer.user}/ez/{name} /home/{computer.user}/ez/.ez/.source/{name}")


def test_what_cannot_be_says_why(person: Person, folder: Path) -> None:
    assert "which computer" in person.ez("env", "up", code=2, cwd=folder).told
    assert "ez env ls" in person.ez("env", "home", "nobody", code=1).told
    assert "no environment" in person.ez("env", "sync", code=1, cwd=folder).told
    assert "not a pattern" in person.ez("env", "up", "-c", "x", "--include-ignored", "../x", code=2, cwd=folder).told
    assert "--from is for" in person.ez("env", "up", "-c", "x", "--from", "y", code=2, cwd=folder).told
    assert "no environment" in person.ez("env", "up", "nobody", "-c", "x", code=1).told
