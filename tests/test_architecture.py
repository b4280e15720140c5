"""The picture in docs/architecture.md has the layers that import-linter holds the code to."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PICTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("```text\n")[1].split("```")[0]


def layers() -> list[list[str]]:
    """Folders and modules by layer, the highest first."""
    found: list[list[str]] = []
    package = ""
    for line in PICTURE.splitlines():
        if re.fullmatch(r"\w+", line):
            package = line
        elif (box := re.fullmatch(r"\| (\w+| *) +\| (.*?) *\|", line)) is not None:
            if box[1].strip():
                found.append([])
            found[-1] += [f"{package}.{name}".rstrip("/") for name in box[2].split()]
    return found


def contracts() -> list[list[str]]:
    """The layers in pyproject.toml, the highest first, those of cl_tui before those of engine."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    written = [layer for contract in settings["contracts"] for layer in contract.get("layers", [])]
    return sorted(
        ([name.strip() for name in layer.split("|")] for layer in written), key=lambda names: names[0].split(".")[0]
    )


def test_the_picture_shows_the_contracts() -> None:
    assert [sorted(layer) for layer in layers()] == [sorted(layer) for layer in contracts()]


def test_everything_in_the_picture_exists() -> None:
    for name in (name for layer in layers() for name in layer):
        path = ROOT / name.replace(".", "/")
        assert path.is_dir() or path.with_suffix(".py").is_file(), name


def test_every_folder_and_module_has_a_layer() -> None:
    named = {name for layer in layers() for name in layer}
    there = {
        f"{package}.{path.stem}"
        for package in ("engine", "cl_tui")
        for path in (ROOT / package).iterdir()
        if not path.stem.startswith("__")
    }
    assert there == named


MODULES = sorted(path for package in ("engine", "cl_tui") for path in (ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_are_short(path: Path) -> None:
    """A file can be read from top to bottom: at most 500 lines, a function at most 60."""
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 500
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < 60, node.name
