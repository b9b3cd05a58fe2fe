"""`ez workspace` and `ez init`: from nothing to a team's workspace, and what a repo may not decide alone."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from ez.events import null_sink
from ez.models import Workspace
from ez.providers.azure import Azure
from ez.providers.azure.errors import Attempt
from ez.providers.azure.place import ensure_group, ensure_subnet
from ez.state import State
from tests.cli.terminal import Terminal
from tests.emulators.azure import Emulator
from tests.integration.person import Person
from tests.providers.orders import order_of

ANOTHER = "00000000-0000-0000-0000-00000000000b"


@pytest.fixture
def ana(home: Path, azure: Emulator) -> Person:
    return Person(home, {"EZ_AZURE_ENDPOINT": azure.url, "EZ_OWNER": "ana", "EZ_ADDRESS": "127.0.0.1/32"})


@pytest.fixture
def repo(home: Path) -> Path:
    folder = home / "vision"
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    (folder / "src").mkdir()
    return folder


def test_init_by_flags_then_the_team_accepts_it_and_again_after_a_change(
    ana: Person, azure: Emulator, repo: Path
) -> None:
    (repo / "ez.toml").write_text("# ours\n[defaults]\nide = 'none'\n")
    flags = ("-p", "azure", "--account", azure.subscription, "--region", "East US", "--idle-stop", "2h")
    ana.ez("init", *flags, cwd=repo / "src")
    written = (repo / "ez.toml").read_text()
    assert written.startswith("# ours\n[defaults]\nide = 'none'\n")
    assert 'name = "vision"\nprovider = "azure"\n' in written
    assert 'regions = "eastus"\nidle = "120"\n' in written
    assert (repo / "ez.toml").stat().st_mode & 0o777 == 0o644
    assert "add --yes" in ana.ez("init", "-p", "aws", cwd=repo, code=2).told
    assert (repo / "ez.toml").read_text() == written

    seen = ana.ez("workspace", "info", "--json", cwd=repo / "src").json
    assert (seen["workspace"]["name"], seen["workspace"]["idle_minutes"]) == ("vision", 120)
    assert (seen["standing"]["person"], seen["standing"]["title"]) == ("ana", "Rehearsal")

    (repo / "ez.toml").write_text(written.replace(azure.subscription, ANOTHER))
    for line in (("compute", "create", "gpu1", "--yes"), ("env", "go", "-c", "gpu1", "--yes")):
        done = ana.ez(*line, cwd=repo, code=2)
        assert "the repo's workspace `vision` is not accepted" in done.told
        assert "hint: ez workspace accept" in done.told
    assert azure.count() == 0
    rows = {row["name"]: row for row in ana.ez("workspace", "ls", "--json", cwd=repo).json}
    assert (rows["vision"]["accepted"], rows["vision"]["account"], rows["default"]["chosen"]) == (False, ANOTHER, True)
    done = ana.ez("workspace", "accept", "--yes", cwd=repo)
    assert f"account:            {ANOTHER}" in done.stderr
    assert ana.ez("workspace", "select", cwd=repo).stdout == "vision\n"
    assert ana.ez("workspace", "select").stdout == "default\n"

    (repo / "ez.toml").unlink()
    (repo / "ez.toml").symlink_to(repo.parent / "mine.toml")
    assert "a link to another file" in ana.ez("init", *flags, cwd=repo, code=2).told
    assert not (repo.parent / "mine.toml").exists()


def test_init_and_the_first_machine_on_a_terminal(ana: Person, azure: Emulator, repo: Path, home: Path) -> None:
    (home / ".azure").mkdir()
    subscription = {"id": azure.subscription, "name": "Team", "isDefault": True, "tenantId": azure.tenant}
    profile = json.dumps({"subscriptions": [{**subscription, "state": "Enabled", "user": {"name": "ana@team"}}]})
    (home / ".azure" / "azureProfile.json").write_text(profile, "utf-8-sig")
    with Terminal(ana, "init", cwd=repo) as live:
        for question, answer in (("which cloud?", "1"), ("which account?", ""), ("which regions", "westus2 eastus")):
            live.until(question)
            live.send(f"{answer}\n")
        assert "Team 00000000-0000-0000-0000-000000000000 ana@team" in live.rest()
        assert live.code() == 0
    text = (repo / "ez.toml").read_text()
    assert f'account = "{azure.subscription}"\ntenant = "{azure.tenant}"\nregions = "westus2 eastus"\n' in text

    (repo / "ez.toml").write_text(text.replace("westus2", "westus3"))
    with Terminal(ana, "compute", "create", "gpu1", "--cpus", "2", "--dry-run", cwd=repo) as live:
        live.until("accept the workspace `vision`?")
        live.send("y\n")
        assert "westus3 (azure)" in live.rest()
        assert live.code() == 0
    assert azure.count() == 0


def test_a_machine_that_only_a_repo_names_is_not_made(ana: Person, azure: Emulator, repo: Path) -> None:
    (repo / "ez.toml").write_text('[defaults]\ncomputer = "huge"\n')
    (repo / "build.envd").write_text("def build():\n    base(image='ubuntu:22.04', dev=True)\n")
    done = ana.ez("env", "go", "--yes", "--no-open", cwd=repo, code=2)
    assert "`huge` costs money, and only the repo's ez.toml names it" in done.told
    assert azure.count() == 0


def test_own_workspaces_are_kept_chosen_shown_and_deleted(ana: Person) -> None:
    assert "which cloud" in ana.ez("workspace", "create", "mine", code=2).told
    assert "not a region" in ana.ez("workspace", "create", "mine", "-p", "aws", "--region", "moon", code=2).told
    done = ana.ez("workspace", "create", "mine", "-p", "azure", "--region", "eastus", "--jump", "door")
    assert "machines are made in `mine`" in done.stderr
    share = "data=nfs://files.example.org/data:/data:ro"
    row = ana.ez("workspace", "create", "other", "-p", "aws", "--private", "--share", share, "--json").json
    assert (row["name"], row["provider"], row["chosen"]) == ("other", "aws", False)
    assert "not a name and a share" in ana.ez("workspace", "create", "x", "-p", "aws", "--share", "data", code=2).told
    assert "add --yes" in ana.ez("workspace", "create", "other", "-p", "azure", code=2).told
    rows = ana.ez("workspace", "ls", "--json").json
    assert [(row["name"], row["provider"], row["chosen"]) for row in rows] == [
        ("mine", "azure", True), ("other", "aws", False),
    ]  # fmt: skip
    ana.ez("workspace", "select", "other")
    assert ana.ez("config", "get", "workspace.provider").stdout == "aws\n"
    assert ana.ez("config", "get", "shares.data").stdout == share.removeprefix("data=") + "\n"
    assert "no workspace of that name" in ana.ez("workspace", "select", "third", code=2).told
    assert "add --yes" in ana.ez("workspace", "delete", "mine", code=2).told
    ana.ez("workspace", "delete", "mine", "--yes")
    gone = ana.ez("workspace", "delete", "other", "--yes", "--forget", "--json").json
    assert (gone["deleted"], gone["things"]) == ("other", [])
    assert [row["name"] for row in ana.ez("workspace", "ls", "--json").json] == ["default"]


def test_a_workspace_with_computers_stays_and_all_that_ez_made_goes_with_it(
    ana: Person, azure: Emulator, tmp_path: Path
) -> None:
    """A group and a network without a machine, as a killed create leaves them."""
    ana.ez("workspace", "create", "team", "-p", "azure", "--account", azure.subscription, "--region", "eastus")
    workspace = Workspace("team", "azure", azure.subscription, endpoint=azure.url, owner="ana")
    order = order_of("azure", "Standard_D4s_v5", "eastus")
    with State(tmp_path / "state.db") as state:
        provider = Azure(state, workspace)
        provider.pause = 0.01
        ensure_group(provider._arm, workspace, order, Attempt("try"), null_sink)
        ensure_subnet(provider._arm, workspace, order, Attempt("try"), null_sink)
    tags = {"ez:workspace": "team", "ez:computer": "gpu1", "ez:owner": "ben", "ez:create-id": "0123456789ab"}
    azure.seed(1, tags=tags)
    done = ana.ez("workspace", "delete", "team", "--yes", code=2)
    assert "the workspace `team` has 1 computer: gpu1 (ben's)" in done.told
    seen = ana.ez("workspace", "info").stdout
    assert "account:   00000000-0000-0000-0000-000000000000 (Rehearsal)" in seen
    assert seen.splitlines()[-1].split()[:4] == ["gpu1", "running", "Standard_D2s_v5", "eastus"]
    assert seen.splitlines()[-1].split()[-1] == "ben"

    azure.cloud.store.drop(azure.machine("gpu1"))
    plan = ana.ez("workspace", "delete", "team", "--dry-run")
    shown = [tuple(line.split()[:2]) for line in plan.stdout.splitlines()[1:]]
    assert shown == [("network", "ez-eastus"), ("group", "ez-team")]
    assert "2 things removed" in ana.ez("workspace", "delete", "team", "--yes").stderr
    assert not any("ez-team" in one for one in azure.resources())


def test_the_doctor_looks_at_the_clouds_that_are_used(ana: Person, azure: Emulator, repo: Path) -> None:
    (repo / "ez.toml").write_text('[workspace]\nname = "vision"\nprovider = "azure"\nregions = "eastus moon"\n')

    def look(code: int | None = None) -> dict[str, dict[str, str]]:
        return {check["id"]: check for check in ana.ez("doctor", "--json", cwd=repo, code=code).json}

    found = look()
    assert (found["repo-workspace"]["status"], found["repo-workspace"]["fix"]) == ("warning", "ez workspace accept")
    assert found["cloud-azure"]["detail"] == f"ana in Rehearsal ({azure.subscription})"
    ana.ez("workspace", "accept", "--yes", cwd=repo)
    found = look(1)
    assert "repo-workspace" not in found
    assert found["workspace-azure"]["detail"] == "Azure has no region `moon`"
    azure.cloud.directory.signed_out = True
    gone = look(1)["cloud-azure"]
    assert (gone["status"], gone["fix"]) == ("failed", "az login")
    assert "expired" in gone["detail"]
