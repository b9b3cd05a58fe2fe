"""`install.*`"""

from __future__ import annotations

import re

from ez.build.frontends.envd.language import Builtin, Call, Parameter
from ez.build.frontends.envd.namespaces.secrets import secrets
from ez.build.frontends.envd.record import At, Extension, Record

DEFAULT_PYTHON = "3.11"


def _python(record: Record, call: Call) -> None:
    asked = call.string("version")
    if asked.startswith("2"):
        raise call.wrong("envd doesn't support this Python version", "use Python 3, for example `3.11`")
    version = DEFAULT_PYTHON if asked in ("", "3") else asked.removesuffix(".*")
    if not re.fullmatch(r"3\.\d{1,3}(\.\d{1,3})?", version):
        raise call.wrong(f"python version {version} is not supported", "write it as `3.11` or `3.11.4`")
    record.python = At(version, call.position)


def _apt_packages(record: Record, call: Call) -> None:
    names = tuple(word for entry in call.strings("name") for word in entry.split())
    for name in names:
        if name.startswith("-"):
            raise call.wrong(f"install.apt_packages: not a package: `{name}`", "list only names of packages")
    if names:
        record.apt_packages.append(At(names, call.position))


def _python_packages(record: Record, call: Call) -> None:
    """Each list is a `pip install` of its own; the last requirements file wins; wheels and projects add up."""
    if call.strings("secrets"):
        record.pip_secrets[call.position] = secrets(call, call.strings("secrets"))
    if call.strings("name"):
        record.pip_packages.append(At(call.strings("name"), call.position))
    if call.string("requirements"):
        record.pip_requirements = At(call.string("requirements"), call.position)
    if call.strings("local_wheels"):
        record.pip_wheels.append(At(call.strings("local_wheels"), call.position))
    if call.string("project"):
        record.pip_projects.append(At(call.string("project"), call.position))


def _vscode_extensions(record: Record, call: Call) -> None:
    """`publisher.name`, or `publisher.name-1.2.3`: what follows the last `-` is a version if it begins with a digit."""
    for entry in call.strings("name"):
        matched = re.fullmatch(r"([\w-]+)\.([\w.-]+?)(?:-(\d[\w.+]*))?", entry, re.ASCII)
        if matched is None:
            raise call.wrong("invalid publisher", f"write `{entry}` as `publisher.extension` or with its version")
        record.extensions.append(At(Extension(matched[1], matched[2], matched[3] or ""), call.position))


BUILTINS = (
    Builtin("install.python", _python, (Parameter("version", default=DEFAULT_PYTHON),)),
    Builtin("install.apt_packages", _apt_packages, (Parameter("name", "strings", ()),)),
    Builtin(
        "install.python_packages",
        _python_packages,
        (
            Parameter("name", "strings", ()),
            Parameter("requirements", default=""),
            Parameter("local_wheels", "strings", ()),
            Parameter("project", default="", keyword_only=True),
            Parameter("secrets", "strings", (), keyword_only=True),
        ),
    ),
    Builtin("install.vscode_extensions", _vscode_extensions, (Parameter("name", "strings"),)),
)
