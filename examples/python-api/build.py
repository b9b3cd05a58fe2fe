"""The environment of this directory, as a Python program: `ez env go . --from build.py`."""

from ez.build import Image

PYTHON = "3.11"


def image(cuda: str = "") -> Image:
    """Plain, or with CUDA: `--from 'build.py:image(cuda="12.4")'`."""
    start = Image("ubuntu:22.04").with_python(PYTHON).env(GREETING="hello")
    if cuda:
        start = start.with_cuda(cuda)
    return start.parallel(
        lambda image: image.apt_install("make"),
        lambda image: image.pip_install(requirements="requirements.txt"),
        lambda image: image.copy("data", "/srv/data").mkfile("/srv/built-by", "ez\n"),
    )
