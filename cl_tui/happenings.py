"""What happened in a run, as lines of the log."""

from bisect import bisect_right

from cl_tui import words
from cl_tui.capture import Line
from engine.history import History


def happenings(history: History) -> list[Line]:
    """The notable events in the order of time: start, resumption, changes of strength or plan, notes, ends of tasks.

    A history keeps no clock for the end of a task: it is reckoned by the seconds of training since the last event
    that has one, and never later than the next such event.
    """
    told: list[tuple[float, str]] = []
    clocks: list[tuple[int, float]] = []

    def tell(step: int, time: float, text: str) -> None:
        told.append((time, text))
        clocks.append((step, time))

    if history.started is not None:
        began = f"Training begins: {len(history.tasks)} tasks, {history.total_steps:,} steps, on {history.device}"
        tell(0, history.started.time, began)
    if (forked := history.forked) is not None:
        tell(forked.step, forked.time, f"Forked from {forked.parent}, which trained tasks 1 to {forked.task + 1}")
    if (resumed := history.resumed) is not None:
        note = f" ({resumed.note})" if resumed.note else ""
        tell(resumed.step, resumed.time, f"Resumed at step {resumed.step:,}{note}")
    for changed in history.strengths:
        text = f"Strength {changed.before:g} → {changed.strength:g} after step {changed.step:,}"
        tell(changed.step, changed.time, text)
    for plan in history.plans:
        tell(plan.step, plan.time, f"{_capital(plan.why)}, at step {plan.step:,}")
    for noted in history.notes:
        tell(noted.step, noted.time, f"{_capital(noted.text)}, at step {noted.step:,}")
    if (failure := history.failure) is not None:
        tell(failure.step, failure.time, f"Failed: {failure.message}")

    clocks.sort()
    for task, row in enumerate(history.matrix):
        ended = _clock(history, clocks, history.starts[task + 1])
        told.append((ended, f"Task {task + 1} ended: {words.percent(row[-1])} % on {history.tasks[task].name}"))
    if history.state == "finished":
        told.append((_clock(history, clocks, history.step), words.result(history)))
    told.sort(key=lambda entry: entry[0])
    return [Line(time, -1, "run", text) for time, text in told]


def _clock(history: History, clocks: list[tuple[int, float]], step: int) -> float:
    """About when ``step`` had been taken, in seconds since the epoch; 0 where no event tells the time."""
    place = bisect_right(clocks, step, key=lambda clock: clock[0])
    if not place:
        return 0.0
    known, time = clocks[place - 1]
    trained = _seconds(history, step) - _seconds(history, known)
    later = [clock[1] for clock in clocks[place : place + 1]]
    return min([time + trained, *later])


def _seconds(history: History, step: int) -> float:
    """Of training until ``step`` had been taken."""
    step = min(step, history.curve.length)
    return float(history.curve.seconds(step - 1)[0]) if step else 0.0


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
