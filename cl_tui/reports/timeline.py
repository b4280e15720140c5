"""The events of a run that people look for: the lines of the log, and of its pane."""

from bisect import bisect_left
from dataclasses import dataclass

from cl_tui.host.capture import Line
from cl_tui.reports import session_facts, text
from engine.record.events import DRIFT, Scored
from engine.record.history import History
from engine.record.metrics import average_accuracy
from engine.settings.run import RunConfig
from engine.settings.text import shown

_FIRST = -1_000_000
"""The number of a run's first line: among lines of the same moment, the run's come first, in their order."""
FALL = 0.1
"""A task that loses this much accuracy from one probe to the next has fallen."""


@dataclass(frozen=True)
class Happening:
    time: float
    """Seconds since the epoch; 0 if no event says it."""
    step: int
    sign: str
    """✔ good, ▼ lost, ▲ a warning, ✖ a failure, ▶ training begins or continues, · anything else."""
    text: str
    brief: str
    """The same beside its step, where there is less room."""


class Falls:
    """Where a learned task fell from one probe to the next: of each probe the worst. A new History adds what is new."""

    def __init__(self) -> None:
        self._taken = 0
        self._last: Scored | None = None
        self._found: list[tuple[int, str]] = []

    def of(self, history: History) -> list[tuple[int, str]]:
        """The step of each fall, and what is said of it; nothing if scores are no accuracies."""
        probes = history.probes
        if not history.score.fraction:
            return []
        if len(probes) < self._taken or (self._taken and probes[self._taken - 1] is not self._last):
            self._taken, self._found = 0, []
        for place in range(max(self._taken, 1), len(probes)):
            if fell := _fall(probes[place - 1], probes[place]):
                self._found.append((probes[place].step, fell))
        self._taken, self._last = len(probes), probes[-1] if probes else None
        return self._found


def _fall(before: Scored, now: Scored) -> str:
    drops = [old - new for old, new in zip(before.row, now.row[: now.phase], strict=False)]
    drop, task = max(((drop, task) for task, drop in enumerate(drops) if drop == drop), default=(0.0, 0))
    if drop < FALL:
        return ""
    was, is_now = (f"{100 * row[task]:.0f}" for row in (before.row, now.row))
    return f"task {task + 1} fell {was} → {is_now} % within {now.step - before.step:,} steps"


def happenings(history: History, config: RunConfig, falls: Falls | None = None) -> list[Happening]:
    """The notable events, ordered by time: start, resumption, changes of strength or plan, notes, warnings, falls of
    learned tasks, ends of tasks, the end.

    Older sessions do not record when a task ended: it is estimated from the seconds of training since the last event
    with a time, and is never later than the next such event.
    """
    told: list[Happening] = []
    if history.started is not None:
        began = f"Training begins: {text.whole_plan(history)}, on {history.device}"
        told.append(Happening(history.started.time, 0, "▶", began, began))
    for plan in history.plans:
        told.append(_interrupted(plan.time, plan.step, plan.why))
    ends = len(told)
    if (forked := history.forked) is not None:
        where = f"at {forked.place}" if forked.task is None else f"which trained tasks 1 to {forked.task + 1}"
        what = f"Forked from {forked.parent}, {where}"
        told.append(Happening(forked.time, forked.step, "▶", what, what))
    if (resumed := history.resumed) is not None:
        note = f" ({resumed.note})" if resumed.note else ""
        what = f"Resumed at step {resumed.step:,}{note}"
        told.append(Happening(resumed.time, resumed.step, "▶", what, f"resumed{note}"))
    for changed in history.strengths:
        what = f"Strength {shown(changed.before)} → {shown(changed.strength)}"
        after = f"{what} after step {changed.step:,}"
        told.append(Happening(changed.time, changed.step, "·", after, what))
    told += [_interrupted(noted.time, noted.step, noted.text) for noted in history.notes]
    for of in history.warnings:
        told.append(Happening(of.time, of.step, "▲", f"⚠ Warning at step {of.step:,}: {of.text}", of.text))
    if (failure := history.failure) is not None:
        what = f"Failed: {failure.message}"
        told.append(Happening(failure.time, failure.step, "✖", what, what))
    if (finished := history.finished) is not None:
        what = text.result(history, config)
        told.append(Happening(finished.time, finished.step, "✔", what, what))

    clocks = sorted((each.step, each.time) for each in told)
    told[ends:ends] = _ends_of_tasks(history, clocks)
    for step, fell in (falls or Falls()).of(history):
        what = f"{_capital(fell)}, at step {step:,}"
        told.append(Happening(_clock(history, clocks, step), step, "▼", what, fell))
    return sorted(told, key=lambda each: (each.time, each.step))


def _interrupted(time: float, step: int, what: str) -> Happening:
    return Happening(time, step, "·", f"{_capital(what)}, at step {step:,}", _capital(what))


def _ends_of_tasks(history: History, clocks: list[tuple[int, float]]) -> list[Happening]:
    found = []
    drifts = {of.phase: of for of in history.measured.get(DRIFT, ()) if any(of.values)}
    for task, (row, ended) in enumerate(zip(history.matrix, history.ends, strict=True)):
        step = history.starts[task + 1]
        learned = text.learned(history.score, row[-1])
        what = f"Task {task + 1} ended: {learned} on {history.tasks[task].name}"
        if task in drifts:
            what += f"; {text.drift(drifts[task])}"
        brief = f"task {task + 1} ended: {learned}"
        if task and (average := average_accuracy(history.matrix[: task + 1])) is not None:
            brief += f", average {text.learned(history.score, average)}"
        found.append(Happening(ended or _clock(history, clocks, step), step, "✔", what, brief))
    return found


def timeline(history: History, config: RunConfig, falls: Falls | None = None) -> list[Line]:
    """The same, as lines of the log."""
    told = happenings(history, config, falls)
    return [Line(each.time, number, "run", each.text) for number, each in enumerate(told, start=_FIRST)]


def _clock(history: History, clocks: list[tuple[int, float]], step: int) -> float:
    """The approximate time at which ``step`` was taken, in seconds since the epoch; 0 if no event has a time."""
    place = bisect_left(clocks, step, key=lambda clock: clock[0])
    if not place:
        return 0.0
    known, time = clocks[place - 1]
    trained = session_facts.seconds(history, step) - session_facts.seconds(history, known)
    later = [clock[1] for clock in clocks[place : place + 1]]
    return min([time + trained, *later])


def _capital(text: str) -> str:
    """Names of files and functions stay as they are.

    >>> _capital("read again: 3 tasks"), _capital("my_tasks.py:tasks: inputs of 2 (float32)")
    ('Read again: 3 tasks', 'my_tasks.py:tasks: inputs of 2 (float32)')
    """
    first = text.split(maxsplit=1)[0] if text.strip() else ""
    return text if any(sign in first for sign in "_./") else text[:1].upper() + text[1:]
