"""CONTRIBUTING's steps for a new method, followed to the letter in a copy of the packages."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest

from tests.terminal import Terminal

ROOT = Path(__file__).parent.parent
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTION = CONTRIBUTING.partition("\n## Add a method\n")[2].partition("\n## ")[0]
FILE, ENTRY, FIELD = re.findall(r"```python\n(.*?)```", SECTION, flags=re.DOTALL)
CHOSEN = ["--method", "squares", "--set", "decay=0.5", "--tasks", "2", "--epochs", "10"]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The packages with the method, but without the option's field in RunConfig."""
    for package in ("engine", "cl_tui"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "engine" / "methods" / "squares.py").write_text(FILE, encoding="utf-8")
    catalog = tmp_path / "engine" / "catalog"
    insert(catalog / "methods.py", indent(ENTRY.rstrip() + ",\n", " " * 8), before="    )\n}\n")
    replace_all(catalog / "benchmarks.py", "strengths={", 'strengths={"squares": 100.0, ')
    return tmp_path


def insert(path: Path, text: str, before: str) -> None:
    replace_all(path, before, text + before)


def replace_all(path: Path, old: str, new: str) -> None:
    source = path.read_text(encoding="utf-8")
    assert old in source
    path.write_text(source.replace(old, new), encoding="utf-8")


def call(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "cl_tui", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "CL_TUI_CONFIG_DIR": str(folder), "COLUMNS": "100"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def test_a_method_with_an_option_of_its_own(copy: Path) -> None:
    told = call(copy, "methods", "squares")
    assert "give RunConfig a field for each option in METHODS: decay" in told.stderr, "the third step is missing"
    insert(copy / "engine" / "settings" / "run.py", indent(FIELD, " " * 4), before="    leave_alone: ")

    told = call(copy, "methods", "squares")
    assert re.search(r"decay \(β\) +0\.9 +weight of the past", told.stdout), told
    assert re.search(r"split-digits +100", told.stdout), told

    told = call(copy, "batch", *CHOSEN, "--method", "si", "--json", "results.json")
    assert told.returncode == 0, told.stderr
    results = {entry["method"]: entry for entry in json.loads((copy / "results.json").read_text())}
    assert results["squares"]["accuracy_matrix"] != results["si"]["accuracy_matrix"]
    name = results["squares"]["name"]
    assert "--set decay=0.5" in call(copy, "sessions", "show", name).stdout

    told = call(copy, "batch", "--method", "si", "--set", "decay=0.5")
    assert told.returncode == 2
    assert "only method squares uses it, not si" in told.stderr


def test_its_run_is_watched_stopped_and_resumed_to_the_same_bits(copy: Path) -> None:
    insert(copy / "engine" / "settings" / "run.py", indent(FIELD, " " * 4), before="    leave_alone: ")
    run = ["run", *CHOSEN, "--name", "watched", "--pace", "20"]
    with Terminal(run, copy, 120, 36, environment={"PYTHONPATH": str(copy)}) as terminal:
        terminal.wait_for(r"squares.*β=0\.5")
        terminal.wait_for(r"▶ (task )?1.*\d/s")
        terminal.send("q")
        assert terminal.wait_for_end() == 130
    assert call(copy, "resume", "watched", "--headless").returncode == 0
    assert call(copy, "batch", *CHOSEN).returncode == 0
    watched, whole = sorted((copy / "sessions").iterdir(), key=lambda path: path.name != "watched")
    assert losses(watched) == losses(whole)
    assert summary(watched)["accuracy_matrix"] == summary(whole)["accuracy_matrix"]


def losses(session: Path) -> list[float]:
    events = [json.loads(line) for line in (session / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    return [loss for event in events if event["event"] == "steps" for loss in event["losses"]]


def summary(session: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((session / "summary.json").read_text(encoding="utf-8"))
    return found
