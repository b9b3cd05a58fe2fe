"""Base images that are not bare: users, settings and environments of their own."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ez.build.engine import Address
from ez.build.load import load
from ez.build.solve import build
from ez.errors import StepError
from tests.build.image.conftest import Enter
from tests.testbed.docker import docker

pytestmark = pytest.mark.engine

OTHER_USER = """
FROM debian:12
RUN useradd -m -u 1000 somebody && rm -f /usr/sbin/policy-rc.d
ENV FROM_BASE=yes PATH=/custom/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
USER somebody
WORKDIR /home/somebody
RUN touch kept
ENTRYPOINT ["false"]
"""


@pytest.fixture
def base(engine: Path) -> Iterator[str]:
    name = f"ez-test-base:{uuid.uuid4().hex[:12]}"
    docker("build", "--quiet", "--tag", name, "-", stdin=OTHER_USER)
    yield name
    docker("rmi", "--force", name)


def test_a_user_with_the_same_id_becomes_the_user(
    base: str, image: Callable[[Path], str], enter: Enter, tmp_path: Path
) -> None:
    repo = tmp_path / "repo"
    repo.mkdir()
    (repo / "build.envd").write_text(
        f'def build():\n    base("{base}", dev=True)\n    shell("zsh")\n    run(["test $FROM_BASE = yes", "id -un"])\n'
    )
    container = enter(image(repo), 1234, 1234)
    assert container.says('whoami; ls ~/kept; stat -c %u ~/kept; echo "$SHELL $FROM_BASE"; echo "$PATH"').split() == [
        "envd",
        "/home/envd/kept",
        "1234",
        "/usr/bin/zsh",
        "yes",
        "/home/envd/.local/bin:/custom/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ]


def test_pip_without_python_says_what_to_do(engine: Path, tmp_path: Path) -> None:
    (tmp_path / "build.envd").write_text('def build():\n    base("debian:12")\n    install.python_packages(["six"])\n')
    with pytest.raises(StepError) as caught:
        build(load(tmp_path, "x", access=False), Address.unix(engine), "ez-test-image:never")
    assert (caught.value.file, caught.value.line) == ("build.envd", 3)
    assert caught.value.log[-1] == "ez: this image has no Python with pip; add install.python() to build.envd"
