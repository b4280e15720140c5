"""CONTRIBUTING's steps for a new pane, followed to the letter in a copy of the packages."""

import re
import shutil
from pathlib import Path

from tests.terminal import Terminal

ROOT = Path(__file__).parent.parent
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTION = CONTRIBUTING.partition("\n## Add a pane\n")[2].partition("\n## ")[0]
(FILE,) = re.findall(r"```python\n(.*?)```", SECTION, flags=re.DOTALL)


def test_a_pane_is_a_file_and_a_line(tmp_path: Path) -> None:
    for package in ("engine", "cl_tui"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "cl_tui" / "panes" / "lost.py").write_text(FILE, encoding="utf-8")
    panes = tmp_path / "cl_tui" / "screens" / "panes.py"
    before = panes.read_text(encoding="utf-8")
    after = re.sub(r"(\nPANES: [^(]*\([^)]*?),?(\s*\)\n)", r"\1, LostPane\2", before)
    assert after != before
    imported = "from cl_tui.panes.notice import"
    panes.write_text(after.replace(imported, f"from cl_tui.panes.lost import LostPane\n{imported}"), encoding="utf-8")

    run = ["run", "--tasks", "2", "--epochs", "1", "--name", "otter", "--pace", "max"]
    environment = {"PYTHONPATH": str(tmp_path), "CL_TUI_CONFIG_DIR": str(tmp_path)}
    with Terminal(run, tmp_path, 100, 40, environment=environment) as terminal:
        terminal.wait_for("average accuracy after")
        terminal.send("\x1b")
        terminal.wait_for(r" Lost ─")
        terminal.wait_for(r"task 1  -?\d+\.\d")
        terminal.send("\x1b[Zwc")
        terminal.wait_for(r"Saved as .*otter-lost\.csv")
        terminal.send("?")
        terminal.wait_for(r"─ Help ─")
        terminal.wait_for(r"the points of accuracy that it has\b")
        terminal.send("\x1b")
        terminal.wait_for(r"(?s)^(?!.*─ Help ─)")
        terminal.send("q")
        assert terminal.wait_for_end() == 0
    assert (tmp_path / "otter-lost.csv").read_text(encoding="utf-8").startswith("task,lost\n1,")
