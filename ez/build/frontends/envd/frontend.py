"""The way from a `build.envd` to what `load` needs."""

from __future__ import annotations

from ez.build.frontends import Described
from ez.build.frontends.envd.compile import compile_record
from ez.build.frontends.envd.namespaces import BUILTINS, CONSTANTS
from ez.build.frontends.envd.record import Record
from ez.build.frontends.inputs import Inputs
from ez.errors import DefinitionError

MINIMAL = """def build():
    base(dev=True)
    install.python()
    install.python_packages(name=["numpy"])
"""


def describe(inputs: Inputs, name: str, file: str, function: str, access: bool) -> Described:
    """Run `function` of the build file `file` and compile what it asked for."""
    from ez.build.frontends.envd.interpreter import Interpreter

    hint = f"write `{file}` with these lines:\n\n{MINIMAL.rstrip()}"
    content = inputs.read(file, missing_hint=hint)
    if b"# syntax=v0" in content.split(b"\n", 1)[0]:
        raise DefinitionError(
            "v0 is no longer supported in envd v1, and not by this version of ez",
            "write it in v1: `base(dev=True)` and `install.python()` instead of `base(os=..., language=...)`",
            file=file,
            line=1,
            column=1,
        )
    record = Record()
    interpreter = Interpreter(inputs, BUILTINS, CONSTANTS, record)
    interpreter.run(inputs.locate(file), function, content)
    compiled = compile_record(record, name, inputs, access)
    return Described(
        state=compiled.state,
        config=compiled.config,
        runtime=compiled.runtime,
        sources=tuple(interpreter.sources),
        warnings=(*interpreter.printed, *compiled.warnings),
    )
