"""The strip of the system: how fast the run is, what its time goes to, how busy the machine is, and where it stands."""

import math
from dataclasses import dataclass

from textual.content import Content

from cl_tui.charts.bars import sparkline
from cl_tui.host.system import Load
from cl_tui.panes.view import View
from cl_tui.reports import session_facts, text
from engine.record.events import DISTANCE, GRADIENT_NORM, TIMES, TIMES_OF
from engine.record.history import History
from engine.settings.text import shown

RATES = 8
"""Columns of the sparkline of speed."""
RATES_SECONDS = 16.0
"""Seconds of training that the sparkline shows."""


STEPS_OF_SHARES = 8
"""Measured steps whose times are added, because those of a single step vary."""
SHORT = ("data", "loss", "penalty", "opt")
"""TIMES_OF in fewer letters."""


@dataclass(frozen=True)
class Part:
    before: str
    number: str
    after: str
    weight: int
    """Parts with the least weight are dropped first."""

    @property
    def content(self) -> Content:
        return Content.assemble(self.before, (self.number, "bold"), self.after)


def strip(view: View, load: Load | None, width: int) -> Content:
    """In at most ``width`` cells; empty before the first step, and when the run is over."""
    if not view.history.step or not view.training:
        return Content("")
    for wide, gap in ((True, 3), (True, 2), (False, 2)):
        parts = _parts(view, load, wide)
        if _length(parts, gap) <= width:
            break
    while parts and _length(parts, gap) > width:
        parts.remove(min(parts, key=lambda part: part.weight))
    return Content(" " * gap).join([part.content for part in parts])


def _length(parts: list[Part], gap: int) -> int:
    return sum(part.content.cell_length + gap for part in parts) - gap


def _parts(view: View, load: Load | None, wide: bool) -> list[Part]:
    history = view.history
    parts = [_speed(history, wide), *_shares(history, wide)]
    if load is not None:
        parts += _machine(load, wide)
    lr = history.learning_rate(history.step)
    parts.append(Part("lr ", shown(view.config.lr if lr is None else lr), "", 9))
    for name, sign, weight in ((GRADIENT_NORM, "|g|", 4), (DISTANCE, DISTANCE, 3)):
        if (value := _newest(history, name)) is not None:
            parts.append(Part(f"{sign} ", text.quantity(value), "", weight))
    if epoch := _epoch(history):
        parts.append(Part("epoch ", *epoch, weight=9))
    if history.parameters:
        parts.append(Part("parameters " if wide else "", f"{history.parameters:,}", "" if wide else " weights", 1))
    if history.saved_step:
        since = session_facts.seconds(history, history.step) - session_facts.seconds(history, history.saved_step)
        parts.append(Part("saved ", text.duration(max(since, 0.0)), " ago", 6))
    return parts


def _speed(history: History, wide: bool) -> Part:
    found = rates(history)
    top = max(found, default=0.0)
    drawn = sparkline([rate / top for rate in found], len(found), RATES) if top else ""
    return Part("", text.rate(history.rate), f" steps/s {drawn}" if wide else f"/s {drawn}", 20)


def rates(history: History) -> list[float]:
    """Steps a second in the newest equal stretches of training time, oldest first."""
    import numpy as np

    if history.curve.length < 2:
        return []
    newest = float(history.curve.seconds(history.curve.length - 1)[0])
    edges = np.linspace(max(newest - RATES_SECONDS, 0.0), newest, RATES + 1)
    if edges[-1] <= edges[0]:
        return []
    taken = np.searchsorted(history.curve.seconds(), edges)
    found: list[float] = (np.diff(taken) / np.diff(edges)).tolist()
    return found


def _shares(history: History, wide: bool) -> list[Part]:
    """What the time of the newest measured steps went to."""
    told = list((history.measured.get(TIMES) or ())[-STEPS_OF_SHARES:])
    seconds = [sum(value or 0.0 for value in part) for part in zip(*(each.values for each in told), strict=False)]
    if not seconds or not sum(seconds):
        return []
    names = TIMES_OF if wide else SHORT
    shares = [f"{name} {100 * part / sum(seconds):.0f}" for name, part in zip(names, seconds, strict=False)]
    return [Part(" · ".join(shares) if wide else " ".join(shares), "", " %", 8)]


def _newest(history: History, name: str) -> float | None:
    told = history.measured.get(name)
    return told[-1].values[0] if told and told[-1].values else None


def _machine(load: Load, wide: bool) -> list[Part]:
    cores = f" % of {load.of_processors}" if wide else " %"
    parts = [
        Part("cpu ", f"{100 * load.processors:.0f}", cores, 7),
        Part("memory " if wide else "", size(load.memory), "", 5),
    ]
    if load.gpu is not None:
        parts.append(Part("gpu ", f"{100 * load.gpu:.0f}", f" %  {size(load.gpu_memory)}", 7))
    return parts


def size(count: int) -> str:
    """
    >>> size(658_123_456), size(3_210_000_000), size(12_000)
    ('658 MB', '3.2 GB', '0 MB')
    """
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _epoch(history: History) -> tuple[str, str] | None:
    """The epoch of the task in training, and of how many; None if the task has none."""
    if history.between or history.task >= len(history.tasks):
        return None
    info, done = history.tasks[history.task], history.steps_done(history.task)
    if not info.epoch_steps or not info.steps:
        return None
    of = math.ceil(info.steps / info.epoch_steps)
    return f"{min(done // info.epoch_steps + 1, of)}", f" of {of}"
