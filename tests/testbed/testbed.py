"""The testbed as a whole: up, down, status, and the machines in it."""

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

from .agent import Agent, agent
from .archive import Entry
from .computers import TestComputer, create, existing
from .docker import docker, ensure_network, inspect, remove_everything, remove_replaced_images
from .git_server import GitServer
from .hardware import Hardware
from .images import ensure_image, ensure_images, ensure_stand_ins, keep_images
from .keys import ensure_key
from .registry import Registry
from .shell import TestbedError, run
from .variants import VARIANTS
from .world import REPOSITORY, World


@dataclass(frozen=True)
class Status:
    """What of the testbed is there."""

    up: bool
    engine: str | None
    engine_started_here: bool
    registry: str | None
    git_server: str | None
    computers: list[dict[str, Any]]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Testbed:
    """A testbed that is up."""

    __test__: ClassVar[bool] = False

    world: World
    registry: Registry
    git_server: GitServer

    @classmethod
    def up(cls, world: World | None = None) -> Self:
        """Make what is missing of the testbed and return it; calls from several processes wait for one another."""
        world = world or World.from_environment()
        if os.geteuid() != 0:
            raise TestbedError("the testbed needs root: sudo scripts/testbed up")
        testbed = cls(world, Registry(world), GitServer(world))
        with _alone(world):
            _ensure_engine(world)
            ensure_key(world.state / "keys" / "client", "ez-testbed client")
            ensure_key(testbed.git_server.user_key, "ez-testbed user")
            ensure_images(world)
            ensure_network(world)
            testbed.registry.ensure()
            testbed.git_server.ensure()
            remove_replaced_images()
            ensure_stand_ins(world, testbed.registry)
        return testbed

    @classmethod
    def down(cls, world: World | None = None, *, purge: bool = False) -> None:
        """Remove all of the testbed; `purge` also removes what is kept for the next `up`."""
        world = world or World.from_environment()
        with _alone(world):
            if _engine_version() is not None:
                if not purge:
                    keep_images(world)
                remove_everything(world)
            if _engine_started_here(world):
                _engine_script("stop_engine")
            for entry in ("keys", "computers", "engine-started-here"):
                path = world.state / entry
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        shutil.rmtree(world.state, ignore_errors=True)
        if purge:
            shutil.rmtree(world.cache, ignore_errors=True)

    def computer(
        self,
        variant: str = "bare",
        *,
        number: int | None = None,
        engine_configured: bool = True,
        home_size: str | None = None,
        engine_size: str | None = None,
        hardware: Hardware | None = None,
        disk: Sequence[Entry] | None = None,
        reserved: bool = False,
    ) -> TestComputer:
        """A fresh computer, ready to log into; see `computers.create` for the options. The caller destroys it."""
        image = VARIANTS[variant].image
        with _alone(self.world):
            ensure_image(self.world, image)
        return create(
            self.world,
            VARIANTS[variant],
            number=number,
            engine_configured=engine_configured,
            home_size=home_size,
            engine_size=engine_size,
            hardware=hardware,
            disk=disk,
            reserved=reserved,
        )

    @contextmanager
    def lend(self, variant: str = "bare", **options: Any) -> Iterator[TestComputer]:
        """A computer for the length of a `with` block."""
        computer = self.computer(variant, **options)
        try:
            yield computer
        finally:
            computer.destroy()

    def agent(self, *, client_key: bool = False) -> AbstractContextManager[Agent]:
        """The person's agent: holds the key for the Git server, and with `client_key` that for the computers too."""
        client = self.world.state / "keys" / "client"
        return agent([self.git_server.user_key, client] if client_key else [self.git_server.user_key])


def status(world: World | None = None) -> Status:
    """Look, and change nothing."""
    world = world or World.from_environment()
    engine = _engine_version()
    registry, git_server = Registry(world), GitServer(world)
    there = engine is not None and inspect("network", world.name) is not None
    has_registry, has_git = there and registry.answers(), there and git_server.answers()
    computers = existing(world) if there else []
    return Status(
        up=has_registry and has_git,
        engine=engine,
        engine_started_here=_engine_started_here(world),
        registry=registry.address if has_registry else None,
        git_server=git_server.host if has_git else None,
        computers=[
            {"name": one.name, "variant": one.variant, "host": one.host, "port": one.port, "address": one.address}
            for one in computers
        ],
    )


@contextmanager
def _alone(world: World) -> Iterator[None]:
    world.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (world.state / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _engine_version() -> str | None:
    if shutil.which("docker") is None:
        return None
    done = docker("version", "--format", "{{.Server.Version}}", check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def _ensure_engine(world: World) -> None:
    if _engine_version() is not None:
        return
    (world.state / "engine-started-here").touch()
    _engine_script("ensure_engine")


def _engine_started_here(world: World) -> bool:
    return (world.state / "engine-started-here").exists()


def _engine_script(function: str) -> None:
    run("bash", "-c", f'. "{REPOSITORY}/scripts/lib/engine.sh" && {function}', timeout=300)
