"""A session behind the one that is looked at: what it had reached at the same part of the same task."""

import numpy as np

from cl_tui.panes.as_of import AccuracyTable, as_of
from cl_tui.panes.view import Baseline, View
from engine.record import metrics
from engine.record.history import History
from engine.record.metrics import Looks


def aligned(view: View, table: AccuracyTable) -> Looks | None:
    """The baseline's measurements, at the steps at which this run is equally far in each task; None without one."""
    behind = view.baseline
    if behind is None or not behind.history.accuracies:
        return None
    if table.behind is None:
        table.behind = AccuracyTable()
    looks = table.behind.looks(behind.history)
    return Looks(_here(looks.steps, behind, view.history), looks.during, looks.ended, _fitted(looks, view.history))


def difference(view: View) -> float | None:
    """How much better the average score is than the baseline's at the same part of the same task."""
    behind = view.baseline
    if behind is None or not view.history.accuracies:
        return None
    there = as_of(behind.history, _there(view.history.step, behind.history, view.history))
    rows = [row for row in (view.history.accuracies, there.accuracies) if row]
    common = min(map(len, rows))
    if len(rows) < 2 or len(rows[0]) != common:
        return None  # it has not come so far
    here, before = (metrics.average_accuracy((row[:common],)) for row in rows)
    assert here is not None
    assert before is not None
    return view.history.score.lost(here, before)


def _there(step: int, behind: History, history: History) -> int:
    """The baseline's step that is as far in its task."""
    shared = min(len(behind.starts), len(history.starts))
    return round(float(np.interp(step, history.starts[:shared], behind.starts[:shared])))


def _here(steps: np.ndarray, behind: Baseline, history: History) -> np.ndarray:
    shared = min(len(behind.history.starts), len(history.starts))
    found: np.ndarray = np.interp(steps, behind.history.starts[:shared], history.starts[:shared])
    return found


def _fitted(looks: Looks, history: History) -> np.ndarray:
    """The scores on as many tasks as ``history`` has."""
    count = len(history.tasks)
    known = looks.accuracies[:, :count]
    return np.pad(known, ((0, 0), (0, count - known.shape[1])), constant_values=np.nan)
