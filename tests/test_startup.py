"""What a start of `ez` loads: nothing that only some of its commands need."""

import subprocess
import sys

import pytest

HEAVY = {
    "azure",
    "boto3",
    "botocore",
    "docker",
    "fabric",
    "google.protobuf",
    "grpc",
    "grpclib",
    "h2",
    "paramiko",
    "pydantic",
    "rich",
    "starlark",
}

SELDOM = {
    "asyncio",
    "csv",
    "email",
    "ez.build.explain.reasons",
    "ez.build.lock.lockfile",
    "ez.build.explain.record",
    "ez.build.secrets",
    "ez.build.share",
    "ez.build.solve",
    "ez.compute.facts",
    "ez.ssh.config",
    "http.client",
    "ssl",
    "tomllib",
}
"""What a build in which nothing changed does without."""

LIST_LOADED = "import {module}, sys; print(*sys.modules)"


def loaded_by(module: str) -> set[str]:
    program = LIST_LOADED.format(module=module)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return (HEAVY | SELDOM) & set(done.stdout.split())


@pytest.mark.parametrize(
    "module",
    [
        "ez.cli",
        "ez.cli.app",
        "ez.compute.ensure, ez.providers.azure, ez.providers.aws, ez.providers.byo, ez.providers.local",
        "ez.cli.compute_sizes, ez.compute.sizes.choose, ez.compute.sizes.store, ez.compute.sizes.quote",
        "ez.cli.build_run, ez.ssh.connect, ez.build.frontends.envd.frontend, ez.build.engine, ez.build.buildkit.engine",
    ],
)
def test_importing_what_every_run_needs_loads_nothing_else(module: str) -> None:
    assert loaded_by(module) == set()


def test_the_list_of_loaded_modules_can_fail() -> None:
    assert "rich" in loaded_by("rich.console")
