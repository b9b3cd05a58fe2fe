"""Which editor is opened, and whether now."""

from __future__ import annotations

from dataclasses import dataclass

from ez.env.editors.find import Desktop, find
from ez.env.editors.table import CHOICES, EDITORS, IN_BROWSER, Editor
from ez.errors import UsageError
from ez.names import shown


@dataclass(frozen=True)
class EditorChoice:
    """The editor to use and whether to start it now; `reason` says why not, in words for a person. `program` is its
    path, empty where there is none."""

    editor: Editor
    launch: bool
    reason: str = ""
    program: str = ""


def check_choice(wanted: str) -> str:
    """The same word. Raises UsageError for one that is not in `CHOICES`."""
    if wanted not in CHOICES:
        raise UsageError(f"unknown editor: `{shown(wanted)}`", f"choose one of {', '.join(CHOICES)}")
    return wanted


def choose(wanted: str, desktop: Desktop) -> EditorChoice:
    """Pick an editor of this computer. A missing one is no error: its command and link are shown instead.

    Raises UsageError for a name that is not in `CHOICES`, or is opened in the browser.
    """
    check_choice(wanted)
    if wanted in IN_BROWSER:
        raise UsageError(f"`{wanted}` is opened in the browser", "this is a bug in ez")
    if wanted == "none":
        return EditorChoice(EDITORS["code"], False, "no editor was asked for")
    if wanted == "gateway":
        return EditorChoice(EDITORS[wanted], desktop.has_screen, "" if desktop.has_screen else _NO_SCREEN)
    candidates = [EDITORS[wanted]] if wanted in EDITORS else [one for one in EDITORS.values() if one.command]
    found = ((editor, find(editor, desktop)) for editor in candidates)
    editor, program = next(((editor, path) for editor, path in found if path), (candidates[0], None))
    if program is None:
        return EditorChoice(editor, False, f"{editor.title} is not installed on this computer{_others(desktop)}")
    if wanted == "auto" and not desktop.has_screen:
        return EditorChoice(editor, False, _NO_SCREEN, program)
    return EditorChoice(editor, True, "", program)


def _others(desktop: Desktop) -> str:
    """What could be asked for instead, in words."""
    there = [f"`--ide {editor.id}`" for editor in EDITORS.values() if find(editor, desktop)]
    return f"; {', '.join([*there, '`--ide web`'])} would open" if desktop.has_screen else ""


_NO_SCREEN = "this session has no screen"
