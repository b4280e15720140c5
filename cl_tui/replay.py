"""Recording and Replay: the events of a session, and a moment of it that plays, steps and jumps. No widget here."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from engine.events import Event, RunFinished, StepsTaken, TaskEnded, TaskStarted
from engine.follow import PORTION, Portion, applied
from engine.history import Curve, History

SPEEDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)
"""Seconds of training in a second."""
WHOLE_SECONDS = 60.0
"""At the speed that a replay begins with, the whole run takes at most about so long."""
_BLOCK = 256
"""Events after which a mark is made, or fewer where they are long."""


@dataclass(frozen=True)
class _Mark:
    """A moment from which later ones are told again: what was known, without the parts that grow with the run."""

    offset: int
    history: History
    probes: int
    steps: int


@dataclass(frozen=True)
class _Known:
    """How much is recorded: events, bytes, and what they come to. Replaced as one, so that no reader sees a half."""

    events: int = 0
    end: int = 0
    history: History = field(default_factory=History)


class Recording:
    """All events of a log by number, as fast to reach at the end of a million as at the start.

    Kept are a few numbers an event and, every _BLOCK events, a History without its curve and probes, which are cut
    from the newest one's. One thread appends; any other may read.
    """

    def __init__(self, reread: Callable[[int, int], Sequence[Event]]) -> None:
        """``reread(start, end)`` gives the events in those bytes of the log again."""
        self._reread = reread
        self._known = _Known()
        self._steps = array("q")
        self._elapsed = array("d")
        self._marks: list[_Mark] = []
        self._firsts = array("q")
        """The number of the first event after each mark."""
        self._block: tuple[int, Sequence[Event]] = (-1, ())
        """The events read again last, and after which mark."""
        self.borders: list[int] = []
        """Of each task that has begun, the event that says so."""

    @property
    def events(self) -> int:
        return self._known.events

    @property
    def newest(self) -> History:
        return self._known.history

    @property
    def seconds(self) -> float:
        """Of training, in all."""
        return self._elapsed[self.events - 1] if self.events else 0.0

    def append(self, portion: Portion) -> None:
        """The next events of the log."""
        known = self._known
        if not portion.events:
            return
        history = applied(known.history, portion.events)
        mark = self._marks[-1] if self._marks else None
        if mark is None or known.events - self._firsts[-1] >= _BLOCK or known.end - mark.offset >= PORTION:
            slim = replace(known.history, curve=Curve(), probes=())
            self._marks.append(_Mark(portion.start, slim, len(known.history.probes), known.history.curve.length))
            self._firsts.append(known.events)
        step, elapsed = (self._steps[-1], self._elapsed[-1]) if self._steps else (0, 0.0)
        for number, event in enumerate(portion.events, start=known.events):
            if isinstance(event, StepsTaken):
                step, elapsed = event.step, max(elapsed, event.elapsed)
            elif isinstance(event, TaskEnded | RunFinished):
                elapsed = max(elapsed, event.elapsed)
            elif isinstance(event, TaskStarted) and event.task == len(self.borders):
                self.borders.append(number)
            self._steps.append(step)
            self._elapsed.append(elapsed)
        self._known = _Known(known.events + len(portion.events), portion.end, history)

    def history(self, event: int) -> History:
        """What was known after ``event``. Raises SessionDamaged where the log was cut meanwhile."""
        known = self._known
        if event == known.events - 1:
            return known.history
        number = bisect_right(self._firsts, event) - 1
        mark = self._marks[number]
        if number != self._block[0] or event - self._firsts[number] >= len(self._block[1]):
            end = self._marks[number + 1].offset if number + 1 < len(self._marks) else known.end
            self._block = (number, self._reread(mark.offset, end))
        told = applied(mark.history, self._block[1][: event - self._firsts[number] + 1])
        newest = known.history
        return replace(
            told,
            curve=replace(newest.curve, length=mark.steps + told.curve.length),
            probes=newest.probes[: mark.probes + len(told.probes)],
        )

    def step(self, event: int) -> int:
        """Optimizer steps taken by ``event``."""
        return self._steps[event]

    def elapsed(self, event: int) -> float:
        """Seconds of training by ``event``."""
        return self._elapsed[event]

    def at_step(self, step: int) -> int:
        """The last event that knows of ``step`` steps, or of the first number of steps above that was reported."""
        first = bisect_left(self._steps, step, hi=self.events)
        return self._last_of(min(first, self.events - 1))

    def at_elapsed(self, seconds: float) -> int:
        """The last event by then; the first where none was so early."""
        return max(0, bisect_right(self._elapsed, seconds, hi=self.events) - 1)

    def after(self, event: int) -> int:
        """The last event of the next report of steps; the last of all where there is none."""
        later = bisect_right(self._steps, self._steps[event], hi=self.events)
        return self._last_of(min(later, self.events - 1))

    def before(self, event: int) -> int:
        """The last event of the report of steps before; the first of all where there is none."""
        return max(0, bisect_left(self._steps, self._steps[event], hi=self.events) - 1)

    def _last_of(self, event: int) -> int:
        return bisect_right(self._steps, self._steps[event], hi=self.events) - 1


class Replay:
    """A moment of a Recording. Time is seconds of training, so that pauses of the run take none."""

    def __init__(self, recording: Recording) -> None:
        """At the end of what is recorded, which is at least one event."""
        self.recording = recording
        self.playing = False
        self.speed = next(
            (speed for speed in SPEEDS if speed >= max(1.0, recording.seconds / WHOLE_SECONDS)), SPEEDS[-1]
        )
        self._seen: tuple[int, History] | None = None
        self.seek(recording.events - 1)

    def seek(self, event: int) -> None:
        self.event = min(max(event, 0), self.recording.events - 1)
        self._moment = self.recording.elapsed(self.event)

    @property
    def history(self) -> History:
        """What was known then. Raises SessionDamaged where the log was cut meanwhile."""
        if self._seen is None or self._seen[0] != self.event:
            self._seen = (self.event, self.recording.history(self.event))
        return self._seen[1]

    @property
    def at_end(self) -> bool:
        return self.event == self.recording.events - 1

    @property
    def step(self) -> int:
        return self.recording.step(self.event)

    @property
    def elapsed(self) -> float:
        """Seconds of training until this moment."""
        return self._moment

    def play(self) -> None:
        """From here, or from the start where this is the end."""
        if self.at_end:
            self.seek(0)
        self.playing = True

    def pause(self) -> None:
        self.playing = False

    def advance(self, seconds: float) -> None:
        """Plays on for so many seconds of the clock on the wall; pauses at the end."""
        if not self.playing:
            return
        self._moment += seconds * self.speed
        self.event = max(self.event, self.recording.at_elapsed(self._moment))
        if self.at_end:
            self.playing, self._moment = False, self.recording.elapsed(self.event)

    def faster(self, by: int) -> bool:
        """So many speeds up or down; False at the last one."""
        place = SPEEDS.index(self.speed) + by
        if not 0 <= place < len(SPEEDS):
            return False
        self.speed = SPEEDS[place]
        return True

    def forward(self) -> None:
        """To the next report of steps."""
        self.seek(self.recording.after(self.event))

    def back(self) -> None:
        """To the report of steps before."""
        self.seek(self.recording.before(self.event))

    def next_border(self) -> None:
        """To where the next task begins, or the end."""
        borders = self.recording.borders
        place = bisect_right(borders, self.event)
        self.seek(borders[place] if place < len(borders) else self.recording.events - 1)

    def previous_border(self) -> None:
        """To where this task began, or the one before where it has only just; else the start."""
        borders = self.recording.borders
        place = bisect_left(borders, self.event) - 1
        self.seek(borders[place] if place >= 0 else 0)
