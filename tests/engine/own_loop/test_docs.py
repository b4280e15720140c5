"""docs/your-own-loop.md: its programs run."""

import re
from pathlib import Path
from typing import Any

from engine.sessions.session import Session
from tests.conftest import CommandLine
from tests.own_code import EXAMPLES

PAGE = Path(__file__).parents[3] / "docs" / "your-own-loop.md"
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_what_it_says_of_stopping_and_continuing(cl_tui: CommandLine, sessions: Path) -> None:
    saving, loading = (program for program in PROGRAMS if '"protection"' in program)
    names: dict[str, Any] = {"__name__": "__main__"}
    program = PROGRAMS[0].replace("        run.end_task", "        saved_here()\n        run.end_task")
    names["saved_here"] = lambda: exec(compile(saving, str(PAGE), "exec"), names)  # noqa: S102
    exec(compile(program, str(PAGE), "exec"), names)  # noqa: S102
    exec(compile(loading, str(PAGE), "exec"), names)  # noqa: S102
    assert names["run"].ended == ("left",)
    assert names["run"].task_steps == 40


def test_each_part_of_a_program_is_that_of_the_whole_one() -> None:
    examples = [_lines(path.read_text(encoding="utf-8")) for path in EXAMPLES.glob("*_loop.py")]
    parts = [_lines(program) for program in PROGRAMS if "before_optimizer" in program]
    assert len(parts) == len(examples) == 3
    for part in parts:
        assert any(part in example for example in examples), part


def _lines(program: str) -> str:
    """Without indentation and empty lines."""
    return "".join(f"{line.strip()}\n" for line in program.splitlines() if line.strip())


def test_the_program_in_plain_torch_leaves_a_session_like_any_other(cl_tui: CommandLine, sessions: Path) -> None:
    exec(compile(PROGRAMS[0], str(PAGE), "exec"), {"__name__": "__main__"})  # noqa: S102
    history = Session.open(sessions, "robot-arm").history()
    assert history.state == "finished"
    assert [len(row) for row in history.matrix] == [1, 2]
    assert len(history.importances) == 2
    shown = cl_tui("sessions", "show", "robot-arm")
    assert shown.exit_code == 0
    assert "si c 1 · own-loop" in shown.out
    assert "robot-arm" in cl_tui("sessions", "list").out
