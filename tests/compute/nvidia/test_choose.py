"""Cards and drivers: the tables fit together, and what is chosen is what the card and the machine can do."""

from itertools import pairwise

import pytest

from ez.compute.need import GpuNeed
from ez.compute.nvidia.branches import all_branches, branch_of, opens_by_default, sources, system, toolkit_repository
from ez.compute.nvidia.cards import card_of, cards, generations, named, quirks, shared
from ez.compute.nvidia.choose import Choice, Machine, Refusal, check_driver, choose, doubts
from ez.compute.nvidia.found import Gpu

SYSTEMS = sorted({name for source in sources() for name in source.systems})


def gpus(*devices: str, subsystem: str = "0000") -> tuple[Gpu, ...]:
    return tuple(Gpu(f"0000:0{number}:00.0", "10de", device, subsystem) for number, device in enumerate(devices))


def chosen(device: str, machine: Machine, **need: object) -> Choice:
    found = choose(gpus(device), GpuNeed(**need), machine, {})  # type: ignore[arg-type]
    assert isinstance(found, Choice), found
    return found


def test_generations_do_not_overlap() -> None:
    spans = sorted(tuple(int(end, 16) for end in span.split("-")) for _, ranges in generations() for span in ranges)
    assert all(first[1] < second[0] for first, second in pairwise(spans))


@pytest.mark.parametrize(
    ("device", "name", "generation", "capability", "modules"),
    [
        ("102d", "Tesla K80", "Kepler", "3.7", "closed"),
        ("13f2", "Tesla M60", "Maxwell", "5.2", "closed"),
        ("15f9", "Tesla P100", "Pascal", "6.0", "closed"),
        ("1db6", "Tesla V100", "Volta", "7.0", "closed"),
        ("1eb8", "Tesla T4", "Turing", "7.5", "either"),
        ("2191", "Turing card", "Turing", "7.5", "either"),
        ("20b2", "A100", "Ampere", "8.0", "either"),
        ("2236", "A10", "Ampere", "8.6", "either"),
        ("2335", "H200", "Hopper", "9.0", "either"),
        ("2342", "GH200", "Grace Hopper", "9.0", "open"),
        ("26b9", "L40S", "Ada", "8.9", "either"),
        ("2901", "B200", "Blackwell", "10.0", "open"),
        ("2d04", "Blackwell card", "Blackwell", "12.0", "open"),
        ("31c2", "GB300", "Blackwell", "10.3", "open"),
    ],
)
def test_cards(device: str, name: str, generation: str, capability: str, modules: str) -> None:
    found = card_of(device)
    assert (found.name, found.generation, found.capability, found.modules) == (name, generation, capability, modules)


def test_every_card_that_can_be_had_has_a_driver_somewhere() -> None:
    for generation, ranges in generations():
        device = ranges[0].partition("-")[0]
        found = [
            choose(gpus(device), GpuNeed(), Machine(name, arch), {})
            for name in SYSTEMS
            for arch in ("x86_64", "aarch64")
        ]
        assert any(isinstance(one, Choice) for one in found) == (generation != "Fermi"), generation
        assert generation == "Fermi" or named(generation)


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_choice_fits_its_card_and_what_is_wanted(name: str) -> None:
    for _, ranges in generations():
        device = ranges[0].partition("-")[0]
        for cuda in (None, (11, 4), (12, 4), (12, 8), (13, 0), (13, 2), (13, 3)):
            found = choose(gpus(device), GpuNeed(cuda=cuda), Machine(name, "x86_64"), {})
            if isinstance(found, Refusal):
                assert found.what
                assert found.hint
                continue
            card, branch = card_of(device), branch_of(found.branch)
            assert branch is not None
            assert branch.drives(card)
            assert branch.runs(cuda, exact=True)
            assert {"open": card.modules != "closed", "proprietary": card.modules != "open"}[found.flavour]
            assert not any(mark in group for group in found.packages for mark in "{} ")


def test_the_default_branch_is_tried_first_and_previews_last() -> None:
    assert [branch.number for branch in all_branches()][:3] == [580, 590, 595]
    assert all_branches()[-1].preview
    assert opens_by_default(580)
    assert not opens_by_default(535)


def test_secure_boot_takes_signed_modules_only() -> None:
    found = chosen("1eb8", Machine("ubuntu 24.04", "x86_64", secure_boot=True))
    assert found.packages[0] == ("linux-modules-nvidia-580-server-open-FLAVOUR,nvidia-headless-no-dkms-580-server-open")
    refused = choose(gpus("1eb8"), GpuNeed(), Machine("debian 12", "x86_64", secure_boot=True), {})
    assert isinstance(refused, Refusal)
    assert not refused.mismatch
    refused = choose(gpus("102d"), GpuNeed(), Machine("debian 13", "x86_64", secure_boot=True), {})
    assert isinstance(refused, Refusal)
    assert refused.hint == "use Ubuntu 24.04 or an image that brings a driver"


def test_repositories() -> None:
    repository = chosen("27b8", Machine("debian 13", "aarch64")).repository
    assert repository is not None
    assert repository.url == "https://developer.download.nvidia.com/compute/cuda/repos/debian13/sbsa/"
    assert repository.key.startswith(f"{repository.url}3bf863cc.pub|{repository.url}")
    assert repository.key.count("|") == repository.fingerprint.count("|") == 1
    # A mirror signs with whatever key it has.
    mirrors = {"nvidia": "http://mirror/cuda/", "nvidia_toolkit": "http://mirror/toolkit"}
    found = choose(gpus("27b8"), GpuNeed(), Machine("debian 12", "x86_64"), mirrors)
    assert isinstance(found, Choice)
    assert found.repository is not None
    assert (found.repository.url, found.repository.fingerprint) == ("http://mirror/cuda/debian12/x86_64/", "")
    toolkit = toolkit_repository("aarch64", mirrors)
    assert toolkit is not None
    assert (toolkit.url, toolkit.key) == ("http://mirror/toolkit/stable/deb/arm64/", "http://mirror/toolkit/gpgkey")
    assert toolkit_repository("riscv64", {}) is None
    more = chosen("102d", Machine("debian 12", "x86_64")).repository
    assert more is not None
    assert more.args[1:4] == ("http://deb.debian.org/debian", "bookworm", "contrib non-free")


def test_parts_of_cards_and_quirks() -> None:
    (part,) = gpus("27b8", subsystem="1733")
    assert shared(part, "aws") is not None
    assert shared(part, "google") is None
    assert shared(gpus("27b8")[0], "aws") is None
    assert chosen("2236", Machine("ubuntu 22.04", "x86_64", cloud="azure")).url.endswith("-grid-azure.run")
    firmware_off = chosen("1eb8", Machine("ubuntu 22.04", "x86_64", cloud="aws"))
    assert (firmware_off.flavour, firmware_off.options) == (
        "proprietary",
        "options nvidia NVreg_EnableGpuFirmware=0\n",
    )
    assert quirks(gpus("1eb8"), "azure") == ()
    # Where only the open module will do, a quirk of another card does not take it away.
    mixed = choose(gpus("1eb8", "2bb5"), GpuNeed(), Machine("ubuntu 24.04", "x86_64", cloud="aws"), {})
    assert isinstance(mixed, Choice)
    assert mixed.flavour == "open"


def test_boards_of_blackwell_want_a_subnet_manager() -> None:
    groups = {device: chosen(device, Machine("debian 13", "x86_64")).fabric for device in ("2901", "2330")}
    assert "nvlsm|" in groups["2901"]
    assert "nvlsm|" not in groups["2330"]


def test_installed_drivers() -> None:
    need = GpuNeed(cuda=(12, 4), reason="nvidia/cuda:12.4.1-base")
    refused = check_driver(gpus("1eb8"), need, "535.261.03")
    assert refused is not None
    assert refused.mismatch
    assert refused.hint == "use CUDA 12.2 or older"
    assert check_driver(gpus("1eb8"), need, "550.163.01") is None
    assert check_driver(gpus("1eb8"), GpuNeed(cuda=(12, 4), exact=False), "535.261.03") is None
    assert check_driver(gpus("1eb8"), GpuNeed(cuda=(13, 0), exact=False), "535.261.03") is not None
    # Newer than the table, and older than it.
    assert check_driver(gpus("1eb8"), GpuNeed(cuda=(13, 3)), "999.1") is None
    assert check_driver(gpus("1eb8"), GpuNeed(cuda=(13, 3)), "304.1") is None
    # A card that lost its compilers is refused whatever the driver is.
    assert check_driver(gpus("1db6"), GpuNeed(cuda=(13, 0)), "580.95.05") is not None


def test_doubts() -> None:
    need = GpuNeed(cuda=(12, 4), reason="torch==2.5.1+cu124")
    (doubt,) = doubts(gpus("2901", "2901"), need)
    assert "B200 (Blackwell)" in doubt
    assert "12.8" in doubt
    assert doubts(gpus("1eb8"), need) == doubts(gpus("2901"), GpuNeed()) == ()


def test_systems_by_their_code_names() -> None:
    assert system("debian", "12", "bookworm") == "debian 12"
    assert system("linuxmint", "22", "noble") == "ubuntu 24.04"
    assert system("debian", "", "forky") == "debian "


def test_cards_of_others_do_not_count() -> None:
    lent = Gpu("0000:01:00.0", "10de", "1eb8", "12a2", "vfio-pci")
    assert cards((lent, Gpu("0000:02:00.0", "1002", "7461"), *gpus("1eb8"))) == gpus("1eb8")
