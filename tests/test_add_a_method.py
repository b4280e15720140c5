"""CONTRIBUTING's steps for a new method, followed to the letter in a copy of the packages."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.terminal import Terminal

ROOT = Path(__file__).parent.parent
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTION = CONTRIBUTING.partition("\n## Add a method\n")[2].partition("\n## ")[0]
CATALOG, FILE = re.findall(r"```python\n(.*?)```", SECTION, flags=re.DOTALL)
CHOSEN = ["--method", "squares", "--decay", "0.5", "--tasks", "2", "--epochs", "10"]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The packages with the two new files."""
    for package in ("engine", "cl_tui"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "engine" / "catalog" / "methods" / "squares.py").write_text(CATALOG, encoding="utf-8")
    (tmp_path / "engine" / "methods" / "squares.py").write_text(FILE, encoding="utf-8")
    return tmp_path


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
    assert re.search(r"--decay +X +squares: weight of the past", call(copy, "run", "--help").stdout)
    told = call(copy, "methods", "squares")
    assert re.search(r"decay \(β\) +0\.9 +weight of the past", told.stdout), told
    assert re.search(r"split-digits +100", told.stdout), told

    told = call(copy, "batch", *CHOSEN, "--method", "si", "--json", "results.json")
    assert told.returncode == 0, told.stderr
    results = {entry["method"]: entry for entry in json.loads((copy / "results.json").read_text())}
    assert results["squares"]["accuracy_matrix"] != results["si"]["accuracy_matrix"]
    name = results["squares"]["name"]
    assert "--decay 0.5" in call(copy, "sessions", "show", name).stdout

    for typed in (["--decay", "0.5"], ["--set", "decay=0.5"], ["--set", "squares.decay=0.5"]):
        told = call(copy, "batch", "--method", "si", *typed)
        assert told.returncode == 2
        assert "only method squares uses it, not si" in told.stderr
    assert "decay = 1.0 cannot be used" in call(copy, "batch", "--method", "squares", "--decay", "1").stderr


def test_its_run_is_watched_stopped_and_resumed_to_the_same_bits(copy: Path) -> None:
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
