"""Settings: where each value comes from, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from ez.config import KEYS, PERSONAL, Settings, resolve, write_value
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
