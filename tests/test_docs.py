"""The documents: reference pages are those of the code as it is, no link leads nowhere, and their code works."""

import re
from pathlib import Path

import pytest

import ez.build
from ez.build.load import load
from scripts.lib.reference import pages

REPOSITORY = Path(__file__).parents[1]
CODE = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
GUIDES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])
DOCUMENTS = [*GUIDES, *sorted(REPOSITORY.glob("tests/**/*.md"))]


@pytest.mark.parametrize("name", ["build-file.md", "commands.md", "settings.md", "engines.md", "mistakes.md"])
def test_the_reference_is_up_to_date(name: str) -> None:
    written = (REPOSITORY / "docs" / "reference" / name).read_text()
    assert written == pages()[name], "run ./scripts/docs"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_every_link_to_a_file_leads_there(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", document.read_text())
    missing = [target for target in targets if "://" not in target and not (document.parent / target).exists()]
    assert missing == []


@pytest.mark.parametrize(
    "document",
    [one for one in GUIDES if CODE.search(one.read_text())],
    ids=lambda path: str(path.relative_to(REPOSITORY)),
)
def test_code_of_the_documents_makes_graphs(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks with a `build` are build files; the others are one program, to which the images of earlier blocks are
    known. What they build is made a definition of."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ez.build.Image, "build", lambda image, *names, **options: image.definition())
    (tmp_path / "requirements.txt").write_text("six\n")
    (tmp_path / "models").mkdir()
    base = ez.build.Image("ubuntu:22.04").with_python()
    known = {**{name: getattr(ez.build, name) for name in ez.build.__all__}, "base": base, "image": base}
    for block in CODE.findall(document.read_text()):
        if "def build()" in block:
            (tmp_path / "build.envd").write_text(block)
            assert load(tmp_path, "hello").state
            continue
        (tmp_path / "guide.py").write_text(block)
        exec(compile(block, str(tmp_path / "guide.py"), "exec"), known)
        images = [one for one in known.values() if isinstance(one, ez.build.Image)]
        assert all(image.definition("hello", access=True).state for image in images)
