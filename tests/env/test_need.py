"""What definitions and settings want of a computer."""

from pathlib import Path

import pytest

from ez.build.load import load
from ez.compute.need import GpuNeed, IdleNeed
from ez.config import resolve
from ez.env.container import create_arguments
from ez.env.need import asked_gpu, gives_by_cdi, gpu_need, idle_need, why_no_cards
from ez.errors import ConfigError, UsageError
from tests.compute.values import told
from tests.env.test_container import planned, values_of

BASE = 'def build():\n    base(image="ubuntu:22.04")\n'


def wanted(folder: Path, text: str, **files: str) -> GpuNeed | None:
    (folder / "build.envd").write_text(text)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content)
    return gpu_need(load(folder, "hello"))


def test_no_cards_are_no_need(tmp_path: Path) -> None:
    assert wanted(tmp_path, f'{BASE}    run(["echo torch==2.5.1+cu124"])\n') is None


def test_the_base_image_wants_a_driver_that_knows_its_cuda(tmp_path: Path) -> None:
    text = f'{BASE}    install.cuda(version="12.4.1")\n    run(["pip install torch==2.5.1+cu118"])\n'
    found = wanted(tmp_path, text)
    assert found is not None
    assert found.reason.startswith("nvidia/cuda:12.4.1-")
    assert (found.cuda, found.exact, found.required) == ((12, 4), True, False)


@pytest.mark.parametrize(
    ("command", "cuda", "reason"),
    [
        ("pip install torch==2.5.1+cu124 torchvision==0.20.1+cu118", (12, 4), "torch==2.5.1+cu124"),
        ("pip install torch --index-url https://download.pytorch.org/whl/cu130", (13, 0), "whl/cu130"),
        ("pip install nvidia-cuda-runtime-cu12==12.8.90", (12, 8), "nvidia-cuda-runtime-cu12==12.8"),
        ("conda install pytorch-cuda=12.1", (12, 1), "pytorch-cuda=12.1"),
        ("pip install torch", None, ""),
        ("pip install mycu124 torch==2.5.1", None, ""),
    ],
)
def test_pinned_wheels_want_any_driver_of_their_major_version(
    tmp_path: Path, command: str, cuda: tuple[int, int] | None, reason: str
) -> None:
    found = wanted(tmp_path, f'{BASE}    config.gpu(count=1)\n    run(["{command}"])\n')
    assert found == GpuNeed(cuda=cuda, reason=reason, exact=False)


def test_pins_in_files_of_the_repo(tmp_path: Path) -> None:
    text = f'{BASE}    config.gpu(count=-1)\n    install.python_packages(requirements="requirements.txt")\n'
    found = wanted(tmp_path, text, requirements__txt="numpy\ntorch==2.7.0+cu128\n")
    assert found == GpuNeed(cuda=(12, 8), reason="torch==2.7.0+cu128", exact=False)


def test_what_a_person_asks_for() -> None:
    assert asked_gpu(None, None) is asked_gpu(False, None) is None
    assert asked_gpu(True, None) == GpuNeed(required=True)
    assert asked_gpu(None, "12.4.1") == GpuNeed(required=True, cuda=(12, 4), reason="--cuda")
    for cuda in ("12", "twelve.4", "٣.4"):
        with pytest.raises(UsageError, match="`--cuda` is no version"):
            asked_gpu(None, cuda)
    with pytest.raises(UsageError, match="`--cuda` is for cards that `--no-gpu` leaves alone"):
        asked_gpu(False, "12.4")


@pytest.mark.parametrize(
    ("after", "action", "need"),
    [
        ("", "suspend", None),
        ("off", "suspend", IdleNeed(0)),
        ("60", "suspend", IdleNeed(60)),
        ("5", "poweroff", IdleNeed(5, "poweroff")),
    ],
)
def test_idle_settings(home: Path, after: str, action: str, need: IdleNeed | None) -> None:
    environment = {"HOME": str(home), "EZ_IDLE_AFTER": after, "EZ_IDLE_ACTION": action}
    assert idle_need(resolve(environment=environment)) == need


@pytest.mark.parametrize(("after", "action"), [("4", "suspend"), ("1h", "suspend"), ("9" * 99, "suspend"), ("60", "x")])
def test_idle_settings_that_are_none(home: Path, after: str, action: str) -> None:
    environment = {"HOME": str(home), "EZ_IDLE_AFTER": after, "EZ_IDLE_ACTION": action}
    with pytest.raises(ConfigError, match="idle"):
        idle_need(resolve(environment=environment))


@pytest.mark.parametrize(
    ("engine", "settings", "cdi", "by_cdi"),
    [
        ("28.5.1", "", "yes", True),
        ("28.5.1", "", "no", False),
        ("26.1.5", "eyJmZWF0dXJlcyI6IHsiY2RpIjogdHJ1ZX19", "yes", True),
        ("26.1.5", "eyJmZWF0dXJlcyI6IDF9", "yes", False),
        ("26.1.5", "e30=", "yes", False),
        ("20.10.24", "eyJmZWF0dXJlcyI6IHsiY2RpIjogdHJ1ZX19", "yes", False),
    ],
)
def test_how_containers_get_cards(engine: str, settings: str, cdi: str, by_cdi: bool) -> None:
    info = f"{engine}|overlay2|/var/lib/docker|[]|runc |[]||0"
    found = told(docker__engine="user", docker__info=info, docker__config=settings, nvidia__cdi=cdi)
    assert gives_by_cdi(found) is by_cdi


def test_cards_as_devices_are_no_reason_to_replace_a_container() -> None:
    spec = planned(gpu_present=True)
    assert planned(gpu_present=True, cdi=True).spec == spec.spec
    arguments = create_arguments(planned(gpu_present=True, cdi=True))
    assert values_of(arguments, "--device") == ["nvidia.com/gpu=0"]
    assert "--gpus" not in arguments


def test_why_there_are_no_cards() -> None:
    card = "0000:01:00.0/10de/1eb8/12a2/"
    assert why_no_cards(told()) == ""
    assert why_no_cards(told(gpus=card)) == " (ez compute prepare box --gpu)"
    assert "Secure Boot" in why_no_cards(told(gpus=card, secure_boot="on"))
    assert "AMD" in why_no_cards(told(gpus="0000:01:00.0/1002/7461//"))
