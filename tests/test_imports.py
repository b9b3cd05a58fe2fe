"""The rooms of the design: imports point one way, and only the outermost rooms touch the process's surroundings."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "ez"

ERRORS = {"errors"}
MODELS = {"models"} | ERRORS
BASE = {"state", "events", "names"} | MODELS

# Each room and the rooms it may import, besides itself and `ez` (the version).
MAY_IMPORT: Mapping[str, set[str]] = {
    "ez": set(),
    "errors": set(),
    "models": ERRORS,
    "names": ERRORS,
    "events": MODELS,
    "state": {"events", "names"} | MODELS,
    "config": {"names"} | MODELS,
    "ssh": BASE,
    "providers": BASE,
    "build": BASE,
    "compute": {"providers", "ssh"} | BASE,
    "env": {"compute", "build", "ssh", "config"} | BASE,
    "cli": {"env", "compute", "build", "ssh", "providers", "config"} | BASE,
    "__main__": {"cli"},
}

# What a program's surroundings are called in Python, and the rooms that may touch each. `*.` is any object.
SURROUNDINGS: Mapping[str, set[str]] = {
    "print": {"cli"},
    "input": {"cli"},
    "breakpoint": set(),
    "exit": set(),
    "quit": set(),
    "os._exit": {"cli"},
    "os.environ": {"cli", "config"},
    "os.environb": {"cli", "config"},
    "os.getenv": {"cli", "config"},
    "os.putenv": set(),
    "os.isatty": {"cli"},
    "os.get_terminal_size": {"cli"},
    "shutil.get_terminal_size": {"cli"},
    "getpass.getpass": {"cli"},
    "sys.argv": {"cli"},
    "sys.exit": {"cli"},
    "sys.stdin": {"cli"},
    "sys.stdout": {"cli"},
    "sys.stderr": {"cli"},
    "*.isatty": {"cli"},
}


@dataclass(frozen=True)
class Module:
    """A module of the package: its dotted name and what it says."""

    name: str
    is_package: bool
    tree: ast.Module

    @property
    def room(self) -> str:
        return room_of(self.name)


def room_of(name: str) -> str:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


def modules_of(package: Path) -> dict[str, Module]:
    found = {}
    for file in sorted(package.rglob("*.py")):
        parts = [package.name, *file.relative_to(package).with_suffix("").parts]
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        found[name] = Module(name, is_package, ast.parse(file.read_text(), str(file)))
    return found


def imports_of(module: Module, modules: Mapping[str, Module]) -> Iterator[tuple[str, int]]:
    """Names of the modules of the package that `module` imports anywhere in it, with line numbers."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = absolute_origin(module, node)
            names = [f"{origin}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if (imported := existing_module(name, modules)) is not None:
                yield imported, node.lineno


def absolute_origin(module: Module, node: ast.ImportFrom) -> str:
    if node.level == 0:
        return node.module or ""
    parts = module.name.split(".")
    ups = node.level - 1 if module.is_package else node.level
    return ".".join([*parts[: len(parts) - ups], *([node.module] if node.module else [])])


def existing_module(name: str, modules: Mapping[str, Module]) -> str | None:
    """The module that `name` is, or that holds the thing called `name`."""
    if name in modules:
        return name
    holder = name.rpartition(".")[0]
    return holder if holder in modules else None


def touches_of(module: Module) -> Iterator[tuple[str, int]]:
    """What of SURROUNDINGS the module names, with line numbers."""
    for node in ast.walk(module.tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in SURROUNDINGS:
                yield name, node.lineno
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if f"{owner}.{name}" in SURROUNDINGS:
                yield f"{owner}.{name}", node.lineno
            case ast.Attribute(attr=name) if f"*.{name}" in SURROUNDINGS:
                yield f"*.{name}", node.lineno
            case ast.ImportFrom(module=owner, names=names):
                for alias in names:
                    if f"{owner}.{alias.name}" in SURROUNDINGS:
                        yield f"{owner}.{alias.name}", node.lineno


def complaints(package: Path) -> list[str]:
    """Everything in `package` that breaks the tables above, one sentence each."""
    modules = modules_of(package)
    graph = {name: set(imports_of(module, modules)) for name, module in modules.items()}
    return [
        *unknown_rooms(modules),
        *wrong_directions(modules, graph),
        *cycles(graph),
        *wrong_touches(modules),
    ]


def unknown_rooms(modules: Mapping[str, Module]) -> Iterator[str]:
    for module in modules.values():
        if module.room not in MAY_IMPORT:
            yield f"{module.name}: a room that the table does not know"


def wrong_directions(modules: Mapping[str, Module], graph: Mapping[str, set[tuple[str, int]]]) -> Iterator[str]:
    for name, imports in graph.items():
        room = modules[name].room
        for imported, line in sorted(imports):
            if room_of(imported) not in {room, "ez"} | MAY_IMPORT.get(room, set()):
                yield f"{name}:{line}: `{room}` may not import `{imported}`"


def cycles(graph: Mapping[str, set[tuple[str, int]]]) -> Iterator[str]:
    try:
        TopologicalSorter(
            {name: {imported for imported, _ in edges} - {name} for name, edges in graph.items()}
        ).prepare()
    except CycleError as error:
        yield f"cycle: {' <- '.join(error.args[1])}"


def wrong_touches(modules: Mapping[str, Module]) -> Iterator[str]:
    for module in modules.values():
        for name, line in touches_of(module):
            if module.room not in SURROUNDINGS[name]:
                yield f"{module.name}:{line}: `{module.room}` may not touch `{name}`"


def test_imports_point_one_way() -> None:
    assert complaints(PACKAGE) == []


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({"ssh/a.py": "from ez.build import b", "build/b.py": ""}, "ez.ssh.a:1: `ssh` may not import `ez.build.b`"),
        ({"env/a.py": "def f():\n    import ez.cli.b", "cli/b.py": ""}, "ez.env.a:2: `env` may not import `ez.cli.b`"),
        ({"build/a.py": "from ..ssh.b import C", "ssh/b.py": ""}, "ez.build.a:1: `build` may not import `ez.ssh.b`"),
        ({"models.py": "from . import events", "events.py": ""}, "ez.models:1: `models` may not import `ez.events`"),
        ({"ssh/a.py": "from . import b", "ssh/b.py": "from .a import C"}, "cycle: ez.ssh.a <- ez.ssh.b <- ez.ssh.a"),
        ({"plugins/a.py": ""}, "ez.plugins.a: a room that the table does not know"),
        ({"env/go.py": "import os\nos.environ['A']"}, "ez.env.go:2: `env` may not touch `os.environ`"),
        ({"config.py": "print('x')"}, "ez.config:1: `config` may not touch `print`"),
        ({"build/a.py": "from sys import argv"}, "ez.build.a:1: `build` may not touch `sys.argv`"),
        ({"ssh/a.py": "f().isatty()"}, "ez.ssh.a:1: `ssh` may not touch `*.isatty`"),
    ],
)  # fmt: skip
def test_the_check_can_fail(tmp_path: Path, files: dict[str, str], complaint: str) -> None:
    assert complaint in complaints(tree(tmp_path, files))


def test_what_the_tables_allow_passes(tmp_path: Path) -> None:
    files = {
        "__init__.py": "__version__ = '1'",
        "errors.py": "",
        "config.py": "import os\nfrom ez.errors import ConfigError\nos.environ.get('A')",
        "ssh/host.py": "from ez import __version__\nimport ez.errors",
        "env/go.py": "from ez.ssh.host import Host",
        "cli/env.py": "import sys\nfrom ez.env import go\nsys.exit(print(sys.stdin.isatty()))",
    }
    assert complaints(tree(tmp_path, files)) == []


def tree(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        file = folder / "ez" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder / "ez"
