"""The steps that make NVIDIA's cards usable in containers: facts and need to what is missing, pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from ez.compute.downloads import package_settings
from ez.compute.engine_settings import FIRST_WITH_CDI
from ez.compute.facts import Facts
from ez.compute.need import GpuNeed, Need
from ez.compute.nvidia import branches
from ez.compute.nvidia.cards import card, cards
from ez.compute.nvidia.choose import Choice, Machine, Refusal, check_driver, choose, dotted, doubts
from ez.compute.nvidia.found import AMD, Gpu, upstream
from ez.compute.step import Step

_HEADERS = "[ -e /lib/modules/$(uname -r)/build/Makefile ]"
_CAN_BUILD = f"{_HEADERS} && command -v dkms >/dev/null && command -v gcc >/dev/null && command -v make >/dev/null"
_CAN_HAVE_HEADERS = f'update_lists\n{_HEADERS} || is_available "linux-headers-$(uname -r)"'
_IS_BUILT_FOR = """update_lists
modules=$(names_in "$1")
! is_available "$modules" || apt-cache depends "$modules" | grep -q -- "-$(uname -r)\\$"
"""
_BRANCH_IS_INSTALLED = 'case "$(modinfo -F version nvidia)" in "$1".*) ;; *) false ;; esac'


@dataclass(frozen=True)
class GpuSteps:
    """`early` ones may restart the machine, and come before everything else; `last` ones need an engine that knows of
    the cards, `late` ones are between those. `usable`: in the end containers get the cards.

    `refusal` says why the cards cannot be used, and `notes` what a person should know; both are without the computer's
    name.
    """

    early: tuple[Step, ...] = ()
    late: tuple[Step, ...] = ()
    last: tuple[Step, ...] = ()
    usable: bool = False
    refusal: Refusal | None = None
    notes: tuple[str, ...] = ()

    @property
    def downloads(self) -> tuple[Step, ...]:
        """Those that install packages."""
        return tuple(step for step in (*self.early, *self.late) if step.script not in ("nouveau", "module"))


def gpu_steps(facts: Facts, need: Need, *, repair: bool = False) -> GpuSteps:
    """What is missing for `need.gpu`; with `repair` also what only seems to be there. Nothing where no card is."""
    if need.gpu is None:
        return GpuSteps()
    gpus = cards(facts.gpus)
    if not gpus and facts.nvidia.source != "windows":
        return _without_cards(facts, need.gpu)
    if facts.nvidia.source:
        return _with_driver(facts, need, need.gpu, gpus, repair=repair)
    if facts.place != "machine":
        what = "its cards have no driver, which belongs to its host"
        return GpuSteps(refusal=Refusal(what, "install NVIDIA's driver there (for WSL: in Windows)"))
    return _install(facts, need, need.gpu, gpus)


def machine_of(facts: Facts) -> Machine:
    """What of the computer decides on a driver. Derived systems count as the one that their packages are of."""
    return Machine(
        system=branches.system(facts.os.id, facts.os.version, facts.os.codename),
        arch=facts.arch,
        name=facts.os.name,
        secure_boot=facts.secure_boot == "on",
        cloud=facts.cloud,
    )


def _without_cards(facts: Facts, gpu: GpuNeed) -> GpuSteps:
    there = ""
    if any(one.driver == "vfio-pci" for one in facts.gpus):
        there = "its card is lent to virtual machines"
    elif any(one.vendor == AMD for one in facts.gpus):
        there = "its card is AMD's, and environments take NVIDIA's"
    if gpu.required:
        return GpuSteps(refusal=Refusal(there or "it has no NVIDIA card", "use a computer that has one"))
    return GpuSteps(notes=(f"{there}: left alone",) if there else ())


def _install(facts: Facts, need: Need, gpu: GpuNeed, gpus: tuple[Gpu, ...]) -> GpuSteps:
    choice = choose(gpus, gpu, machine_of(facts), dict(need.network.mirrors))
    if isinstance(choice, Refusal):
        return GpuSteps(refusal=choice)
    driver = (*_driver(facts, need, choice), *_services(facts, need, gpus, choice))
    early = _early(facts, need, choice.builds, choice.modules)
    return _with_containers(GpuSteps(early, driver, notes=doubts(gpus, gpu)), facts, need, gpus, anew=True)


def _with_driver(facts: Facts, need: Need, gpu: GpuNeed, gpus: tuple[Gpu, ...], *, repair: bool) -> GpuSteps:
    """A driver that is there is never replaced by another, but for one of ez's own that `repair` is to put right."""
    nvidia = facts.nvidia
    if nvidia.branch and (refusal := check_driver(gpus, gpu, nvidia.driver or nvidia.installed)):
        newer = _install(facts, need, gpu, gpus) if is_own(facts) else GpuSteps(refusal=refusal)
        if newer.refusal is None and not repair and gpu.cuda is not None:
            again = f"ez compute prepare {facts.computer} --repair --cuda {dotted(gpu.cuda)}"
            return GpuSteps(refusal=replace(refusal, hint=again))
        return newer
    has_module = bool(nvidia.installed or nvidia.driver) or nvidia.source == "windows"
    if not has_module and nvidia.source != "packages":
        what = f"its driver ({_ORIGINS[nvidia.source]}) is not there for kernel {facts.kernel}"
        return GpuSteps(refusal=Refusal(what, "install it again there, or remove it and prepare the computer again"))
    early, mending = _mending(facts, need, has_module=has_module, repair=repair and is_own(facts))
    late = (*mending, *_services(facts, need, gpus, None))
    found = GpuSteps(early, late, notes=(*_about(facts), *doubts(gpus, gpu)))
    return _with_containers(found, facts, need, gpus, anew=repair or bool(late))


def is_own(facts: Facts) -> bool:
    """Whether the driver is one that ez installed: packages that are held."""
    return facts.nvidia.source == "packages" and facts.nvidia.held


def _mending(facts: Facts, need: Need, *, has_module: bool, repair: bool) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """For a driver that is installed and not in use: early steps, and the rest."""
    nvidia = facts.nvidia
    if has_module and not repair:
        in_use = nvidia.source == "windows" or (nvidia.driver and nvidia.installed in ("", nvidia.driver))
        return (), () if in_use else (_module(),)
    builds = any("dkms" in package.name.replace("no-dkms", "") for package in nvidia.packages)
    settings, branch = package_settings(facts.os, need.network), str(_package_branch(facts))
    arguments = (branch, nvidia.flavour, "", _kernel(builds))
    finish = Step("driver", f"finish installing driver {branch}", "driver", arguments, settings)
    early = () if has_module else _early(facts, need, builds, _modules(facts))
    return early, (*(_headers(facts, need) if builds else ()), finish, _module())


def _kernel(builds: bool) -> str:
    """The group of what is held beside a driver: a newer kernel would be without its module."""
    return branches.kernel_packages()[0] if builds else branches.kernel_image()


def _modules(facts: Facts) -> str:
    """The package that brings modules for each new kernel of the distribution, empty where they are built."""
    names = [package.name for package in facts.nvidia.packages if package.name.startswith("linux-modules-nvidia-")]
    return next((name for name in names if not re.search(r"-\d+\.\d+\.\d", name, re.ASCII)), "")


def _package_branch(facts: Facts) -> int:
    numbers = [upstream(package.version).partition(".")[0] for package in facts.nvidia.packages]
    return max((int(number) for number in numbers if number.isdigit()), default=0)


def _early(facts: Facts, need: Need, builds: bool, modules: str = "") -> tuple[Step, ...]:
    """What may take a restart: nouveau out of the way, and a kernel that a module can be built for, or that the package
    `modules` is built for."""
    steps = []
    if any(gpu.driver == "nouveau" for gpu in cards(facts.gpus)):
        steps.append(Step("nouveau", "keep nouveau off the cards (restarts)", "nouveau", reboots=True))
    is_newest = facts.kernel_newest in ("", facts.kernel)
    if builds and not (is_newest and facts.kernel_headers):
        steps.append(
            Step(
                "kernel",
                "have a kernel that drivers can be built for" if is_newest else "start the newest kernel (restarts)",
                "kernel",
                branches.kernel_packages(),
                package_settings(facts.os, need.network),
                check=_CAN_HAVE_HEADERS if is_newest else "",
                reboots=True,
            )
        )
    elif modules:
        title = "have the kernel that signed modules are for" if is_newest else "start the newest kernel (restarts)"
        settings, check = package_settings(facts.os, need.network), _IS_BUILT_FOR if is_newest else ""
        arguments = (modules, branches.kernel_image())
        steps.append(Step("kernel", title, "signed-kernel", arguments, settings, check=check, reboots=True))
    return tuple(steps)


def _headers(facts: Facts, need: Need) -> tuple[Step, ...]:
    groups, settings = branches.header_packages(), package_settings(facts.os, need.network)
    return (
        Step("headers", "install the kernel's headers", "headers", groups, settings, check=_CAN_BUILD, verify=_HEADERS),
    )


def _driver(facts: Facts, need: Need, choice: Choice) -> tuple[Step, ...]:
    settings = package_settings(facts.os, need.network)
    title = f"install driver {choice.branch} ({choice.flavour} module, {choice.source})"
    headers = _headers(facts, need) if choice.builds else ()
    if choice.url:
        grid = Step("grid", title, "grid", (choice.url, choice.version, choice.flavour), settings)
        return (*headers, grid, _module())
    steps = list(headers)
    if choice.repository is not None:
        about = "add the driver's package source"
        steps.append(Step("repository", about, "repository", choice.repository.args, settings))
    arguments = (str(choice.branch), choice.flavour, choice.pin, _kernel(choice.builds), *choice.packages)
    options = (("modprobe.conf", choice.options),) if choice.options else ()
    steps.append(Step("driver", title, "driver", arguments, (*settings, *options), verify=_BRANCH_IS_INSTALLED))
    return (*steps, _module())


def _module() -> Step:
    return Step("module", "load the driver", "module", verify="[ -e /proc/driver/nvidia/version ]", reboots=True)


def _services(facts: Facts, need: Need, gpus: tuple[Gpu, ...], choice: Choice | None) -> tuple[Step, ...]:
    """What runs beside a driver; the fabric manager has to be exactly of its version. `choice` is a new driver."""
    nvidia, settings, steps = facts.nvidia, package_settings(facts.os, need.network), []
    # Switches of newer boards are no PCI bridges, and whether a machine has to run them itself nobody can see.
    guessed = not facts.switches and choice is not None and len(gpus) > 1 and any(card(gpu).fabric for gpu in gpus)
    is_current = bool(nvidia.fabric) and nvidia.fabric in (nvidia.driver, "unknown")
    groups = choice.fabric if choice else _fabric_packages(facts)
    if groups and (guessed or (facts.switches and (choice is not None or not is_current))):
        running = "" if guessed else "systemctl is-active --quiet nvidia-fabricmanager"
        arguments = ("guessed" if guessed else "seen", *groups)
        steps.append(Step("fabric", "start the fabric manager", "fabric", arguments, settings, verify=running))
    installed = any(package.name.startswith("nvidia-persistenced") for package in nvidia.packages)
    if choice is not None and choice.persistence:
        steps.append(_persistence(choice.persistence, settings))
    elif choice is None and is_own(facts) and installed and not nvidia.persistence:
        steps.append(_persistence(("nvidia-persistenced",), settings))
    return tuple(steps)


def _persistence(groups: tuple[str, ...], settings: tuple[tuple[str, str], ...]) -> Step:
    return Step("persistence", "keep the driver awake", "persistence", groups, settings)


def _fabric_packages(facts: Facts) -> tuple[str, ...]:
    """For a driver of packages that is there; from whichever source, since its version has to be the driver's."""
    system, branch = machine_of(facts).system, facts.nvidia.branch
    if facts.nvidia.source != "packages":
        return ()
    found = [source.fabric for source in branches.sources() if source.fabric and system in source.systems]
    return ("|".join(groups[0].format(branch=branch) for groups in found),) if found else ()


def _with_containers(found: GpuSteps, facts: Facts, need: Need, gpus: tuple[Gpu, ...], *, anew: bool) -> GpuSteps:
    """And what containers need: toolkit, CDI and the proof. `anew`: the driver is another one than the facts have."""
    nvidia = facts.nvidia
    if not need.engine:
        return found
    if not nvidia.toolkit and facts.packages.manager != "apt-get":
        what = f"ez cannot install NVIDIA's container toolkit on {facts.os.name}"
        return GpuSteps(refusal=Refusal(what, "install nvidia-container-toolkit there, then prepare it again"))
    toolkit = () if nvidia.toolkit else _toolkit(facts, need)
    anew = anew or bool(toolkit)
    # Under WSL there is no driver version to compare with.
    described = nvidia.cdi or nvidia.source == "windows"
    last = []
    if (anew or not described) and (not facts.engine.version or facts.engine.release >= FIRST_WITH_CDI):
        listed = "nvidia-ctk cdi list 2>/dev/null | grep -q nvidia.com/gpu=all"
        last.append(Step("cdi", "describe the cards to the engine", "cdi", verify=listed))
    if anew or last or nvidia.proof != nvidia.driver:
        last.append(Step("proof", "prove that a container uses the cards", "proof", (str(len(gpus)),)))
    return replace(found, late=(*found.late, *toolkit), last=tuple(last), usable=True)


def _toolkit(facts: Facts, need: Need) -> tuple[Step, ...]:
    settings, steps = package_settings(facts.os, need.network), []
    repository = branches.toolkit_repository(facts.arch, dict(need.network.mirrors))
    if repository is not None:
        about = "add the container toolkit's package source"
        steps.append(Step("toolkit-repository", about, "repository", repository.args, settings))
    groups, installed = branches.toolkit_packages(), "command -v nvidia-ctk >/dev/null"
    steps.append(Step("toolkit", "install the container toolkit", "toolkit", groups, settings, verify=installed))
    return tuple(steps)


def _about(facts: Facts) -> tuple[str, ...]:
    version = facts.nvidia.driver or facts.nvidia.installed
    if is_own(facts) or facts.nvidia.source not in _ORIGINS or not version:
        return ()
    return (f"its driver {version} ({_ORIGINS[facts.nvidia.source]}) is left as it is",)


_ORIGINS = {
    "packages": "packages that ez did not install",
    "runfile": "from NVIDIA's installer",
    "other": "of its image",
}
