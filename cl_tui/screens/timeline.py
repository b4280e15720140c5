"""The events of a run, as lines of the log."""

from bisect import bisect_left

from cl_tui.host.capture import Line
from cl_tui.reports import session_facts, text
from engine.record.events import DRIFT
from engine.record.history import History
from engine.settings.run import RunConfig
from engine.settings.text import shown

_FIRST = -1_000_000
"""The number of a run's first line: among lines of the same moment, the run's come first, in their order."""


def timeline(history: History, config: RunConfig) -> list[Line]:
    """The notable events, ordered by time: start, resumption, changes of strength or plan, notes, warnings, ends of
    tasks, the end.

    Older sessions do not record when a task ended: it is estimated from the seconds of training since the last event
    with a time, and is never later than the next such event.
    """
    told: list[tuple[float, int, str]] = []
    """The time, the step, and what happened."""
    if history.started is not None:
        began = f"Training begins: {text.whole_plan(history)}, on {history.device}"
        told.append((history.started.time, 0, began))
    told += [(plan.time, plan.step, f"{_capital(plan.why)}, at step {plan.step:,}") for plan in history.plans]
    ends = len(told)
    if (forked := history.forked) is not None:
        where = f"at {forked.place}" if forked.task is None else f"which trained tasks 1 to {forked.task + 1}"
        told.append((forked.time, forked.step, f"Forked from {forked.parent}, {where}"))
    if (resumed := history.resumed) is not None:
        note = f" ({resumed.note})" if resumed.note else ""
        told.append((resumed.time, resumed.step, f"Resumed at step {resumed.step:,}{note}"))
    for changed in history.strengths:
        what = f"Strength {shown(changed.before)} → {shown(changed.strength)} after step {changed.step:,}"
        told.append((changed.time, changed.step, what))
    told += [(noted.time, noted.step, f"{_capital(noted.text)}, at step {noted.step:,}") for noted in history.notes]
    told += [(of.time, of.step, f"⚠ Warning at step {of.step:,}: {of.text}") for of in history.warnings]
    if (failure := history.failure) is not None:
        told.append((failure.time, failure.step, f"Failed: {failure.message}"))
    if (finished := history.finished) is not None:
        told.append((finished.time, finished.step, text.result(history, config)))

    clocks = sorted((step, time) for time, step, _ in told)
    drifts = {of.phase: of for of in history.measured.get(DRIFT, ()) if any(of.values)}
    for task, (row, ended) in enumerate(zip(history.matrix, history.ends, strict=True)):
        step = history.starts[task + 1]
        what = f"Task {task + 1} ended: {text.learned(history.score, row[-1])} on {history.tasks[task].name}"
        if task in drifts:
            what += f"; {text.drift(drifts[task])}"
        told.insert(ends + task, (ended or _clock(history, clocks, step), step, what))
    told.sort(key=lambda entry: entry[:2])
    return [Line(time, number, "run", what) for number, (time, _, what) in enumerate(told, start=_FIRST)]


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
