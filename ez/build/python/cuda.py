"""NVIDIA's images of CUDA, asked for by a call of the Python API."""

from __future__ import annotations

from ez.build.graph import ImageSource
from ez.build.image import cuda
from ez.build.python.place import wrong
from ez.errors import DefinitionError


def cuda_image(base: ImageSource | None, version: str, cudnn: bool, flavour: str) -> str:
    """The image of CUDA `version` (`12.4` or `12.4.1`) that stands for `base`. Raises DefinitionError at the call."""
    try:
        return cuda.cuda_image(base, version, cudnn, flavour)
    except DefinitionError as error:
        raise wrong(f"with_cuda: {error.message}", error.hint or "name another version") from error
