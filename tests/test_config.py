"""Settings: where each value comes from, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from ez.config import (
    KEYS,
    PERSONAL,
    RepoWorkspace,
    Settings,
    accept,
    own_file,
    own_workspaces,
    project_at,
    resolve,
    write_value,
)
from ez.errors import ConfigError


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path)}


def user_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / ".config" / "ez" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def computer_of(settings: Settings) -> tuple[str, str]:
    return settings.text("defaults.computer"), settings.sources["defaults.computer"]


def test_each_layer_wins_over_the_one_before(tmp_path: Path, variables: dict[str, str]) -> None:
    assert computer_of(resolve(environment=variables)) == ("local", "default")
    path = user_file(tmp_path, '[defaults]\ncomputer = "user"\n')
    assert computer_of(resolve(environment=variables)) == ("user", str(path))
    (tmp_path / "ez.toml").write_text('[defaults]\ncomputer = "project"\n')
    assert computer_of(resolve(environment=variables, project=tmp_path)) == ("project", "ez.toml")
    variables["EZ_COMPUTE"] = "variable"
    assert computer_of(resolve(environment=variables, project=tmp_path)) == ("variable", "variable EZ_COMPUTE")
    flagged = resolve(environment=variables, project=tmp_path, flags={"defaults.computer": "flag"})
    assert computer_of(flagged) == ("flag", "command line")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[defaults]\ncomputr = 'x'\n", "did you mean `defaults.computer`?"),
        ("[elsewhere]\nkey = 1\n", "ez config ls"),
        ("computer = 'x'\n", "did you mean `defaults.computer`?"),
        ("[defaults]\nagent = 3\n", KEYS["defaults.agent"].help),
        ("[defaults\n", "correct or remove"),
        (f"computer = {'[' * 5000}", "correct or remove"),
        ("[defaults]\ncomputer = 'x'\ncomputer = 'y'\n", "correct or remove"),
    ],
)
def test_a_wrong_file_is_named(text: str, named: str, tmp_path: Path, variables: dict[str, str]) -> None:
    path = user_file(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        resolve(environment=variables)
    assert str(path) in caught.value.message
    assert named in (caught.value.hint or "")


@pytest.mark.parametrize("key", sorted(PERSONAL))
def test_a_repo_may_not_say_where_downloads_come_from_or_take_the_agent(
    key: str, tmp_path: Path, variables: dict[str, str]
) -> None:
    table, name = key.split(".")
    value = "true" if KEYS[key].kind is bool else '"evil"'
    (tmp_path / "ez.toml").write_text(f"[{table}]\n{name} = {value}\n")
    with pytest.raises(ConfigError, match="may not be set in a repo"):
        resolve(environment=variables, project=tmp_path)


def test_a_repos_file_that_never_ends_is_not_read(tmp_path: Path, variables: dict[str, str]) -> None:
    (tmp_path / "ez.toml").symlink_to("/dev/zero")
    with pytest.raises(ConfigError, match="it is no file"):
        resolve(environment=variables, project=tmp_path)


def test_a_variable_of_the_wrong_kind_is_named(variables: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="EZ_AGENT"):
        resolve(environment={**variables, "EZ_AGENT": "perhaps"})
    assert resolve(environment={**variables, "EZ_AGENT": "off"}).flag("defaults.agent") is False


def test_writing_keeps_comments_and_other_keys(tmp_path: Path, variables: dict[str, str]) -> None:
    path = user_file(tmp_path, '# mine\n[defaults]\nide = "code" # always\n')
    write_value(path, "defaults.computer", "box")
    write_value(path, "network.pip_index", "https://index.example.org/simple")
    assert computer_of(resolve(environment=variables))[0] == "box"
    write_value(path, "defaults.computer", None)
    write_value(path, "network.pip_index", None)
    text = path.read_text()
    assert "# mine" in text
    assert 'ide = "code" # always' in text
    assert "computer" not in text
    assert path.stat().st_mode & 0o777 == 0o600


def test_writing_goes_through_a_link_and_says_what_is_in_its_way(tmp_path: Path) -> None:
    real, link = tmp_path / "dotfiles" / "ez.toml", tmp_path / "config.toml"
    link.symlink_to(real)
    write_value(link, "defaults.computer", "box")
    assert link.is_symlink()
    assert [path.name for path in real.parent.iterdir()] == ["ez.toml"]
    with pytest.raises(ConfigError, match="cannot be written"):
        write_value(real / "below" / "config.toml", "defaults.computer", "box")


def test_a_user_without_a_home_is_told_so() -> None:
    with pytest.raises(ConfigError, match="home"):
        resolve(environment={"HOME": "nowhere"})


def test_certificates_are_read_and_checked(tmp_path: Path, variables: dict[str, str]) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n")
    assert resolve(environment={**variables, "SSL_CERT_FILE": str(bundle)}).network().ca_bundle == bundle.read_text()
    assert resolve(environment={**variables, "EZ_CA_BUNDLE": "none"}).network().ca_bundle == ""
    for wrong in (tmp_path / "missing.pem", tmp_path, "~nobody-of-that-name/ca.pem"):
        with pytest.raises(ConfigError, match="cannot be read"):
            resolve(environment={**variables, "EZ_CA_BUNDLE": str(wrong)}).network()
    bundle.write_text("no certificate")
    with pytest.raises(ConfigError, match="no PEM certificate"):
        resolve(environment={**variables, "EZ_CA_BUNDLE": str(bundle)}).network()


def test_mirrors_and_proxies_reach_the_network_value(variables: dict[str, str]) -> None:
    given = {"https_proxy": "http://proxy.example.org:3128", "EZ_APT_DEBIAN": "http://mirror.example.org/debian"}
    network = resolve(environment={**variables, **given, "EZ_CA_BUNDLE": "none"}).network()
    assert network.https_proxy == "http://proxy.example.org:3128"
    assert network.mirrors == (("apt.debian", "http://mirror.example.org/debian"),)


TEAM = '[workspace]\nname = "team"\nprovider = "aws"\naccount = "evil"\nregions = "eu-west-1"\n'


def repo_of(settings: Settings) -> RepoWorkspace:
    assert settings.repo_workspace is not None
    return settings.repo_workspace


def test_a_repos_workspace_counts_once_it_is_accepted_and_not_after_a_change(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    user_file(tmp_path, '[workspace]\nprovider = "azure"\naccount = "mine"\nnetwork = "net/own"\n')
    (tmp_path / "ez.toml").write_text(TEAM + 'registry = "registry.example.org/team"\n')

    def look() -> Settings:
        return resolve(environment=variables, project=tmp_path)

    ignored = look()
    assert ignored.offered == repo_of(ignored)
    workspace = ignored.workspace()
    assert (workspace.name, workspace.provider, workspace.account) == ("default", "azure", "mine")
    assert ignored.text("cache.registry") == ""

    accept(repo_of(ignored), ignored.directories)
    used = look()
    assert used.offered is None
    workspace = used.workspace()
    assert (workspace.name, workspace.provider, workspace.account) == ("team", "aws", "evil")
    assert (workspace.regions, workspace.network) == (("eu-west-1",), "")
    assert used.text("cache.registry") == workspace.registry == "registry.example.org/team"
    assert used.sources["cache.registry"] == "workspace team (ez.toml)"

    for change in ('private = true\n[defaults]\ncomputer = "large"\n', '[defaults]\ncomputer = "large"\n'):
        (tmp_path / "ez.toml").write_text(TEAM + change)
        assert look().offered is not None
        assert look().workspace().name == "default"
        assert look().names_computer_unasked


def test_the_person_decides_more_than_the_repo(tmp_path: Path, variables: dict[str, str]) -> None:
    (tmp_path / "ez.toml").write_text(TEAM)
    settings = resolve(environment=variables, project=tmp_path)
    own = own_file(settings.directories, "team")
    own.parent.mkdir(parents=True)
    own.write_text('[workspace]\nregions = "eu-west-3"\njump = "door"\n')
    accept(repo_of(settings), settings.directories)
    workspace = resolve(environment=variables, project=tmp_path).workspace()
    assert (workspace.account, workspace.regions, workspace.jump) == ("evil", ("eu-west-3",), "door")
    # Another cloud has neither this account nor these regions.
    workspace = resolve(environment={**variables, "EZ_PROVIDER": "azure"}, project=tmp_path).workspace()
    assert (workspace.provider, workspace.account, workspace.regions) == ("azure", "", ())
    # One asked for by name: nothing of the repo's counts, and nobody is asked about it.
    own_file(settings.directories, "mine").write_text('[workspace]\nprovider = "azure"\n')
    mine = resolve(environment={**variables, "EZ_WORKSPACE": "mine"}, project=tmp_path)
    assert (mine.offered, mine.workspace().provider, mine.workspace().account) == (None, "azure", "")
    assert own_workspaces(settings.directories) == ["mine", "team"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[workspace]\nprovider = "aws"\n', "without a name"),
        ('[workspace]\nname = "../../escape"\n', "not a name for a workspace"),
        ('[workspace]\nname = "team"\nowner = "ben"\n', "may not be set in a repo"),
        ('[workspace]\nname = "team"\njump = "evil"\n', "may not be set in a repo"),
        ('[azure]\nendpoint = "https://evil.example"\n', "may not be set in a repo"),
    ],
)
def test_what_a_repos_workspace_may_not_say(text: str, told: str, tmp_path: Path, variables: dict[str, str]) -> None:
    (tmp_path / "ez.toml").write_text(text)
    with pytest.raises(ConfigError, match=told):
        resolve(environment=variables, project=tmp_path)


def test_secrets_of_a_repo_are_told_from_those_of_the_person(tmp_path: Path, variables: dict[str, str]) -> None:
    user_file(tmp_path, '[secrets]\nMINE = "file"\nBOTH = "file"\nNOT_HERE = "env"\n')
    (tmp_path / "ez.toml").write_text('[secrets]\nTHEIRS = "env"\nBOTH = "env:OTHER"\nNOT_HERE = ""\n')
    found = resolve(environment=variables, project=tmp_path).secrets
    assert found == {"BOTH": ("env:OTHER", True), "MINE": ("file", False), "THEIRS": ("env", True)}
    (tmp_path / "ez.toml").write_text("[secrets]\nA = 1\n")
    with pytest.raises(ConfigError, match="string"):
        resolve(environment=variables, project=tmp_path)


def test_shares_are_the_workspaces_and_count_once_they_are_accepted(tmp_path: Path, variables: dict[str, str]) -> None:
    user_file(tmp_path, '[shares]\nmine = "/srv/mine:/mine"\n')
    shares = '[shares]\ndata = "nfs://files.example.org/data:/data:ro"\nhome = "local:~:/home/of/me"\n'
    (tmp_path / "ez.toml").write_text(TEAM + shares)

    def look() -> Settings:
        return resolve(environment=variables, project=tmp_path)

    offered = look()
    assert offered.shares == (("mine", "/srv/mine:/mine"),)
    assert ("shares.home", "local:~:/home/of/me") in repo_of(offered).says
    accept(repo_of(offered), offered.directories)
    assert [name for name, _ in look().shares] == ["data", "home", "mine"]
    # A person leaves one out for themselves.
    write_value(own_file(offered.directories, "team"), "shares.home", "")
    assert [name for name, _ in look().shares] == ["data", "mine"]
    (tmp_path / "ez.toml").write_text(TEAM + shares.replace("local:~", "local:/"))
    assert look().offered is not None
    assert [name for name, _ in look().shares] == ["mine"]


@pytest.mark.parametrize(
    ("share", "told"),
    [
        ('data = "nowhere"', "not a share, in"),
        ('data = "nfs://server/data:relative"', "not a share, in"),
        ('data = "/srv:/data/../etc"', "not a share, in"),
        ('data = "/srv\\u001b[31m:/data"', "not a share, in"),
        ('data = "smb://ann:secret@server/data:/data"', "a password in the share `data`"),
        ('"Data Set" = "/srv:/data"', "not a name for a share"),
        ("data = 3", "must be a string"),
    ],
)
def test_what_is_no_share(share: str, told: str, tmp_path: Path, variables: dict[str, str]) -> None:
    user_file(tmp_path, f"[shares]\n{share}\n")
    with pytest.raises(ConfigError, match=told):
        resolve(environment=variables)


@pytest.mark.parametrize(("key", "value"), [("workspace.idle", "soon"), ("workspace.stop_daily", "2500")])
def test_times_of_a_workspace_are_checked(key: str, value: str, variables: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=f"`{key}` is a "):
        resolve(environment=variables, flags={key: value}).workspace()


def test_an_own_workspace_holds_nothing_else(tmp_path: Path, variables: dict[str, str]) -> None:
    path = own_file(resolve(environment=variables).directories, "default")
    path.parent.mkdir(parents=True)
    path.write_text('[defaults]\nide = "code"\n')
    with pytest.raises(ConfigError, match="not a setting of a workspace"):
        resolve(environment=variables)


def test_the_file_of_a_repo_is_found_from_below_and_not_above_it(tmp_path: Path) -> None:
    below = tmp_path / "repo" / "src"
    below.mkdir(parents=True)
    (tmp_path / "ez.toml").touch()
    assert project_at(below) == tmp_path
    (tmp_path / "repo" / ".git").touch()
    assert project_at(below) == below
    (tmp_path / "repo" / "ez.toml").touch()
    assert project_at(below) == tmp_path / "repo"
