"""NVIDIA's images of CUDA: which there are, by version and Ubuntu's release.

Names are those of NVIDIA's list of tags (https://gitlab.com/nvidia/container-images/cuda and Docker Hub, as of summer
2026): cuDNN is named with its version up to CUDA 12.3 and without it since. Errors have no place; callers add it.
"""

from __future__ import annotations

import re

from ez.build.graph import ImageSource
from ez.build.llb.reference import normalise
from ez.errors import DefinitionError

REPOSITORY = "nvidia/cuda"

PATCHES = {
    "11.0": ("3",),
    "11.1": ("1",),
    "11.2": ("2",),
    "11.3": ("1",),
    "11.4": ("3",),
    "11.5": ("2",),
    "11.6": ("1", "2"),
    "11.7": ("0", "1"),
    "11.8": ("0",),
    "12.0": ("0", "1"),
    "12.1": ("0", "1"),
    "12.2": ("0", "2"),
    "12.3": ("0", "1", "2"),
    "12.4": ("0", "1"),
    "12.5": ("0", "1"),
    "12.6": ("0", "1", "2", "3"),
    "12.8": ("0", "1"),
    "12.9": ("0", "1"),
    "13.0": ("0", "1", "2", "3"),
    "13.1": ("0", "1", "2"),
    "13.2": ("0", "1"),
    "13.3": ("0", "1"),
}
"""The patch versions of a release that have been published, the newest last. What is newer than all is believed."""

WITHOUT_CUDNN = ("12.2.0", "12.3.0", "12.3.1", "12.4.0", "12.5.0")
"""Versions whose images have no cuDNN."""

FLAVOURS = ("base", "runtime", "devel")

_NEWEST_FIRST = ("26.04", "24.04", "22.04", "20.04")
_RELEASES = {
    "20.04": ((11, 0), (12, 9)),
    "22.04": ((11, 7), (99, 0)),
    "24.04": ((12, 6), (99, 0)),
    "26.04": ((13, 3), (99, 0)),
}
"""Ubuntu's releases and the first and the last CUDA that is published for each."""

_NAMES = {"focal": "20.04", "jammy": "22.04", "noble": "24.04"}
_UBUNTU = re.compile(r"docker\.io/library/ubuntu:([a-z]+|\d\d\.\d\d)(?:-\d{8})?(?:@.*)?")
_VERSION = re.compile(r"(\d{2})\.(\d{1,2})(?:\.\d{1,2})?")


def check_version(version: str, cudnn: str = "") -> str:
    """The whole version that `version` (`12.4` or `12.4.1`) means. Raises DefinitionError for one that is not published
    with cuDNN, or has another than `cudnn`, a major version, if that is asked for."""
    whole = _whole(version)
    if whole in WITHOUT_CUDNN:
        release = whole.rpartition(".")[0]
        hint = f"write it as `{release}.{PATCHES[release][-1]}`"
        raise DefinitionError(f"NVIDIA publishes no image of CUDA {whole} with cuDNN", hint)
    major = _cudnn_major(_number(whole))
    if cudnn and cudnn.partition(".")[0] != major:
        hint = f'leave out `cudnn`, or write `cudnn="{major}"`'
        raise DefinitionError(f"NVIDIA's image of CUDA {whole} has cuDNN {major}, not {cudnn}", hint)
    return whole


def _whole(version: str) -> str:
    matched = _VERSION.fullmatch(version)
    if matched is None:
        raise DefinitionError(f"not a version of CUDA: `{version}`", "write it as `12.4` or `12.4.1`")
    release = f"{matched[1]}.{matched[2]}"
    patches = PATCHES.get(release, ())
    newer = _number(release) > _number(next(reversed(PATCHES)))
    whole = version if version.count(".") == 2 else f"{release}.{patches[-1]}" if patches else ""
    if newer and not whole:
        raise DefinitionError(f"which patch version of CUDA {version}?", f"name it: `{version}.0`, for example")
    if not newer and whole.rpartition(".")[2] not in patches:
        raise DefinitionError(f"NVIDIA publishes no image of CUDA {version}", f"the nearest are {_nearest(release)}")
    return whole


def cuda_image(base: ImageSource | None, version: str, cudnn: bool, flavour: str) -> str:
    """The image of CUDA `version` that stands for `base`. Raises DefinitionError."""
    whole = check_version(version) if cudnn else _whole(version)
    number = _number(whole)
    if flavour not in FLAVOURS or (flavour == "base" and cudnn):
        message = f"NVIDIA publishes no `{flavour}` image{' with cuDNN' if cudnn else ''}"
        raise DefinitionError(message, "use `runtime` or `devel`, or `base` with cudnn=False")
    release = _release(base)
    first, last = _RELEASES[release]
    if not first <= number <= last:
        fitting = ", ".join(f"`ubuntu:{name}`" for name, (low, high) in _RELEASES.items() if low <= number <= high)
        message = f"NVIDIA publishes no CUDA {version} for Ubuntu {release}"
        raise DefinitionError(message, f"begin with {fitting or 'a newer version of CUDA'}")
    return _named(whole, number, cudnn, flavour, release)


def newest_image(version: str, flavour: str) -> str:
    """As `cuda_image` with cuDNN, for whoever has named no base image: of Ubuntu 22.04, or the nearest there is."""
    whole = check_version(version)
    number = _number(whole)
    fitting = [name for name in _NEWEST_FIRST if _RELEASES[name][0] <= number <= _RELEASES[name][1]]
    release = "22.04" if "22.04" in fitting else fitting[0]
    return _named(whole, number, True, flavour, release)


def _named(whole: str, number: tuple[int, int], cudnn: bool, flavour: str, release: str) -> str:
    return f"{REPOSITORY}:{whole}{_cudnn(number) if cudnn else ''}-{flavour}-ubuntu{release}"


def _number(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


def _nearest(release: str) -> str:
    """The newest patch versions right below and above, or all of the release itself."""
    if release in PATCHES:
        found = [f"{release}.{patch}" for patch in PATCHES[release]]
    else:
        below = [name for name in PATCHES if _number(name) < _number(release)]
        above = [name for name in PATCHES if _number(name) > _number(release)]
        found = [f"{name}.{PATCHES[name][-1]}" for name in (*below[-1:], *above[:1])]
    return " and ".join(f"`{one}`" for one in found)


def _release(base: ImageSource | None) -> str:
    matched = _UBUNTU.fullmatch(normalise(base)) if base is not None else None
    release = _NAMES.get(matched[1], matched[1]) if matched else ""
    if release not in _RELEASES:
        shown = f"`{base.reference}`" if base is not None else "nothing"
        raise DefinitionError(
            f"NVIDIA publishes no image with CUDA that is made of {shown}",
            "begin with `ubuntu:22.04`, or with an image of yours that has CUDA",
        )
    return release


def _cudnn_major(version: tuple[int, int]) -> str:
    return "9" if version >= (12, 3) else "8"


def _cudnn(version: tuple[int, int]) -> str:
    return "-cudnn" if version >= (12, 4) else f"-cudnn{_cudnn_major(version)}"
