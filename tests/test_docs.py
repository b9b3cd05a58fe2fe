"""The documents: reference pages are those of the code as it is, no link leads nowhere, and their code works."""

import re
import textwrap
from pathlib import Path

import pytest

import ez.build
from ez.build.load import load
from ez.config import PERSONAL, read_file
from scripts.lib.reference import pages

REPOSITORY = Path(__file__).parents[1]
PROGRAMS = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
PROJECT_FILES = re.compile(r"^```toml\n(.*?)^```", re.DOTALL | re.MULTILINE)
BUILD_FILES = re.compile(r"^```starlark\n(.*?)^```", re.DOTALL | re.MULTILINE)
GUIDES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])
MISTAKES = REPOSITORY / "docs" / "reference" / "mistakes.md"
DOCUMENTS = [*GUIDES, *sorted(REPOSITORY.glob("tests/**/*.md"))]


@pytest.mark.parametrize(
    "name", ["build-file.md", "commands.md", "settings.md", "engines.md", "mistakes.md", "prepare.md", "sizes.md"]
)
def test_the_reference_is_up_to_date(name: str) -> None:
    written = (REPOSITORY / "docs" / "reference" / name).read_text()
    assert written == pages()[name], "run ./scripts/docs"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_every_link_to_a_file_leads_there(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", document.read_text())
    missing = [target for target in targets if "://" not in target and not (document.parent / target).exists()]
    assert missing == []


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With the files that the documents' code names."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "requirements.txt").write_text("six\n")
    (tmp_path / "environment.yml").write_text("dependencies: [six]\n")
    (tmp_path / "models").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    "document",
    [one for one in GUIDES if BUILD_FILES.search(one.read_text()) and one != MISTAKES],
    ids=lambda path: str(path.relative_to(REPOSITORY)),
)
def test_build_files_of_the_documents_make_graphs(document: Path, directory: Path) -> None:
    """What is no whole file is the body of `build`."""
    for block in BUILD_FILES.findall(document.read_text()):
        whole = block if "def build(" in block else f"def build():\n{textwrap.indent(block, '    ')}"
        (directory / "build.envd").write_text(whole)
        assert load(directory, "hello").state


def test_project_files_of_the_documents_are_settings(directory: Path) -> None:
    blocks = [block for one in GUIDES for block in PROJECT_FILES.findall(one.read_text())]
    for block in blocks:
        (directory / "ez.toml").write_text(block)
        assert read_file(directory / "ez.toml", refused=PERSONAL)
    assert blocks


@pytest.mark.parametrize(
    "document",
    [one for one in GUIDES if PROGRAMS.search(one.read_text())],
    ids=lambda path: str(path.relative_to(REPOSITORY)),
)
def test_programs_of_the_documents_make_graphs(
    document: Path, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are one program, to which the images of earlier blocks are known. What they build makes a definition."""
    monkeypatch.setattr(ez.build.Image, "build", lambda image, *names, **options: image.definition())
    base = ez.build.Image("ubuntu:22.04").with_python()
    known = {**{name: getattr(ez.build, name) for name in ez.build.__all__}, "base": base, "image": base}
    for block in PROGRAMS.findall(document.read_text()):
        (directory / "guide.py").write_text(block)
        exec(compile(block, str(directory / "guide.py"), "exec"), known)
        images = [one for one in known.values() if isinstance(one, ez.build.Image)]
        assert all(image.definition("hello", access=True).state for image in images)
