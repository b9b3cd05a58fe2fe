"""The documents: reference pages are those of the code as it is, and no link leads nowhere."""

import re
from pathlib import Path

import pytest

from scripts.lib.reference import pages

REPOSITORY = Path(__file__).parents[1]
DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md"), *REPOSITORY.glob("tests/**/*.md")])


@pytest.mark.parametrize("name", ["commands.md", "settings.md", "engines.md"])
def test_the_reference_is_up_to_date(name: str) -> None:
    written = (REPOSITORY / "docs" / "reference" / name).read_text()
    assert written == pages()[name], "run ./scripts/docs"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_every_link_to_a_file_leads_there(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", document.read_text())
    missing = [target for target in targets if "://" not in target and not (document.parent / target).exists()]
    assert missing == []
