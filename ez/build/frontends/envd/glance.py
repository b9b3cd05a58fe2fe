"""What can be told of a build file without a parser, which takes time to load and to run.

Nothing here imports more than the interpreter has at its start; see `ez.build.frontends.envd.child`.
"""

from __future__ import annotations


def takes_nothing(text: str, function: str) -> bool:
    """Whether the function is plainly one without parameters."""
    return f"\ndef {function}():" in f"\n{text}"


def defines_once(text: str) -> bool:
    """Whether plainly no global name gets a second value; False where that takes a closer look."""
    seen: set[str] = set()
    for line in text.split("\n"):
        if line[:1] in ("", " ", "#", ")", "]", "}"):
            continue
        name = _defined(line)
        if name is None or name in seen:
            return False
        if name:
            seen.add(name)
    return True


def _defined(line: str) -> str | None:
    """The name that a line at the left edge defines, empty for none, None where that is not plain."""
    if ";" in line or "load" in line:
        return None
    if line.startswith("def "):
        return line[4:].partition("(")[0].strip()
    word = line.split("=", 1)[0].split("(", 1)[0].strip()
    rest = line[len(word) :].lstrip()
    if word.isidentifier() and rest.startswith("=") and not rest.startswith("=="):
        return word
    is_call = rest.startswith("(") and word.replace(".", "").isidentifier()
    return "" if is_call else None
