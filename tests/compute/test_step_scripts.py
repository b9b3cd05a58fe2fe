"""Steps on a made-up machine: its files below a directory, its programs stand-ins that say what real ones would."""

import hashlib
import re
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

SCRIPTS = files("ez.compute").joinpath("scripts")
PLACES = re.compile(r"(?<![\w.])/(?=(?:etc|var|boot|lib/modules|proc/driver)/)")
OLD, NEW = "570.195.03", "580.95.05"
REJECTED = "modprobe: ERROR: could not insert 'nvidia': Key was rejected by service"


class Machine:
    """`said` is what the last step printed, `calls` how programs were called."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.said = folder, ""
        for name in ("bin", "job/settings", "run", "etc/apt/sources.list.d", "lib/modules"):
            (folder / name).mkdir(parents=True)
        for name in ("systemctl", "journalctl", "sleep", "dpkg", "apt-get", "apt-mark", "dmesg", "docker", "dockerd"):
            self.program(name)
        self.program("uname", "echo 6.1.0-37-cloud-amd64")

    def program(self, name: str, text: str = "") -> None:
        path = self.folder / "bin" / name
        path.write_text(f'#!/bin/sh\ncd {self.folder}\necho "{name} $*" >>calls\n{text}\n')
        path.chmod(0o755)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()

    def step(self, text: str, *args: str) -> int:
        """Exit code of a step's text after the library."""
        library = SCRIPTS.joinpath("lib.sh").read_text("utf-8")
        program = PLACES.sub(f"{self.folder}/", f"{library}\n{text}")
        program = program.replace("export PATH=", f"export PATH={self.folder}/bin:")
        environment = {"EZ_JOB": f"{self.folder}/job", "EZ_RUN": f"{self.folder}/run"}
        command = ["sh", "-c", program, "step", *args]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
        self.said = done.stdout + done.stderr
        return done.returncode

    def run(self, script: str, *args: str, before: str = "") -> int:
        """The same of a script; `before` stands between the library and it."""
        return self.step(f"{before}\n{SCRIPTS.joinpath(f'{script}.sh').read_text('utf-8')}", *args)

    def calls(self, start: str) -> list[str]:
        path = self.folder / "calls"
        return [line for line in path.read_text().splitlines() if line.startswith(start)] if path.exists() else []

    @property
    def error(self) -> str:
        found = re.search(r"^@@ez error (.*)", self.said, re.MULTILINE)
        return found[1] if found else ""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (0, 0, ""),
        (2, 0, "cloud-init ended with warnings"),
        (1, 0, "cloud-init failed; going on without it"),
        (124, 1, "@@ez error cloud-init has not finished after 15 minutes"),
    ],
)
def test_how_the_first_boot_s_own_setup_ends(machine: Machine, status: int, code: int, says: str) -> None:
    machine.program("cloud-init", f"exit {status}")
    assert machine.run("wait") == code
    assert says in machine.said


@pytest.mark.parametrize(
    ("replies", "code", "mended"),
    [
        ([("E: Could not get lock /var/lib/apt/lists/lock. It is held", 100), ("", 0)], 0, 0),
        ([("E: dpkg was interrupted, you must manually run 'dpkg --configure -a'", 100), ("", 0)], 0, 1),
        ([("", 137), ("", 137)], 137, 1),
        ([("E: Unable to locate package what", 100)], 100, 0),
    ],
)
def test_what_apt_is_helped_with(machine: Machine, replies: list[tuple[str, int]], code: int, mended: int) -> None:
    """The lock of the lists, for which apt itself has no patience, and what somebody cut off."""
    for number, (text, status) in enumerate(replies, start=1):
        machine.write(f"reply-{number}", f"cat <<'END'\n{text}\nEND\nexit {status}\n")
    machine.program("apt-get", ". ./reply-$(grep -c ^apt-get calls)")
    assert machine.step("apt_get install what") == code
    assert len(machine.calls("apt-get ")) == len(replies)
    assert len(machine.calls("dpkg --configure -a")) == mended


def test_apt_asks_nothing_restarts_nothing_and_keeps_settings(machine: Machine) -> None:
    machine.program("apt-get", 'echo "<$(cat)> $NEEDRESTART_SUSPEND $DEBIAN_FRONTEND"')
    assert machine.step("apt_get install what") == 0
    assert machine.said.strip() == "<> 1 noninteractive"
    assert all(word in machine.calls("apt-get ")[0] for word in ("--force-confold", "DPkg::Lock::Timeout=600", " -y "))


KEY = b"\x98\x33" + bytes(range(51))
FINGERPRINT = hashlib.sha1(b"\x99\x00\x33" + KEY[2:], usedforsecurity=False).hexdigest().upper()
FETCH = 'fetch() { cp "$EZ_JOB/key" "$2"; }'
TOOLKIT = ("nvidia-toolkit", "http://toolkit/deb/", "/", "", "http://toolkit/gpgkey")


@pytest.fixture
def lists(machine: Machine) -> Path:
    """Package sources as old guides leave them, and somebody's own."""
    (machine.folder / "job" / "key").write_bytes(KEY)
    machine.write("etc/apt/sources.list.d/nvidia-docker.list", "deb https://nvidia.github.io/nvidia-docker /\n")
    machine.write("etc/apt/sources.list.d/by-hand.list", "deb [signed-by=/other] http://toolkit/deb /\n")
    machine.write("etc/apt/sources.list.d/own.sources", "URIs: http://own\n")
    return machine.folder / "etc" / "apt" / "sources.list.d"


def test_lists_that_would_stop_all_of_apt_are_set_aside(machine: Machine, lists: Path) -> None:
    for _ in range(2):
        assert machine.run("repository", *TOOLKIT, FINGERPRINT, before=FETCH) == 0
        assert sorted(path.name for path in lists.iterdir()) == [
            "by-hand.list.before-ez",
            "ez-nvidia-toolkit.sources",
            "nvidia-docker.list.before-ez",
            "own.sources",
        ]
    keyring = machine.folder / "etc/apt/keyrings/ez-nvidia-toolkit.gpg"
    assert (lists / "ez-nvidia-toolkit.sources").read_text().splitlines()[-1] == f"Signed-By: {keyring}"
    assert keyring.read_bytes() == KEY


def test_a_key_that_nobody_knows(machine: Machine, lists: Path) -> None:
    assert machine.run("repository", *TOOLKIT, "0" * 40, before=FETCH) == 1
    assert machine.error == f"the key at http://toolkit/gpgkey is not the known one: {FINGERPRINT}"
    assert not (lists / "ez-nvidia-toolkit.sources").exists()


@pytest.mark.parametrize("said", ["exit 100", "echo 'W: Failed to fetch http://toolkit/deb/Packages'"])
def test_a_repository_that_gives_nothing_is_not_kept(machine: Machine, lists: Path, said: str) -> None:
    machine.program("apt-get", said)
    assert machine.run("repository", *TOOLKIT, FINGERPRINT, before=FETCH) == 1
    assert machine.error == "its packages cannot be fetched: http://toolkit/deb"
    assert not (lists / "ez-nvidia-toolkit.sources").exists()


def loaded(machine: Machine, version: str) -> None:
    machine.write("proc/driver/nvidia/version", f"NVRM version: NVIDIA UNIX Open Kernel Module  {version}  Release\n")


def with_driver(machine: Machine, modprobe: str) -> None:
    """580 is installed."""
    machine.program("modinfo", f"echo {NEW}")
    machine.program("nvidia-smi")
    machine.program("modprobe", modprobe)


@pytest.mark.parametrize(
    ("said", "kernel", "error"),
    [
        (REJECTED, "", "Secure Boot refuses NVIDIA's module, which was built on the machine"),
        ("could not insert 'nvidia'", "nvidia: module verification failed: signature", "Secure Boot refuses NVIDIA's"),
        ("could not insert 'nvidia': No such device", "NVRM: not supported", f"driver {NEW} does not take the card"),
        ("could not insert 'nvidia': Exec format error", "", "NVIDIA's module cannot be loaded"),
    ],
)
def test_a_module_that_is_refused(machine: Machine, said: str, kernel: str, error: str) -> None:
    with_driver(machine, f'echo "{said}"; exit 1')
    machine.program("dmesg", f"echo '{kernel}'")
    assert machine.run("module") == 1
    assert machine.error.startswith(error)


def test_an_older_module_makes_room(machine: Machine) -> None:
    """Without a restart where nobody uses it."""
    version = f"printf 'NVRM  {NEW}  Release\\n' >proc/driver/nvidia/version"
    with_driver(machine, f'case "$*" in "-r nvidia") rm proc/driver/nvidia/version ;; nvidia) {version} ;; esac')
    loaded(machine, OLD)
    assert machine.run("module") == 0
    assert not (machine.folder / "run" / "reboot").exists()
    assert machine.calls("systemctl stop") == ["systemctl stop nvidia-persistenced nvidia-fabricmanager"]


def test_one_that_is_in_use_takes_a_restart(machine: Machine) -> None:
    with_driver(machine, "exit 1")
    loaded(machine, OLD)
    assert machine.run("module") == 0
    assert machine.read("run/reboot") == f"driver {OLD} is loaded and in use, {NEW} is installed\n"


def test_a_module_that_was_built_for_the_kernel_to_come(machine: Machine) -> None:
    machine.program("modinfo", "exit 1")
    newer = "6.1.0-38-cloud-amd64"
    (machine.folder / "lib/modules" / newer).mkdir()
    machine.write(f"boot/vmlinuz-{newer}", "")
    assert machine.run("module") == 0
    assert machine.read("run/reboot") == f"kernel {newer} is installed\n"


@pytest.mark.parametrize(("kind", "options"), [("open", "-M open"), ("proprietary", "")])
def test_a_driver_for_parts_of_cards(machine: Machine, kind: str, options: str) -> None:
    machine.program("modinfo", "exit 1")
    machine.write("job/key", f'echo "$*" >{machine.folder}/options\n')
    machine.write("etc/nvidia/gridd.conf.template", "# NVIDIA\nServerAddress=\nFeatureType=0\n")
    assert machine.run("grid", "http://cloud/grid.run", NEW, kind, before=FETCH) == 0
    used = machine.read("options").strip()
    assert used == f"--silent --dkms --disable-nouveau --tmpdir {machine.folder}/job {options}".strip()
    settings = "# NVIDIA\nServerAddress=\nIgnoreSP=FALSE\nEnableUI=FALSE\n"
    assert machine.read("etc/nvidia/gridd.conf") == settings
    machine.program("modinfo", f"echo {NEW}")
    assert machine.run("grid", "http://cloud/grid.run", NEW, kind, before="fetch() { exit 9; }") == 0


def test_a_kernel_that_such_a_driver_cannot_be_built_for(machine: Machine) -> None:
    machine.program("modinfo", "exit 1")
    machine.write("job/key", "exit 1\n")
    machine.write("var/log/nvidia-installer.log", "ERROR: Unable to build the kernel module\n")
    assert machine.run("grid", "http://cloud/grid.run", NEW, "open", before=FETCH) == 1
    assert machine.error == "NVIDIA's driver for shared cards cannot be installed on kernel 6.1.0-37-cloud-amd64"
    assert "Unable to build the kernel module" in machine.said
    assert not (machine.folder / "job" / "driver.run").exists()


MADISON = """[ "$1" = madison ] || { echo " Candidate: 1"; exit; }
printf ' %s | 580.105.08-1 | r\\n %s | 580.95.05-1 | r\\n' "$2" "$2"
"""


def test_the_fabric_manager_is_of_the_driver_s_version(machine: Machine) -> None:
    machine.program("apt-cache", MADISON)
    loaded(machine, NEW)
    assert machine.run("fabric", "seen", "nvidia-fabricmanager", "libnvidia-nscq|") == 0
    (installed,) = (line for line in machine.calls("apt-get ") if " install " in line)
    assert installed.endswith("nvidia-fabricmanager=580.95.05-1 libnvidia-nscq=580.95.05-1")
    assert machine.calls("apt-mark") == ["apt-mark hold nvidia-fabricmanager", "apt-mark hold libnvidia-nscq"]
    loaded(machine, OLD)
    assert machine.run("fabric", "seen", "nvidia-fabricmanager") == 1
    assert machine.error == f"there is no fabric manager for driver {OLD}"


BEFORE, AFTER = '{"debug": true}\n', '{"debug": true, "features": {"cdi": true}}\n'


def settle(machine: Machine, present: str = BEFORE) -> int:
    """Of an engine that runs."""
    machine.write("etc/docker/daemon.json", present)
    machine.write("job/settings/daemon.json", AFTER)
    machine.write("job/settings/daemon.json.before", BEFORE)
    machine.write("job/settings/daemon.json.added", "features.cdi: true\n")
    machine.write("job/settings/daemon.json.added", "features.cdi: true\n")
    return machine.run("engine-settings", "restart")


def test_settings_of_an_engine_can_be_taken_back(machine: Machine) -> None:
    assert settle(machine) == 0
    assert machine.read("etc/docker/daemon.json") == AFTER
    assert machine.read("etc/docker/daemon.json.before-ez") == BEFORE
    assert machine.calls("systemctl") == ["systemctl restart docker.service"]
    current = machine.folder / "etc/docker/daemon.json"
    assert f"to go back: sudo cp {current}.before-ez {current} && sudo systemctl restart docker" in machine.said


@pytest.mark.parametrize(
    ("present", "programs", "error"),
    [
        ('{"debug": false}\n', {}, "the settings of the engine changed meanwhile"),
        (BEFORE, {"docker": "[ $1 = info ] || echo 1234"}, "the Docker Engine needs a restart, which would end"),
        (
            BEFORE,
            {"dockerd": 'case "$*" in --help) echo "  --validate" ;; *) echo bad; exit 1 ;; esac'},
            "the Docker Engine does not take its settings merged",
        ),
        (
            BEFORE,
            {"systemctl": '[ "$*" != "restart docker.service" ] || [ "$(grep -c "^systemctl restart" calls)" != 1 ]'},
            "the Docker Engine does not start with its settings merged; it has the old ones again",
        ),
    ],
    ids=["changed", "in use", "invalid", "does not start"],
)
def test_settings_that_an_engine_does_not_get(
    machine: Machine, present: str, programs: dict[str, str], error: str
) -> None:
    for name, text in programs.items():
        machine.program(name, text)
    assert settle(machine, present) == 1
    assert machine.error.startswith(error)
    assert machine.read("etc/docker/daemon.json") == present
    assert len(machine.calls("systemctl restart")) == (2 if "systemctl" in programs else 0)


def test_containers_that_outlive_their_engine_are_no_hindrance(machine: Machine) -> None:
    machine.program("docker", "[ $1 = info ] && echo true || echo 1234")
    assert settle(machine) == 0


@pytest.mark.parametrize(
    ("there", "fetched", "installed"),
    [
        ("", True, "docker.io iptables"),
        ("docker-ce", False, "docker-ce docker-ce-cli containerd.io"),
        ("containerd", False, "docker.io iptables"),
    ],
    ids=["nothing", "its repository", "what it would replace"],
)
def test_where_an_engine_comes_from(machine: Machine, there: str, fetched: bool, installed: str) -> None:
    before = f"""
command() {{ return 1; }}
fetch() {{ echo "fetch $1" >>calls; return 1; }}
is_available() {{ [ "$1" = "{there}" ]; }}
is_installed() {{ [ "$1" = "{there}" ]; }}
cd {machine.folder}
"""
    assert machine.run("install-engine", "https://vendor", "debian", "bookworm", before=before) == 0
    assert bool(machine.calls("fetch https://vendor/debian/dists/bookworm/Release")) == fetched
    assert machine.calls("apt-get ")[-1].endswith(f"--no-install-recommends {installed}")


def test_a_kernel_that_is_held_is_held_again(machine: Machine) -> None:
    """Installing takes the mark off; and a newer kernel of another kind is none to wait for."""
    for release in ("6.1.0-37-cloud-amd64", "6.1.0-38-amd64", "6.1.0-36-cloud-amd64"):
        machine.write(f"boot/vmlinuz-{release}", "")
        machine.write(f"lib/modules/{release}/modules.dep", "")
    assert machine.step("newest_kernel") == 0
    assert machine.said == "6.1.0-37-cloud-amd64\n"
    machine.program("apt-mark", '[ $1 = hold ] || echo "$2"')
    assert machine.step("install_held linux-image-cloud-amd64 linux-headers-cloud-amd64") == 0
    assert "--allow-change-held-packages" in machine.calls("apt-get ")[-1]
    assert machine.calls("apt-mark")[-1] == "apt-mark hold linux-image-cloud-amd64"


def test_modules_that_come_built_for_a_newer_kernel(machine: Machine) -> None:
    """All of the driver goes on with them; packages of one kernel only are left to apt."""
    names = "linux-modules-nvidia-580-open-generic-hwe-22.04 linux-modules-nvidia-580-open-6.8.0-60-generic libnvidia-x"
    machine.program("dpkg-query", f"case $4 in *nvidia*) printf 'installed %s\\n' {names} ;; *) echo installed ;; esac")
    machine.program("modinfo", f'[ "$(grep -c " install " calls)" = 0 ] || echo {NEW}')
    assert machine.run("driver", "580", "open", "", "") == 0
    installs = [line for line in machine.calls("apt-get ") if " install " in line]
    assert len(installs) == 1
    assert installs[0].endswith("--no-install-recommends linux-modules-nvidia-580-open-generic-hwe-22.04 libnvidia-x")
