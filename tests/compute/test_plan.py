"""Facts and need to steps: each case is a file."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from ez.compute.facts import parse
from ez.compute.need import GpuNeed, Need
from ez.compute.plan import plan, warnings
from ez.errors import HostError, PrepareError
from ez.models import Network
from scripts.lib.prepare_cases import MACHINES, NOW, Case, cases
from tests.compute.values import told

CASES = cases()
SCRIPTS = Path(__file__).parents[2] / "ez" / "compute" / "scripts"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    """Steps are those of the case, in that order; of arguments the case may name the first ones only."""
    if case.error:
        with pytest.raises(PrepareError) as raised:
            plan(case.facts, case.need, repair=case.repair)
        assert (raised.value.message, raised.value.hint) == (case.error, case.hint)
        return
    steps = plan(case.facts, case.need, repair=case.repair)
    assert [step.id for step in steps] == [id for id, *_ in case.steps]
    for step, (_, *arguments) in zip(steps, case.steps, strict=True):
        assert list(step.args[: len(arguments)]) == arguments
    assert list(warnings(case.facts, case.need, repair=case.repair)) == case.says


def test_there_are_enough_cases_and_no_two_are_the_same() -> None:
    assert len(CASES) >= 60
    described = [(json.dumps(dict(case.values), sort_keys=True), case.need, case.repair) for case in CASES]
    assert len(set(map(str, described))) == len(CASES)


@pytest.mark.parametrize("case", [case for case in CASES if not case.error], ids=lambda case: case.name)
def test_steps_can_be_told_to_a_job(case: Case) -> None:
    """Their programs are there, their arguments have no line ends, and what restarts a machine stands together."""
    steps = plan(case.facts, case.need, repair=case.repair)
    assert all((SCRIPTS / f"{step.script}.sh").is_file() for step in steps)
    assert len({step.id for step in steps}) == len(steps)
    assert not any(set(text) & set("\n\x1f") for step in steps for text in (step.title, *step.args))
    ids = [step.id for step in steps]
    if "kernel" in ids and "nouveau" in ids:
        assert ids.index("kernel") == ids.index("nouveau") + 1


def test_secrets_of_a_proxy_are_settings_and_no_arguments() -> None:
    proxy = 'http://me:pa%ss"word\\@proxy:3128'
    steps = plan(told(), Need(Network(https_proxy=proxy, no_proxy="localhost, .corp;rm")))
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
    settings = {name: text for step in plan(facts, Need(network)) for name, text in step.settings}
    merged = json.loads(settings["daemon.json"])
    assert merged["debug"] is True
    assert merged["registry-mirrors"] == ["http://mirror:5000", "http://old"]
    assert merged["insecure-registries"] == ["http://mirror:5000"]
    assert settings["daemon.json.before"] == '{"debug": true, "registry-mirrors": ["http://old"]}'
    assert settings["sources.list"].splitlines()[0] == (
        "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror/debian bookworm main"
    )
    assert "/etc/apt" not in "".join(settings.values())


def test_every_step_that_installs_goes_through_the_proxy() -> None:
    facts = told(gpus="0001:00:00.0/10de/20b2/1463/", switches="6")
    steps = plan(facts, Need(Network(http_proxy="http://proxy:3128"), gpu=GpuNeed()))
    with_proxy = {step.id for step in steps if "apt.conf" in dict(step.settings)}
    assert with_proxy >= {"kernel", "headers", "repository", "driver", "fabric", "persistence", "toolkit", "engine"}


def test_warnings() -> None:
    info = "28.2.2|overlay2|/var/lib/docker|[]|runc |[name=rootless]"
    assert len(warnings(told(docker__engine="user", docker__info=info, disk__docker="1000000"))) == 2
    assert warnings(told()) == ()


def test_no_case_depends_on_a_part_that_is_gone() -> None:
    assert all(part.keys() <= MACHINES["bare"].keys() for part in MACHINES.values())


@settings(max_examples=300, deadline=None)
@given(
    machine=some.lists(some.sampled_from(sorted(MACHINES)), max_size=5),
    lies=some.dictionaries(
        some.sampled_from(sorted(MACHINES["bare"])),
        some.one_of(some.text(), some.sampled_from(["yes", "no", "0", "9" * 5000, "9" * 5000 + ".1", "a/b/install"])),
        max_size=4,
    ),
    repair=some.booleans(),
)
def test_whatever_a_computer_tells_is_steps_or_an_error(machine: list[str], lies: dict[str, str], repair: bool) -> None:
    """No text of it gets into a job as more than one word, and none is taken for a number that it is not."""
    values = {key: value for part in ("bare", *machine) for key, value in MACHINES[part].items()} | lies
    need = Need(gpu=GpuNeed(cuda=(12, 4), exact=False))
    try:
        facts = parse("box", values, NOW)
        steps = plan(facts, need, repair=repair)
    except (HostError, PrepareError):
        return
    texts = [text for step in steps for text in (step.title, *step.args)]
    assert not any(set(text) & set("\n\r\x1f\x1b") for text in (*texts, *warnings(facts, need, repair=repair)))
