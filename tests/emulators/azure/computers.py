"""Machines that are computers of the testbed: booted with their cloud-init, stopped, started, removed, as the API
says."""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.testbed import Testbed, TestComputer
from tests.testbed.archive import Entry
from tests.testbed.computers import release, reserve
from tests.testbed.docker import docker
from tests.testbed.hardware import Hardware

from . import cloud_init, doors
from .certificates import NAMES
from .machine import Machine
from .parts import addresses

if TYPE_CHECKING:
    from .cloud import Cloud

_CARDS = {
    "_NV(6|12|18)ads_A10_": "A10-part",
    "_A10_": "A10",
    "_T4_": "T4",
    "_A100_|_ND96asr_v4": "A100",
    "_H100_": "H100",
    "_NC[0-9]+r?s_v3|_ND40rs_v2": "V100",
    "_NV[0-9]+s_v3": "M60",
    "_MI300X_": "MI300X",
    "_NV[0-9]+as_v4": "NVv4",
}
"""What is in a size's name -> the testbed's card; the first that fits."""


@dataclass
class Place:
    """A machine's computer, the number of its address, and the one thread in which things are done to it, in order."""

    work: ThreadPoolExecutor
    number: int
    borrowed: bool
    """Whether the number is that of a public address, which lives on without the machine."""
    computer: TestComputer | None = None
    unknown: tuple[str, ...] = ()
    private: str = ""
    name: str = ""
    """Its own, under which its neighbours know it."""
    neighbours: set[str] = field(default_factory=set)


class Computers:
    """`variant` is the testbed's, `hardware` what one with cards is made of. With `cards` machines of sizes that
    have cards which the testbed has too are of the variant `gpu`: those, and Secure Boot as their profile says."""

    def __init__(
        self, testbed: Testbed, variant: str = "cloud", *, hardware: Hardware | None = None, cards: bool = False
    ) -> None:
        self.testbed, self.variant, self.hardware, self.cards = testbed, variant, hardware, cards
        self.world = testbed.world
        self.gateway = self.world.address(1)
        self.certificate = ""
        self.ports = doors.Ports()
        self._places: dict[str, Place] = {}
        self._addresses: set[str] = set()

    def open(self, certificate: str, ports: doors.Ports) -> None:
        """The emulator listens now: its authority, and where machines find it."""
        self.certificate, self.ports = certificate, ports

    def close(self) -> None:
        """Remove all of it."""
        for vm_id in list(self._places):
            self._remove(vm_id).result()
        for address in list(self._addresses):
            self.give_back(address)

    def of(self, machine: Machine) -> TestComputer:
        """The computer that a machine is. Raises KeyError where it has none (yet)."""
        place = self._places.get(machine.vm_id)
        if place is None or place.computer is None:
            raise KeyError(machine.name)
        return place.computer

    def unknown(self, machine: Machine) -> tuple[str, ...]:
        """The keys of its cloud-init document that were not understood."""
        return self._places[machine.vm_id].unknown

    def boot(self, cloud: Cloud, machine: Machine) -> Future[Any]:
        private, public = addresses(cloud, machine)
        number = int(public.rpartition(".")[2]) if public else reserve(self.world)
        profile = machine.properties["osProfile"]
        keys = [one["keyData"] for one in (profile["linuxConfiguration"].get("ssh") or {}).get("publicKeys", ())]
        boot = cloud_init.understand(machine.custom_data, profile["adminUsername"], keys)
        place = Place(ThreadPoolExecutor(1), number, bool(public), unknown=boot.unknown, private=private)
        place.name = profile["computerName"]
        self._places[machine.vm_id] = place
        disk = [
            *cloud_init.entries(boot),
            *self._surroundings(),
            Entry("var/lib/cloud/network", _own(profile["computerName"], private), 0o755),
        ]
        return place.work.submit(self._boot, cloud, machine, place, disk)

    def _boot(self, cloud: Cloud, machine: Machine, place: Place, disk: list[Entry]) -> None:
        variant, hardware = self._kind(machine)
        place.computer = self.testbed.computer(
            variant, number=place.number, hardware=hardware, disk=disk, reserved=True
        )
        self._connect(cloud, machine, place)

    def _kind(self, machine: Machine) -> tuple[str, Hardware | None]:
        card = next((card for mark, card in _CARDS.items() if re.search(mark, machine.size.name)), "")
        if not self.cards or not card:
            return self.variant, self.hardware
        profile = machine.properties.get("securityProfile") or {}
        secure = bool((profile.get("uefiSettings") or {}).get("secureBootEnabled"))
        return "gpu", Hardware(cards=(card,) * machine.size.gpus, secure_boot=secure, cloud="azure")

    def _surroundings(self) -> list[Entry]:
        """The emulator under the names of Azure, and the authority that vouches for it."""
        hosts = "".join(f"{self.gateway} {name}\n" for name in NAMES)
        return [
            Entry("usr/local/share/ca-certificates/azure-emulator.crt", self.certificate),
            Entry("var/lib/cloud/hosts", hosts),
        ]

    def _connect(self, cloud: Cloud, machine: Machine, place: Place) -> None:
        """The metadata's address, the door, and the way to and from its neighbours."""
        address = self.world.address(place.number)
        doors.open_metadata(self.gateway, address, self.ports)
        with cloud.lock:
            admitted = doors.admits(cloud, machine)
        doors.set_door(self.world.index, address, admitted)
        for other in list(self._places.values()):
            if other is not place and other.computer is not None and other.private and place.private:
                _tell(other, place)
                _tell(place, other)

    def stop(self, machine: Machine) -> Future[Any]:
        return self._do(machine, lambda computer: computer.stop())

    def start(self, cloud: Cloud, machine: Machine) -> Future[Any]:
        """Again from its disk; at another address where its public one is another now."""
        place = self._places.get(machine.vm_id)
        if place is None:
            return self.boot(cloud, machine)
        public = addresses(cloud, machine)[1]
        number = int(public.rpartition(".")[2]) if public else place.number

        def begin(computer: TestComputer) -> None:
            if number != place.number:
                self._move(place, computer, number)
            doors.set_door(self.world.index, self.world.address(number), True)
            computer.start()
            self._connect(cloud, machine, place)

        return self._do(machine, begin)

    def _move(self, place: Place, computer: TestComputer, number: int) -> None:
        docker("network", "disconnect", "--force", self.world.name, computer.container)
        docker("network", "connect", "--ip", self.world.address(number), self.world.name, computer.container)
        if not place.borrowed:
            release(self.world, place.number)
        place.number, place.borrowed = number, True

    def restart(self, cloud: Cloud, machine: Machine) -> Future[Any]:
        return self._do(machine, lambda computer: computer.reboot())

    def destroy(self, machines: list[Machine]) -> Future[Any]:
        """Done when all are gone."""
        return _all([self._remove(one.vm_id) for one in machines if one.vm_id in self._places])

    def run(self, machine: Machine, script: str) -> Future[tuple[str, str]]:
        """Its output and its errors."""

        def begin(computer: TestComputer) -> tuple[str, str]:
            done = computer.exec(script, check=False)
            return done.stdout, done.stderr

        return self._do(machine, begin)

    def console(self, vm_id: str) -> str:
        place = self._places.get(vm_id)
        if place is None or place.computer is None:
            return ""
        return place.computer.exec("cat /var/log/cloud-init-output.log", check=False).stdout

    def is_off(self, machine: Machine) -> bool:
        """Whether somebody on it has switched it off."""
        place = self._places.get(machine.vm_id)
        return place is not None and place.computer is not None and not place.computer.runs

    def at(self, address: str) -> str:
        """The `vm_id` of the machine that calls from an address, empty where there is none."""
        return next((key for key, one in self._places.items() if self.world.address(one.number) == address), "")

    def take_address(self) -> str:
        address = self.world.address(reserve(self.world))
        self._addresses.add(address)
        return address

    def give_back(self, address: str) -> None:
        self._addresses.discard(address)
        release(self.world, int(address.rpartition(".")[2]))

    def doors_changed(self, cloud: Cloud) -> None:
        for machine in cloud.store:
            place = self._places.get(machine.vm_id) if isinstance(machine, Machine) else None
            if place is not None and place.computer is not None and isinstance(machine, Machine):
                doors.set_door(self.world.index, self.world.address(place.number), doors.admits(cloud, machine))

    def _do(self, machine: Machine, what: Callable[[TestComputer], Any]) -> Future[Any]:
        place = self._places.get(machine.vm_id)
        if place is None:
            return _all([])

        def begin() -> Any:
            if place.computer is None:
                raise RuntimeError("the machine's computer did not boot")
            return what(place.computer)

        return place.work.submit(begin)

    def _remove(self, vm_id: str) -> Future[Any]:
        place = self._places.pop(vm_id)
        done = place.work.submit(self._destroy, place)
        place.work.shutdown(wait=False)
        return done

    def _destroy(self, place: Place) -> None:
        address = self.world.address(place.number)
        doors.forget(self.world.index, self.gateway, address)
        if place.computer is not None:
            place.computer.destroy()
        if address in self._addresses:
            with contextlib.suppress(FileExistsError):
                (self.world.state / "computers" / str(place.number)).mkdir(mode=0o700)
        else:
            release(self.world, place.number)


def _own(name: str, private: str) -> str:
    """The machine's own network, at each boot: what it is told of neighbours is added to this file."""
    lines = ["#!/bin/sh", "grep -q management.azure.com /etc/hosts || cat /var/lib/cloud/hosts >>/etc/hosts"]
    lines.append(
        "[ -e /var/lib/cloud/trusted ] || { update-ca-certificates >/dev/null 2>&1; touch /var/lib/cloud/trusted; }"
    )
    lines += [f"hostname {shlex.quote(name)}", f"echo 127.0.1.1 {shlex.quote(name)} >>/etc/hosts"]
    if private:
        lines.append(f"ip address replace {private}/32 dev eth0")
    return "\n".join([*lines, ""])


def _tell(place: Place, neighbour: Place) -> None:
    """Machines of a cloud's network know one another by address and by name, also after the next boot."""
    if place.computer is None or neighbour.private in place.neighbours:
        return
    place.neighbours.add(neighbour.private)
    lines = [
        f"ip route replace {neighbour.private}/32 dev eth0 src {place.private}",
        f"echo {neighbour.private} {shlex.quote(neighbour.name)} >>/etc/hosts",
    ]
    for line in lines:
        place.computer.exec(f"{line}; echo {shlex.quote(line)} >>/var/lib/cloud/network", check=False)


def _all(jobs: list[Future[Any]]) -> Future[Any]:
    """A future that is done when all of them are, whatever became of them."""
    found: Future[Any] = Future()
    left = len(jobs)
    if not jobs:
        found.set_result(None)

    def one_done(_: Future[Any]) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            found.set_result(None)

    for job in jobs:
        job.add_done_callback(one_done)
    return found
