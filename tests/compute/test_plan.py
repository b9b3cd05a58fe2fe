"""Facts to steps: each case is a file."""

import json
from pathlib import Path
from typing import Any

import pytest

from ez.compute.facts import parse
from ez.compute.plan import plan, warnings
from ez.errors import PrepareError
from ez.models import Network
from tests.compute.values import BARE, NOW, told

CASES = sorted((Path(__file__).parents[1] / "cases" / "prepare").glob("*.json"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_case(case: Path) -> None:
    wanted: dict[str, Any] = json.loads(case.read_text())
    assert wanted["facts"].keys() <= BARE.keys()
    network = dict(wanted.get("network", {}))
    network["mirrors"] = tuple(tuple(pair) for pair in network.get("mirrors", ()))
    facts, engine = parse("box", BARE | wanted["facts"], NOW), wanted.get("engine", True)
    if "error" in wanted:
        with pytest.raises(PrepareError) as raised:
            plan(facts, Network(**network), engine=engine)
        assert (raised.value.message, raised.value.hint) == (wanted["error"], wanted["hint"])
    else:
        assert [[step.id, *step.args] for step in plan(facts, Network(**network), engine=engine)] == wanted["steps"]


def test_every_script_of_a_plan_is_there() -> None:
    folder = Path(__file__).parents[2] / "ez" / "compute" / "scripts"
    for case in CASES:
        facts = parse("box", BARE | json.loads(case.read_text())["facts"], NOW)
        try:
            steps = plan(facts, Network(ca_bundle="x", http_proxy="y", mirrors=(("registry", "z"),)))
        except PrepareError:
            continue
        assert all((folder / f"{step.script}.sh").is_file() for step in steps)


def test_secrets_of_a_proxy_are_settings_and_no_arguments() -> None:
    proxy = 'http://me:pa%ss"word\\@proxy:3128'
    steps = plan(told(), Network(https_proxy=proxy, no_proxy="localhost, .corp;rm"))
    assert not any("word" in argument for step in steps for argument in step.args)
    settings = {name: text for step in steps for name, text in step.settings}
    assert settings["proxy.conf"].splitlines() == [
        "[Service]",
        'Environment="HTTPS_PROXY=http://me:pa%%ss\\"word\\\\@proxy:3128"',
        'Environment="NO_PROXY=localhost,.corp;rm"',
    ]
    assert settings["apt.conf"].splitlines() == [
        'Acquire::https::Proxy "http://me:pa%ss%22word\\@proxy:3128";',
        'Acquire::https::Proxy::localhost "DIRECT";',
    ]


def test_mirrors_leave_the_machine_s_own_settings_alone() -> None:
    network = Network(mirrors=(("apt.debian", "http://mirror/debian"), ("registry", "http://mirror:5000")))
    facts = told(docker__config="eyJkZWJ1ZyI6IHRydWUsICJyZWdpc3RyeS1taXJyb3JzIjogWyJodHRwOi8vb2xkIl19")
    settings = {name: text for step in plan(facts, network) for name, text in step.settings}
    assert json.loads(settings["daemon.json"]) == {
        "debug": True,
        "registry-mirrors": ["http://mirror:5000", "http://old"],
        "insecure-registries": ["http://mirror:5000"],
    }
    assert settings["daemon.json.before"] == '{"debug": true, "registry-mirrors": ["http://old"]}'
    assert settings["sources.list"].splitlines()[0] == (
        "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror/debian bookworm main"
    )
    assert "/etc/apt" not in "".join(settings.values())


def test_warnings() -> None:
    info = "28.2.2|overlay2|/var/lib/docker|[]|runc |[name=rootless]"
    assert len(warnings(told(docker__engine="user", docker__info=info, disk__docker="1000000"))) == 2
    assert warnings(told()) == ()
