"""Events as a run tells them together."""

from collections.abc import Sequence

from engine.record.events import (
    LAYER_PENALTIES,
    PATH,
    PATH_LABELS,
    PROBE,
    WHOLE,
    Event,
    Measured,
    Scored,
    StepsTaken,
    TaskEnded,
)
from engine.record.series import Curve

Row = tuple[float, ...]


def probed(task: int, step: int, row: Row, penalties: Row = ()) -> tuple[Event, ...]:
    """A probe in the middle of a task."""
    told = Scored(step, task, PROBE, row)
    return (told, Measured(step, task, LAYER_PENALTIES, penalties)) if penalties else (told,)


def evaluated(task: int, step: int, row: Row, probed: Row = ()) -> tuple[Event, ...]:
    """An evaluation on whole test sets and, except in old sessions, on the evaluation subsets."""
    whole = Scored(step, task, WHOLE, row)
    return (whole, Scored(step, task, PROBE, probed)) if probed else (whole,)


def ended(task: int, step: int, elapsed: float, row: Row, probed: Row = (), time: float = 0.0) -> tuple[Event, ...]:
    return (*evaluated(task, step, row, probed), TaskEnded(task, step, elapsed, time))


def path(task: int, step: int, gained: float, start_loss: float, loss: float) -> Measured:
    return Measured(step, task, PATH, (gained, start_loss, loss), PATH_LABELS)


def curve(losses: Sequence[float], penalties: Sequence[float] = (), elapsed: float = 0.0) -> Curve:
    """Without penalties they are 0."""
    return Curve().extended([StepsTaken(len(losses), elapsed, tuple(losses), tuple(penalties or [0.0] * len(losses)))])
