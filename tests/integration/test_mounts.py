"""Files of the computer in an environment, and services that are known by their names."""

from __future__ import annotations

from pathlib import Path

from tests.env.link.box import until
from tests.integration.person import Person
from tests.integration.places import Place, write_files
from tests.testbed.docker import docker

BUILD = """
def build():
    base(dev=True)
    runtime.mount("~/own/data", "~/data")
    runtime.mount(data.envd("images"), "~/deep/images")
    runtime.mount(_build_context_dir, "/repo")
    runtime.expose(9000, service="web")
    runtime.environ(env={"SET": "VALUE"})
"""


def test_files_of_the_computer_come_in_once_the_person_agrees(local: Place, person: Person, name: str) -> None:
    repo = write_files(person.home / "work" / name, {"build.envd": BUILD})
    refused = person.ez("env", "go", str(repo), "--no-open", code=2)
    assert f"`{person.home}/own/data` as `/home/envd/data`" in refused.told
    assert "images" not in refused.told
    assert local.containers(name) == {}

    shown = person.ez("env", "go", str(repo), "--no-open", "--yes").stdout
    assert "9000 (web) inside is 127.0.0.1:" in shown
    alias = f"{name}.ez"
    person.ssh(alias, "echo 1 > ~/data/one; echo 2 > ~/deep/images/two; echo 3 > /repo/three; stat -c %U ~/deep")
    assert (
        _texts(person.home / "own/data/one", person.home / ".cache/envd/data/images/two", repo / "three") == "1\n2\n3\n"
    )
    assert "(web)" in person.ez("env", "info", name).stdout
    local.serve(name, 9000, "0.0.0.0")
    until(lambda: bool(person.ez("env", "ports", name, "--json").json))
    (port,) = person.ez("env", "ports", name, "--json").json
    assert (port["why"], port["url"]) == ("published", f"http://{name}.localhost:{port['here']}")
    assert person.run("curl", "-s", "--max-time", "10", port["url"]).stdout == "inside"

    # Agreed once: another change of the build file raises no question.
    (repo / "build.envd").write_text(BUILD.replace("VALUE", "OTHER"))
    person.ez("env", "go", str(repo), "--no-open")
    assert person.ssh(alias, "echo $SET; cat ~/data/one").stdout == "OTHER\n1\n"

    image = docker("container", "inspect", "--format", "{{.Image}}", f"ez-{name}").stdout.strip()
    assert str(person.home) not in docker("image", "inspect", image).stdout


def _texts(*files: Path) -> str:
    return "".join(file.read_text() for file in files)
