"""What the zoomed accuracy pane can show instead of its matrix: the other way of judging."""

from dataclasses import replace

from cl_tui.reports.class_facts import TOLD
from engine.record.figures import OWN, matrices
from engine.record.history import History


def others(scenario: str, history: History) -> list[str]:
    """The ways of judging besides the scenario's own, as far as they were told."""
    return [way for way in matrices(scenario, history) if way != OWN[scenario]]


def words(way: str) -> str:
    """For a line: 'if the task is told (task-aware)'; nothing for the scenario's own way."""
    return f"if {TOLD[way]} ({way})" if way else ""


def judged(scenario: str, history: History, way: str) -> History:
    """The history as if each task had been judged in this way; only the ends of tasks are known."""
    rows = matrices(scenario, history).get(way, ())
    return replace(history, matrix=rows, later=(), state="finished")
