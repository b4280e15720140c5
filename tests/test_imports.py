"""The layers hold: who imports what, read from the code and tried in a fresh interpreter."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LIGHT = [
    "analysis.figures",
    "catalog.benchmarks",
    "catalog.choices",
    "catalog.entries",
    "catalog.methods",
    "catalog.models",
    "catalog.options",
    "catalog.own_loop",
    "catalog.own",
    "catalog.presets",
    "catalog.recipes",
    "commands",
    "disk",
    "errors",
    "record.chance",
    "record.alarm",
    "record.classes",
    "record.events",
    "record.figures",
    "record.forgetting",
    "record.held",
    "record.history",
    "record.metrics",
    "record.mistakes",
    "record.one_class",
    "record.score",
    "record.series",
    "record.shown",
    "record.turned",
    "record.watchdog",
    "sessions.folders",
    "sessions.follow",
    "sessions.listing",
    "sessions.lock",
    "sessions.log",
    "sessions.names",
    "sessions.notes",
    "sessions.recording",
    "sessions.session",
    "sessions.summary",
    "sessions.upgrade",
    "settings.layers",
    "settings.own_code",
    "settings.reading",
    "settings.run",
    "settings.text",
    "streams.files",
    "streams.images.cache",
    "streams.images.classes",
    "streams.images.layout",
    "streams.own.facts",
    "streams.progress",
    "strict_json",
    "text",
    "training.control",
    "training.futures",
    "training.extend",
    "training.fork",
    "training.runner",
]
HEAVY = {"engine.analysis.measure", "engine.training.weights_out"}
"""Load torch: a command imports them when it runs, and the screen of an analysis in its own thread."""


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Everything a file imports, also inside functions, as dotted names."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def test_the_import_contracts_hold() -> None:
    """Those of pyproject.toml: each folder imports only what stands below it."""
    ran = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(cache_dir=None))",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize("path", modules("cl_tui"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_screens_know_only_the_light_engine(path: Path) -> None:
    light = {"engine", *(f"engine.{name}" for name in LIGHT)}
    if path.is_relative_to(ROOT / "cl_tui" / "commands") or path == ROOT / "cl_tui" / "screens" / "analyse.py":
        light |= HEAVY
    if path == ROOT / "cl_tui" / "__init__.py":
        light |= {"engine.own_loop.protect"}  # when somebody uses it: another test looks
    for name in imports(path):
        assert not any(within(name, heavy) for heavy in ("torch", "torchvision")), name
        if within(name, "engine"):
            module_or_its_content = {name, name.rpartition(".")[0]}
            assert module_or_its_content & light, name


def test_each_library_is_declared_and_used() -> None:
    """What is imported is declared, also if another library brings it, and what is declared is imported."""
    providers = packages_distributions()
    found = {
        normalized(providers[name.partition(".")[0]][0])
        for path in [*modules("engine"), *modules("cl_tui")]
        for name in imports(path)
        if name.partition(".")[0] not in {*sys.stdlib_module_names, "engine", "cl_tui"}
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {normalized(re.split("[<>=]", line)[0]) for line in project["dependencies"]}
    assert found - {"pydantic-core"} == declared - {"torchvision"}, "pydantic pins the one; the other is loaded by name"


def test_an_installation_has_every_file() -> None:
    """Files that are not Python are named in pyproject.toml by how they end."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    for package in ("engine", "cl_tui"):
        ends = {pattern.removeprefix("**/*") for pattern in settings["package-data"][package]} | {".py", ".pyc"}
        missing = {path.suffix for path in (ROOT / package).rglob("*") if path.is_file()} - ends
        assert not missing


def normalized(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()


@pytest.mark.parametrize("path", [*modules("engine"), *modules("cl_tui")], ids=lambda path: str(path.relative_to(ROOT)))
def test_all_json_that_is_written_is_strict(path: Path) -> None:
    """NaN and Infinity are no JSON: what may hold them goes through engine.strict_json."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("json.dumps", "json.dump"):
            assert any(word.arg == "allow_nan" for word in node.keywords), f"{path}:{node.lineno}"


def test_light_modules_import_nothing_heavy() -> None:
    """In a fresh interpreter, module by module: neither torch nor numpy, and no screen in the engine."""
    names = [f"engine.{name}" for name in LIGHT]
    assert loaded_by(names, ["torch", "numpy", "textual", "rich", "typer", "cl_tui"]) == ""


def test_the_command_line_and_the_monitor_load_without_torch() -> None:
    names = [
        "cl_tui.commands.cli",
        "cl_tui.reports.tables",
        "cl_tui.batch.headless",
        "cl_tui.batch.pool",
        "cl_tui.app.app",
    ]
    assert loaded_by(names, ["torch"]) == ""


def loaded_by(names: list[str], unwanted: list[str]) -> str:
    """What of ``unwanted`` a fresh interpreter has loaded after importing ``names``, and by which."""
    code = f"""
import importlib, sys
for name in {names}:
    importlib.import_module(name)
    found = sorted(set({unwanted}) & set(sys.modules))
    if found:
        print(name, "loads", *found)
        break
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return ran.stdout.strip()


def test_the_package_loads_without_torch_until_protect_is_used() -> None:
    code = "import sys, cl_tui; print('torch' in sys.modules); cl_tui.protect; print('torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "True"]
