"""`install.python_packages(project=...)`: what locks say is installed, read by their own tools, then the project."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ez.build.load import load
from ez.errors import StepError
from tests.build.image.conftest import Enter

BUILD = """
def build():
    base("debian:12", dev=True)
    install.python()
    install.python_packages(project="server[test]")
    install.python_packages(project="tool")
    install.python_packages(project="web")
    install.python_packages(project="jobs")
"""

_SIX = "4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274"
_INICONFIG = "b6a85871a79d2e3b22d2d1b94ac2824226a63c6b741c88f7ae975f18b6778374"

FILES = {
    "server/src/server/__init__.py": "HERE = __file__\n",
    "server/pyproject.toml": """
[project]
name = "server"
version = "1.0"
description = "A package in a directory of the repo"
requires-python = ">=3.9"
dependencies = ["six"]

[project.optional-dependencies]
test = ["iniconfig"]

[build-system]
requires = ["flit_core"]
build-backend = "flit_core.buildapi"
""",
    "server/uv.lock": f"""
version = 1
revision = 3
requires-python = ">=3.9"

[[package]]
name = "iniconfig"
version = "2.0.0"
source = {{ registry = "https://index.invalid/simple" }}
wheels = [
    {{ url = "https://files.invalid/iniconfig-2.0.0-py3-none-any.whl", hash = "sha256:{_INICONFIG}" }},
]

[[package]]
name = "server"
version = "1.0"
source = {{ editable = "." }}
dependencies = [
    {{ name = "six" }},
]

[package.optional-dependencies]
test = [
    {{ name = "iniconfig" }},
]

[package.metadata]
requires-dist = [
    {{ name = "iniconfig", marker = "extra == 'test'" }},
    {{ name = "six" }},
]
provides-extras = ["test"]

[[package]]
name = "six"
version = "1.17.0"
source = {{ registry = "https://index.invalid/simple" }}
wheels = [
    {{ url = "https://files.invalid/six-1.17.0-py2.py3-none-any.whl", hash = "sha256:{_SIX}" }},
]
""",
    "tool/pyproject.toml": """
[tool.poetry]
name = "verses"
version = "1.0"
package-mode = false

[tool.poetry.dependencies]
python = ">=3.11"
six = "*"

[tool.poetry.group.dev.dependencies]
iniconfig = "*"

[tool.poetry.group.docs]
optional = true

[tool.poetry.group.docs.dependencies]
tomli = "*"
""",
    "tool/poetry.lock": f"""
[[package]]
name = "iniconfig"
version = "2.0.0"
description = ""
optional = false
python-versions = ">=3.7"
groups = ["dev"]
files = [
    {{file = "iniconfig-2.0.0-py3-none-any.whl", hash = "sha256:{_INICONFIG}"}},
]

[[package]]
name = "six"
version = "1.17.0"
description = ""
optional = false
python-versions = ">=2.7"
groups = ["main"]
files = [
    {{file = "six-1.17.0-py2.py3-none-any.whl", hash = "sha256:{_SIX}"}},
]

[metadata]
lock-version = "2.1"
python-versions = ">=3.11"
content-hash = "a75eb40379ad8af70465c30a2b54f66b9c2a0c3bca1ea07ba47bd22f46fb8182"
""",
    "web/Pipfile.lock": f"""
{{"default": {{"markupsafe": {{"version": "==3.0.2"}}, "six": {{"hashes": ["sha256:{_SIX}"], "version": "==1.17.0"}}}}}}
""",
    "helper/helper.py": '"""A package beside the others."""\n__version__ = "1.0"\nHERE = __file__\n',
    "helper/pyproject.toml": """
[project]
name = "helper"
dynamic = ["version", "description"]

[build-system]
requires = ["flit_core"]
build-backend = "flit_core.buildapi"
""",
    "jobs/pyproject.toml": """
[project]
name = "jobs"
version = "1.0"
dependencies = ["helper", "six"]

[tool.uv]
package = false

[tool.uv.sources]
helper = { path = "../helper", editable = true }
""",
    "jobs/uv.lock": f"""
version = 1
revision = 3
requires-python = ">=3.9"

[[package]]
name = "helper"
source = {{ editable = "../helper" }}

[[package]]
name = "jobs"
version = "1.0"
source = {{ virtual = "." }}
dependencies = [
    {{ name = "helper" }},
    {{ name = "six" }},
]

[[package]]
name = "six"
version = "1.17.0"
source = {{ registry = "https://index.invalid/simple" }}
wheels = [
    {{ url = "https://files.invalid/six-1.17.0-py2.py3-none-any.whl", hash = "sha256:{_SIX}" }},
]
""",
}
LOOK = (
    "from importlib import metadata as m; import helper, server;"
    " print(helper.HERE, server.HERE, *(m.version(n) for n in {names}))"
)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    place = tmp_path / "repo"
    for path, text in {**FILES, "build.envd": BUILD}.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(text)
    return place


@pytest.mark.engine
def test_locks_are_obeyed_and_the_code_is_that_of_the_repo(
    repo: Path, image: Callable[[Path], str], enter: Enter
) -> None:
    container = enter(image(repo), repo=repo)
    program = LOOK.format(names=["server", "six", "iniconfig", "markupsafe"])
    (container.work / "look.py").write_text(program)
    assert container.says("python hello/look.py").split() == [
        "/home/envd/hello/helper/helper.py",
        "/home/envd/hello/server/src/server/__init__.py",
        *("1.0", "1.17.0", "2.0.0", "3.0.2"),
    ]


def test_only_what_the_project_is_made_of_counts(repo: Path) -> None:
    """A change of its code builds nothing anew; a new module, or another lock, does. Packages by their path are all of
    the repo."""
    (repo / "build.envd").write_text(BUILD.rpartition("    install")[0])
    digests = [load(repo, "hello").digest]
    (repo / "server" / "src" / "server" / "more.py").write_text("1")
    (repo / "server" / "data.bin").write_text("1")
    digests.append(load(repo, "hello").digest)
    (repo / "server" / "src" / "server" / "deep").mkdir()
    (repo / "server" / "src" / "server" / "deep" / "__init__.py").write_text("")
    digests.append(load(repo, "hello").digest)
    (repo / "web" / "Pipfile.lock").write_text('{"default": {"six": {"version": "==1.16.0"}}}')
    digests.append(load(repo, "hello").digest)
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


@pytest.mark.engine
def test_an_outdated_lock_is_told_at_its_line(repo: Path, image: Callable[[Path], str]) -> None:
    file = repo / "tool" / "pyproject.toml"
    file.write_text(file.read_text().replace('six = "*"', 'six = "^2"'))
    with pytest.raises(StepError) as caught:
        image(repo)
    assert (caught.value.file, caught.value.line) == ("build.envd", 6)
    assert any("Run `poetry lock`" in line for line in caught.value.log)
