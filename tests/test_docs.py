"""Pages that repeat what is declared cannot drift, and an example on a page runs to the letter."""

import json
import re
import runpy
import shlex
from pathlib import Path

from docs import reference
from tests.conftest import CommandLine
from tests.test_add_a_method import ROOT


def test_the_reference_is_what_is_declared() -> None:
    again = "after a change in engine/catalog or engine/settings: python -m docs.reference"
    assert reference.PAGE.read_text(encoding="utf-8") == reference.page(), again


def test_every_setting_and_every_choice_is_in_the_reference() -> None:
    page = reference.page()
    for names in (*reference.NAMED, reference.settings()):
        assert [name for name in names if f"\n| `{name}" not in page] == []


TABLES = (ROOT / "docs" / "tables.md").read_text(encoding="utf-8")


def write_plants() -> None:
    """The page's tables, in the current folder."""
    (program,) = re.findall(r"```python\n(.*?)```", TABLES, flags=re.DOTALL)
    Path("make_tables.py").write_text(program, encoding="utf-8")
    runpy.run_path("make_tables.py")


def test_the_example_of_a_table(cl_tui: CommandLine) -> None:
    """In docs/tables.md: it is learned, and scores are in the unit of the targets."""
    write_plants()
    commands = [
        line for block in re.findall(r"```sh\n(.*?)```", TABLES, flags=re.DOTALL) for line in block.splitlines()
    ]
    (typed,) = [line for line in commands if "--benchmark table" in line]
    told = cl_tui(*shlex.split(typed)[1:], "--headless", "--name", "plants")
    assert told.exit_code == 0, told.err
    summary = json.loads(Path("sessions/plants/summary.json").read_text(encoding="utf-8"))
    assert summary["score"] == "rmse"
    learned = [row[task] for task, row in enumerate(summary["accuracy_matrix"])]
    assert all(1 < score < 8 for score in learned), "the noise alone has an RMSE of 1, and guessing about 17"


def test_the_example_of_a_network_and_tasks(cl_tui: CommandLine) -> None:
    """In docs/your-own.md: the first two pieces of code are whole files."""
    page = (ROOT / "docs" / "your-own.md").read_text(encoding="utf-8")
    net, tasks, *_ = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    Path("my_nets.py").write_text(net, encoding="utf-8")
    Path("my_tasks.py").write_text(tasks, encoding="utf-8")
    typed = re.findall(r"^cl-tui run .*--model my_nets.py:build.*$", page, flags=re.MULTILINE)[0]
    told = cl_tui(*shlex.split(typed)[1:], "--headless", "--name", "own")
    assert told.exit_code == 0, told.err
    summary = json.loads(Path("sessions/own/summary.json").read_text(encoding="utf-8"))
    assert [row[task] > 0.9 for task, row in enumerate(summary["accuracy_matrix"])] == [True, True]
