"""The picture in docs/architecture.md is the code's: what it names exists, and imports point down."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PICTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("```text\n")[1].split("```")[0]


def layers() -> list[list[str]]:
    """Modules by layer, the highest first; a folder's name ends in a dot."""
    found: list[list[str]] = []
    package = ""
    for line in PICTURE.splitlines():
        if re.fullmatch(r"\w+", line):
            package = line
        elif (box := re.fullmatch(r"\| (\w+| *) +\| (.*?) *\|", line)) is not None:
            if box[1].strip():
                found.append([])
            found[-1] += [f"{package}.{name}".replace("/", ".") for name in box[2].split()]
    return found


HEIGHT = {name: -number for number, names in enumerate(layers()) for name in names}


def height(module: str) -> int | None:
    """None for a module that the picture leaves out."""
    folder = module.rpartition(".")[0] + "."
    return HEIGHT.get(module, HEIGHT.get(folder))


def modules() -> Iterator[tuple[str, Path]]:
    for package in ("engine", "cl_tui"):
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            yield name.removesuffix(".__init__"), path


def imported(path: Path) -> Iterator[str]:
    """What is imported when the module is, and not only for a type checker or inside a function."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_everything_in_the_picture_exists() -> None:
    assert len(HEIGHT) > 40
    for name in HEIGHT:
        path = ROOT / name.replace(".", "/")
        assert path.is_dir() if name.endswith(".") else path.is_dir() or path.with_suffix(".py").is_file(), name


MODULES = dict(modules())


@pytest.mark.parametrize(("module", "path"), [pytest.param(*found, id=found[0]) for found in MODULES.items()])
def test_imports_point_down(module: str, path: Path) -> None:
    if (own := height(module)) is None:
        return
    for name in imported(path):
        if name not in MODULES or name.startswith(f"{module}."):  # a package may import its own files
            continue
        other = height(name)
        assert other is None or other <= own, f"{module} imports {name} from above"
