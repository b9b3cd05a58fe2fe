"""What a new machine is told to do: short enough for every cloud, and the same as ez does later."""

import gzip
import subprocess
from pathlib import Path

from ez.compute.first_boot import FOLDER, first_boot
from ez.compute.need import WATCHDOG_VERSION
from ez.providers.cloud_init import document, host_key


def test_it_fits_into_the_smallest_document() -> None:
    files, commands = first_boot(30)
    text = document("ez", "ssh-ed25519 AAAA", host_key(), files=files, commands=commands)
    assert len(gzip.compress(text.encode())) < 12 * 1024
    assert first_boot(0) == ((), ())


def test_the_watchdog_is_set_up(tmp_path: Path) -> None:
    """With systemctl and the places of the system replaced, since the test's machine is not to be stopped."""
    files, (command,) = first_boot(45)
    document("ez", "ssh-ed25519 AAAA", host_key(), files=files, commands=(command,))
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "systemctl").write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/called\n')
    (tools / "systemctl").chmod(0o755)
    root = tmp_path / "root"
    for place in ("etc/systemd/system", "usr/local/lib", "var/lib/ez/first", "run/ez"):
        (root / place).mkdir(parents=True)
    for file in files:
        text = file.content
        if file.path.endswith("watchdog.sh"):
            for place in ("/etc/", "/usr/local/", "/run/ez/"):
                text = text.replace(f" {place}", f" {root}{place}").replace(f">{place}", f">{root}{place}")
        Path(f"{root}{file.path}").write_text(text)
    words = [word.replace(FOLDER, f"{root}{FOLDER}") for word in command]
    environment = {"PATH": f"{tools}:/usr/bin:/bin"}
    subprocess.run(words, env=environment, check=True, capture_output=True, text=True, timeout=30)
    assert (root / "etc/ez/watchdog.conf").read_text() == f"45 deallocate {WATCHDOG_VERSION}\n"
    assert (root / "usr/local/lib/ez/deallocate").exists()
    assert "start ez-watchdog.timer" in (tmp_path / "called").read_text()
