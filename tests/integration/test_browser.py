"""The web editor and Jupyter, each opened by one command, in a real browser. Makes the pictures of the documents."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.env.editors.vendor import COMMIT, Vendor
from tests.env.web.gallery import Gallery
from tests.integration.browser import Browser
from tests.integration.person import Person
from tests.integration.places import Place, commit, write_files

EXAMPLE = Path(__file__).parents[2] / "examples" / "hello"
CELL = Path(__file__).parents[2] / "ez" / "compute" / "scripts" / "cell.sh"
IMAGES = Path(__file__).parents[2] / "docs" / "images"
NOTEBOOK = """\
{"cells": [{"cell_type": "code", "execution_count": null, "id": "a", "metadata": {}, "outputs": [],
"source": ["import numpy\\n", "numpy.arange(12).reshape(3, 4) ** 2"]}], "metadata": {"kernelspec":
{"display_name": "Python 3", "language": "python", "name": "python3"}}, "nbformat": 4, "nbformat_minor": 5}
"""
DEVCONTAINER = """\
{"customizations": {"vscode": {"extensions": ["ann.theme", "absent.one", "e;vil"], // and
"settings": {"editor.fontSize": 15}}}}
"""


@pytest.fixture
def browser(home: Path) -> Iterator[Browser]:
    with Browser(home / "browser") as browser:
        yield browser


@pytest.fixture
def work(home: Path) -> Path:
    """The example, with a notebook, as the repo `hello`."""
    folder = Path(shutil.copytree(EXAMPLE, home / "work" / "hello"))
    return commit(write_files(folder, {"squares.ipynb": NOTEBOOK, ".devcontainer.json": DEVCONTAINER}))


def test_both_are_opened_by_one_command(local: Place, person: Person, work: Path, name: str, browser: Browser) -> None:
    gone = person.ez("env", "go", str(work), "-e", name, "--ide", "jupyter", "--json", cwd=work).json
    jupyter_runs_a_notebook(browser, gone["access"]["link"], name)
    a_cell_that_only_waits_is_work_for_the_watchdog(browser, local, name)
    opened = the_web_editor_has_what_the_repo_and_the_person_want(local, person, name)
    the_editor_edits_and_has_a_terminal(browser, person, opened["link"], name)
    an_editor_of_this_computer_is_opened(person, name)
    nothing_is_open_to_others(local, person, name, gone, opened)
    an_address_is_good_once(browser, person, opened["link"], name)
    it_survives_a_restart(browser, person, name)
    everything_ends_with_the_environment(person, name)


def jupyter_runs_a_notebook(browser: Browser, link: str, name: str) -> None:
    assert link.startswith(f"http://{name}.localhost:")
    browser.go(link)
    browser.until("document.title.includes('Jupyter')")
    browser.go(link.partition("/.ez")[0] + "/lab/tree/squares.ipynb")
    browser.until("document.querySelector('.jp-Notebook .cm-content')")
    browser.until("document.body.innerText.includes('| Idle')")
    browser.click("document.querySelector('.jp-Notebook .cm-content')")
    browser.press("Enter", 13, modifiers=2)
    browser.until("(document.querySelector('.jp-OutputArea-output') || {}).innerText?.includes('121')")
    browser.click(
        "[...document.querySelectorAll('.jp-toastContainer button, .Toastify button')].find(e => e.innerText == 'No')"
    )
    browser.picture(pictures() / "jupyter.png")


def a_cell_that_only_waits_is_work_for_the_watchdog(browser: Browser, local: Place, name: str) -> None:
    """What asks is the program that it runs for each environment."""
    (container,) = local.containers(name).values()
    asks = f"docker exec -i --user envd --env HOME=/home/envd {container} sh <{CELL} && echo runs || echo not"
    assert local.root(asks) == "not\n"
    browser.click("document.querySelector('.jp-Notebook .cm-content')")
    browser.press("a", 65, modifiers=2)
    browser.type("import time; time.sleep(3600)")
    browser.press("Enter", 13, modifiers=2)
    deadline = time.monotonic() + 20
    while local.root(asks) != "runs\n":
        assert time.monotonic() < deadline, "the cell does not run"


def the_web_editor_has_what_the_repo_and_the_person_want(local: Place, person: Person, name: str) -> dict[str, Any]:
    """As far as its gallery has it; what it has not is told."""
    gallery = Gallery(local.container(name)["NetworkSettings"]["Gateway"], ("ann.theme", "own.keys"))
    command = ("env", "open", name, "--ide", "web", "--json")
    try:
        done = person.ez(*command, EZ_MIRROR_OPEN_VSX=gallery.address, EZ_EXTENSIONS="own.keys")
    finally:
        gallery.close()
    opened: dict[str, Any] = done.json
    assert (opened["editor"], opened["opened"], opened["reason"]) == ("web", False, "this session has no screen")
    assert opened["notices"] == [
        "not an extension's name, and not installed: `e;vil`",
        "extensions that could not be installed: absent.one: Extension 'absent.one' not found.",
    ]
    there = person.ssh(f"{name}.ez", "ls .vscode-server/extensions; .local/share/ez/web/program --list-extensions")
    assert there.stdout.split() == ["ann.theme-1.2.3", "extensions.json", "own.keys-1.2.3", "ann.theme", "own.keys"]
    return opened


def the_editor_edits_and_has_a_terminal(browser: Browser, person: Person, link: str, name: str) -> None:
    browser.go(link)
    listed = "[...document.querySelectorAll('.explorer-folders-view .monaco-list-row')]"
    browser.until(f"{listed}.some(row => row.innerText.includes('build.envd'))")
    browser.click(f"{listed}.find(row => row.innerText.includes('build.envd'))")
    browser.until("document.querySelector('.editor-instance .view-lines')?.innerText.includes('def')")
    # As the repo's `devcontainer.json` has it.
    lines = "document.querySelector('.editor-instance .view-lines')"
    browser.until(f"getComputedStyle({lines}).fontSize == '15px'")
    browser.press("`", 192, modifiers=2)
    browser.click("document.querySelector('.terminal-wrapper.active .xterm-screen')")
    inside(browser, "echo from-$((40 + 2)) > typed.txt; python --version\n", person, name)
    browser.picture(pictures() / "web-editor.png")


def inside(browser: Browser, line: str, person: Person, name: str) -> None:
    """Types into the terminal until the shell there has done it: it may still be starting."""
    for _ in range(20):
        browser.type(line)
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            if person.ssh(f"{name}.ez", f"cat {name}/typed.txt", code=None).stdout == "from-42\n":
                return
            time.sleep(0.2)
    raise AssertionError("nothing typed arrives")


def an_editor_of_this_computer_is_opened(person: Person, name: str) -> None:
    """Its server and its extensions are inside before; the vendor answers at home alone."""
    programs, called = person.home / "programs", person.home / "called"
    programs.mkdir()
    (programs / "code").write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && printf "1.99.0\\n{COMMIT}\\nx64\\n" || echo "$@" > {called}\n'
    )
    (programs / "code").chmod(0o755)
    vendor = Vendor()
    try:
        opened = person.ez(
            *("env", "open", name, "--ide", "code", "--json"),
            PATH=f"{programs}:{os.environ['PATH']}",
            EZ_MIRROR_VSCODE=vendor.address,
            EZ_EXTENSIONS="ms-python.python",
            no_proxy="127.0.0.1",
        ).json
    finally:
        vendor.close()
    assert (opened["opened"], len(opened["notices"])) == (True, 2)
    assert called.read_text() == f"--remote ssh-remote+{name}.ez /home/envd/{name}\n"
    server = f".vscode-server/cli/servers/Stable-{COMMIT}/server"
    assert person.ssh(f"{name}.ez", f"cat {server}/product.json extensions.txt").stdout.endswith(
        "ann.theme\nms-python.python\n"
    )


def nothing_is_open_to_others(
    local: Place, person: Person, name: str, gone: dict[str, Any], opened: dict[str, Any]
) -> None:
    """No port in the environment, sockets for their owners alone, and no secret where others may read."""
    listening = person.ssh(f"{name}.ez", "cat /proc/net/tcp /proc/net/tcp6").stdout.splitlines()
    ports = {int(line.split()[1].rpartition(":")[2], 16) for line in listening if line.split()[3] == "0A"}
    own = {port["container"] for port in gone["access"]["ports"]}
    modes = person.ssh(f"{name}.ez", "stat -c '%a %F' .local/share/ez/*/socket .local/share/ez/*/").stdout
    assert modes.split("\n")[:2] == ["600 socket", "600 socket"]
    assert set(modes.split("\n")[2:-1]) == {"700 directory"}
    token = person.ssh(f"{name}.ez", "cat .local/share/ez/jupyter/token").stdout
    assert len(token) == 48
    assert token not in "".join(processes())
    kept = [path for path in person.home.rglob("*") if path.is_file() and "browser" not in path.parts]
    assert [path for path in kept if token.encode() in path.read_bytes()] == []
    folder = person.database.parent / "web"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    # Kernels listen on loopback with keys of their own; nothing else does.
    assert len(ports - own) <= 6, ports
    assert opened["link"].partition("/.ez")[0] != gone["access"]["link"].partition("/.ez")[0]


def an_address_is_good_once(browser: Browser, person: Person, link: str, name: str) -> None:
    browser.go(link)
    browser.until("document.body.innerText.includes('good for once')")
    assert name in browser.value("document.body.innerText")
    assert {cookie["httpOnly"] for cookie in browser.cookies() if cookie["name"].startswith("ez-")} == {True}


def it_survives_a_restart(browser: Browser, person: Person, name: str) -> None:
    """The same gate leads to what was started anew. One that is killed leaves no OpenSSH behind."""
    for line in gates(name, "pid,args"):
        os.kill(int(line.split()[0]), signal.SIGKILL)
    wait_until_none(lambda: [line for line in processes() if " -N -T -L " in line and f" {name}." in line])
    person.ez("env", "stop", name)
    person.ez("env", "start", name)
    link = person.ez("env", "open", name, "--ide", "jupyter", "--json").json["link"]
    browser.go(link)
    browser.until("document.querySelector('.jp-Notebook, .jp-DirListing-item')")


def everything_ends_with_the_environment(person: Person, name: str) -> None:
    person.ez("env", "delete", name, "--yes")
    wait_until_none(lambda: gates(name))
    assert list((person.database.parent / "web").iterdir()) == []


def gates(name: str, shown: str = "args") -> list[str]:
    return [line for line in processes(shown) if "env gate" in line and name in line]


def processes(shown: str = "args") -> list[str]:
    return subprocess.run(["ps", "axww", "-o", shown], capture_output=True, text=True, check=True).stdout.splitlines()


def wait_until_none(found: Callable[[], list[str]]) -> None:
    deadline = time.monotonic() + 10
    while left := found():
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def pictures() -> Path:
    """`docs/images` when they are wanted anew."""
    wanted = IMAGES if os.environ.get("EZ_TESTBED_PICTURES") else Path(os.environ["HOME"])
    wanted.mkdir(parents=True, exist_ok=True)
    return wanted


def test_what_is_not_there_is_an_error_with_a_next_step(person: Person) -> None:
    assert "no environment `nothing`" in person.ez("env", "open", "nothing", code=1).told
    assert "unknown editor" in person.ez("env", "open", "nothing", "--ide", "em\nacs", code=2).told
