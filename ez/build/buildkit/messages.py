"""BuildKit's messages, built at first use from the descriptor set that `scripts/compile-protos` makes.

A private descriptor pool, so that no other package's `pb.*` or `google.rpc` can clash with ours, and so that one
descriptor set serves every protobuf release. Use as `llb.Op(...)`, `control.SolveRequest(...)`.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any


class Package:
    """The message classes of one protobuf package, by name; nested ones as `Outer.Inner`."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, message: str) -> Any:
        made = _message_class(f"{self._name}.{message}")
        setattr(self, message, made)
        return made


llb = Package("pb")
control = Package("moby.buildkit.v1")
gateway = Package("moby.buildkit.v1.frontend")
rpc = Package("google.rpc")
health = Package("grpc.health.v1")
fsutil = Package("fsutil.types")
auth = Package("moby.filesync.v1")
content = Package("containerd.services.content.v1")
secrets = Package("moby.buildkit.secrets.v1")
sshforward = Package("moby.sshforward.v1")


@cache
def _pool() -> Any:
    from google.protobuf.descriptor_pb2 import FileDescriptorSet
    from google.protobuf.descriptor_pool import DescriptorPool

    pool = DescriptorPool()
    shipped = resources.files("ez.build.buildkit").joinpath("messages.binpb").read_bytes()
    for file in FileDescriptorSet.FromString(shipped).file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


def _message_class(full_name: str) -> Any:
    from google.protobuf import message_factory

    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(full_name))
