"""Who may do a `pip install`: pip alone, or uv where that comes to the same."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from ez.build.frontends.inputs import Inputs
from ez.build.frontends.requirements import installer_of, requirements
from ez.build.graph import Position
from ez.build.image.python import Installer
from ez.errors import DefinitionError

WORDS = {
    "numpy pandas>=1.5,<3 'jax[cuda, cpu]~=0.4'": Installer.UV,
    "torch==2.0.0+cu118 numpy==1.* foo!=1.0": Installer.UV,
    "'tomli>=2; python_version < \"3.11\"' --pre --no-deps": Installer.UV,
    "torch --index-url https://index.example/cpu": Installer.UV_WITH_INDEX,
    "torch -i https://index.example --extra-index-url=https://more.example": Installer.UV_WITH_INDEX,
    "torch -f https://files.example": Installer.PIP,
    "--upgrade numpy": Installer.PIP,
    "numpy --no-binary :all:": Installer.PIP,
    "--index-url https://index.example -e .": Installer.PIP,
    "./here": Installer.PIP,
    "tool-1.0-py3-none-any.whl": Installer.PIP,
    "git+https://git.example/a": Installer.PIP,
    "'a @ https://files.example/a.whl'": Installer.PIP,
    "numpy >=1.0": Installer.PIP,
    "--index-url": Installer.PIP,
}

LINES = {
    "# nothing\n\n": Installer.UV,
    "numpy==1.26 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb  # why\n": Installer.UV,
    "scipy[all] >= 1, < 2 ; sys_platform == 'linux'\n": Installer.UV,
    "-c constraints.txt\n-r more.txt\n": Installer.UV,
    "--extra-index-url https://more.example/simple\ntorch\n": Installer.UV_WITH_INDEX,
    "--index-url https://${TOKEN}@index.example\ntorch\n": Installer.PIP,
    "-c https://files.example/constraints.txt\n": Installer.PIP,
    "--pre\nnumpy\n": Installer.PIP,
    "--no-binary numpy\nnumpy\n": Installer.PIP,
    "numpy --config-settings=a=b\n": Installer.PIP,
    "-e git+https://git.example/a#egg=a\n": Installer.PIP,
}


@pytest.mark.parametrize("words", WORDS)
def test_words_of_a_call(words: str) -> None:
    assert installer_of(tuple(shlex.split(words))) is WORDS[words]


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://u:SECRET@index.example/simple",
        "--extra-index-url=HTTPS://SECRET@index.example",
        "a @ https://${USER}:SECRET@files.example/a.whl",
        "-e git+https://u:SECRET@@git.example/a#egg=a",
    ],
)
def test_a_password_in_an_address_is_refused_and_not_repeated(line: str, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text(f"numpy\n{line}\n")
    with pytest.raises(DefinitionError, match=r"requirements.txt: a password in the address") as caught:
        requirements(Inputs(tmp_path), "requirements.txt", Position("build.envd", 3))
    assert "SECRET" not in str(caught.value)
    assert caught.value.line == 3


@pytest.mark.parametrize("line", ["-e git+https://git@git.example/a", "--index-url https://u:${TOKEN}@index.example"])
def test_addresses_without_a_password_are_fine(line: str, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text(line)
    assert requirements(Inputs(tmp_path), "requirements.txt", None).files == ("requirements.txt",)


@pytest.mark.parametrize("text", LINES)
def test_lines_of_a_file(text: str, tmp_path: Path) -> None:
    for name, content in {"requirements.txt": text, "constraints.txt": "numpy<2\n", "more.txt": "scipy\n"}.items():
        (tmp_path / name).write_text(content)
    assert requirements(Inputs(tmp_path), "requirements.txt", None).installer is LINES[text]


def test_files_that_a_file_names_are_found_as_pip_finds_them(tmp_path: Path) -> None:
    """Written on Windows, too. Archives are beside the file that names their directory, or else in the repo."""
    (tmp_path / "requirements.txt").write_text("-e 'lib'\n-r sub/more.txt\n-f elsewhere\n", "utf-16")
    for name in ("lib", "sub/wheels", "wheels"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "sub" / "more.txt").write_text("--find-links=wheels\n-f sub/wheels\n")
    found = requirements(Inputs(tmp_path), "requirements.txt", None)
    assert found.files == ("lib", "requirements.txt", "sub/more.txt", "sub/wheels")
    assert found.directories
    assert not requirements(Inputs(tmp_path), "sub/more.txt", None).directories
