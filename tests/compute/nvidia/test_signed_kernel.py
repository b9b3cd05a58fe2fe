"""Ubuntu's signed modules: which kernel they are for is asked of the archive, here by stand-ins for its tools."""

import subprocess
from pathlib import Path

import pytest

from ez.compute.facts import parse
from ez.compute.need import GpuNeed, Need
from ez.compute.plan import plan
from scripts.lib.prepare_cases import told as machine

SCRIPTS = Path(__file__).parents[3] / "ez" / "compute" / "scripts"
MODULES = "linux-modules-nvidia-580-server-open-azure"

# Over what lib.sh gives to the script: an archive whose modules are for 6.8.0-1073, and a machine where $1 runs.
STAND_INS = """
PATH=$EZ_JOB:$PATH
running=$1 installed=$2 there=$3
shift 3
uname() { echo "$running"; }
names_in() { printf '%s' "$1" | sed s/FLAVOUR/azure/g; }
newest_kernel() { echo "$installed"; }
update_lists() { :; }
is_available() { [ "$there" = yes ]; }
choose_packages() { echo linux-image-azure; }
install_held() { echo "installed $*"; installed=6.8.0-1073-azure; }
ask_reboot() { echo "restart: $1"; }
note() { :; }
fail() { echo "failed: $1"; exit 1; }
"""


@pytest.mark.parametrize(
    ("running", "installed", "there", "does"),
    [
        ("6.8.0-1073-azure", "6.8.0-1073-azure", "yes", ""),
        ("6.8.0-1031-azure", "6.8.0-1031-azure", "no", ""),
        (
            "6.8.0-1031-azure",
            "6.8.0-1031-azure",
            "yes",
            "installed linux-image-azure\nrestart: kernel 6.8.0-1073-azure was installed\n",
        ),
        (
            "6.8.0-1031-azure",
            "6.8.0-1073-azure",
            "yes",
            "restart: a newer kernel is installed than the one that runs: 6.8.0-1073-azure\n",
        ),
    ],
)
def test_the_kernel_that_the_modules_are_for(
    running: str, installed: str, there: str, does: str, tmp_path: Path
) -> None:
    archive = tmp_path / "apt-cache"
    archive.write_text("#!/bin/sh\necho '  Depends: linux-modules-nvidia-580-server-open-6.8.0-1073-azure'\n")
    archive.chmod(0o755)
    values = machine(["ubuntu-22", "azure", "t4"], {"kernel": running, "kernel.newest": installed})
    kernel = plan(parse("box", values, 0.0), Need(gpu=GpuNeed()))[0]
    assert (kernel.id, kernel.args[0]) == ("kernel", MODULES.replace("azure", "FLAVOUR"))

    def run(text: str) -> subprocess.CompletedProcess[str]:
        library = (SCRIPTS / "lib.sh").read_text()
        command = ["sh", "-c", library + STAND_INS + text, "sh", running, installed, there, *kernel.args]
        places = {"EZ_JOB": str(tmp_path), "EZ_RUN": str(tmp_path)}
        return subprocess.run(command, env=places, capture_output=True, text=True, check=False)

    done = run((SCRIPTS / f"{kernel.script}.sh").read_text())
    assert (done.returncode, done.stdout, done.stderr) == (0, does, "")
    # What is checked before agrees with what is done.
    assert bool(kernel.check) == (running == installed)
    if kernel.check:
        assert (run(kernel.check).returncode == 0) == (does == "")
