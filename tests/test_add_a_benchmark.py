"""CONTRIBUTING's steps for a new benchmark, problem and network, followed to the letter in a copy of the packages."""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.test_add_a_method import CONTRIBUTING, ROOT, call

FILES = {
    "Add a benchmark": ("engine/catalog/benchmarks/clouds.py", "engine/streams/clouds.py"),
    "Add a problem": ("engine/problems/ordinal.py", "engine/streams/clouds.py"),
    "Add a network": ("engine/catalog/models/bent.py", "engine/models/bent.py"),
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The packages with the new files."""
    for package in ("engine", "cl_tui"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    for title, names in FILES.items():
        section = CONTRIBUTING.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
        for name, text in zip(names, re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL), strict=True):
            assert f"`{name}`" in section
            path = tmp_path / name
            earlier = path.read_text(encoding="utf-8") if path.exists() else ""
            path.write_text(earlier + text, encoding="utf-8")
    return tmp_path


def test_a_benchmark_and_a_network_of_ones_own(copy: Path) -> None:
    """They are listed, trained with every method that measures or does not, and refuse what they cannot do."""
    assert "clouds: Six clouds of points" in call(copy, "benchmarks").stdout
    assert "One hidden layer of leaky units" in call(copy, "models").stdout
    chosen = ["--benchmark", "clouds", "--model", "bent", "--set", "slope=0.2"]
    told = call(
        copy, "batch", *chosen, "--method", "none", "--method", "si", "--method", "ewc", "--json", "results.json"
    )
    assert told.returncode == 0, told.stderr
    results = {entry["method"]: entry for entry in json.loads((copy / "results.json").read_text())}
    assert set(results) == {"none", "si", "ewc"}
    for entry in results.values():
        assert len(entry["accuracy_matrix"]) == 3
        assert all(row[task] > 0.9 for task, row in enumerate(entry["accuracy_matrix"])), (
            "each pair of clouds can be told apart"
        )
    assert results["ewc"]["accuracy_matrix"] != results["none"]["accuracy_matrix"]
    assert "slope=0.2" in call(copy, "sessions", "show", results["si"]["name"]).stdout.replace(" = ", "=")
    assert "slope = 2 cannot be used" in call(copy, "batch", *chosen[:-1], "slope=2").stderr
    forked = call(copy, "fork", results["si"]["name"], "--at-task", "1", "--set", "slope=0.5", "--headless")
    assert "slope cannot change" in forked.stderr
    assert "only model bent uses it" in call(copy, "batch", "--set", "slope=0.2").stderr
    assert call(copy, "analyse", results["si"]["name"]).returncode == 0


def test_a_problem_of_ones_own(copy: Path) -> None:
    """Each importance is measured with it, and the first task is learned."""
    catalog = copy / "engine" / "catalog" / "benchmarks" / "clouds.py"
    catalog.write_text(catalog.read_text(encoding="utf-8").replace("clouds:stream", "clouds:ordered"), encoding="utf-8")
    methods = [word for method in ("si", "ewc", "mas", "joint") for word in ("--method", method)]
    chosen = ["--benchmark", "clouds", "--epochs", "30", *methods]
    told = call(copy, "batch", *chosen, "--json", "results.json")
    assert told.returncode == 0, told.stderr
    for entry in json.loads((copy / "results.json").read_text()):
        learned = [row[task] for task, row in enumerate(entry["accuracy_matrix"])]
        assert learned[0] > 0.9
        assert entry["method"] != "joint" or min(learned) > 0.6, "a single output serves all three tasks"
        assert entry["method"] != "ewc" or call(copy, "analyse", entry["name"]).returncode == 0
