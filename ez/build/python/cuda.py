"""NVIDIA's images of CUDA: which there are, by version and Ubuntu's release.

Names are those of NVIDIA's list of supported tags (https://gitlab.com/nvidia/container-images/cuda, read in July
2026): one patch version of each release is kept, cuDNN is named with its version up to 12.3 and without it since.
"""

from __future__ import annotations

import re

from ez.build.graph import ImageSource
from ez.build.llb.reference import normalise
from ez.build.python.place import wrong

REPOSITORY = "nvidia/cuda"

PATCHES = {
    "11.8": "11.8.0",
    "12.1": "12.1.1",
    "12.2": "12.2.2",
    "12.3": "12.3.2",
    "12.4": "12.4.1",
    "12.5": "12.5.1",
    "12.6": "12.6.3",
    "12.8": "12.8.1",
    "12.9": "12.9.1",
    "13.0": "13.0.3",
    "13.1": "13.1.2",
    "13.2": "13.2.1",
}
"""The patch version of a release that is published."""

FLAVOURS = ("base", "runtime", "devel")

_RELEASES = {"20.04": ((11, 0), (12, 9)), "22.04": ((11, 7), (99, 0)), "24.04": ((12, 6), (99, 0))}
"""Ubuntu's releases and the first and the last CUDA that is published for each."""

_NAMES = {"focal": "20.04", "jammy": "22.04", "noble": "24.04"}
_UBUNTU = re.compile(r"docker\.io/library/ubuntu:([a-z]+|\d\d\.\d\d)(?:-\d{8})?")
_VERSION = re.compile(r"(\d{2})\.(\d{1,2})(?:\.\d{1,2})?")


def cuda_image(base: ImageSource | None, version: str, cudnn: bool, flavour: str) -> str:
    """The image of CUDA `version` (`12.4` or `12.4.1`) that stands for `base`. Raises DefinitionError."""
    matched = _VERSION.fullmatch(version)
    if matched is None:
        raise wrong(f"not a version of CUDA: `{version}`", "write it as `12.4` or `12.4.1`")
    if flavour not in FLAVOURS or (flavour == "base" and cudnn):
        message = f"with_cuda: NVIDIA publishes no `{flavour}` image{' with cuDNN' if cudnn else ''}"
        raise wrong(message, "use `runtime` or `devel`, or `base` with cudnn=False")
    number = (int(matched[1]), int(matched[2]))
    whole = version if version.count(".") == 2 else PATCHES.get(version, "")
    if not whole:
        raise wrong(f"with_cuda: which patch version of CUDA {version}?", f"name it: `{version}.0`, for example")
    release = _release(base)
    first, last = _RELEASES[release]
    if not first <= number <= last:
        fitting = ", ".join(f"`ubuntu:{name}`" for name, (low, high) in _RELEASES.items() if low <= number <= high)
        message = f"with_cuda: NVIDIA publishes no CUDA {version} for Ubuntu {release}"
        raise wrong(message, f"begin with {fitting or 'a newer version of CUDA'}")
    return f"{REPOSITORY}:{whole}{_cudnn(number) if cudnn else ''}-{flavour}-ubuntu{release}"


def _release(base: ImageSource | None) -> str:
    matched = _UBUNTU.fullmatch(normalise(base)) if base is not None else None
    release = _NAMES.get(matched[1], matched[1]) if matched else ""
    if release not in _RELEASES:
        shown = f"`{base.reference}`" if base is not None else "nothing"
        raise wrong(
            f"with_cuda: NVIDIA publishes no image with CUDA that is made of {shown}",
            'begin with `Image("ubuntu:22.04")`, or with an image of yours that has CUDA',
        )
    return release


def _cudnn(version: tuple[int, int]) -> str:
    if version >= (12, 4):
        return "-cudnn"
    return "-cudnn9" if version == (12, 3) else "-cudnn8"
