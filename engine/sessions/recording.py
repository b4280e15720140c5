"""Recording and Replay: a session's events, and a position in them that plays, steps and jumps. No widgets here."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from engine.record.events import Event, RunFinished, StepsTaken, TaskEnded, TaskStarted
from engine.record.history import History
from engine.sessions.follow import PORTION, Portion

SPEEDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)
"""Seconds of training per second of replay."""
WHOLE_SECONDS = 60.0
"""Approximately the longest that a whole run takes at a replay's initial speed."""
_BLOCK = 256
"""Most events between two marks; fewer if they are long."""


@dataclass(frozen=True)
class _Mark:
    """A position from which later events are told again: the next event's number and place in the log."""

    first: int
    offset: int
    history: History


@dataclass(frozen=True)
class _Known:
    """The recorded events: their number, bytes and history. Replaced as a whole, so that readers see no half."""

    events: int = 0
    end: int = 0
    history: History = field(default_factory=History)


class Recording:
    """All events of a log by number, each as fast to reach: a few numbers per event and a History every _BLOCK events,
    which share what grows. One thread appends; any other may read."""

    def __init__(self, reread: Callable[[int, int], Sequence[Event]]) -> None:
        """``reread(start, end)`` reads the events in those bytes of the log again."""
        self._reread = reread
        self._known = _Known()
        self._steps = array("q")
        self._elapsed = array("d")
        self._marks: list[_Mark] = []
        self._block: tuple[int, Sequence[Event]] = (-1, ())
        """The mark whose events were read last, and these events."""
        self.borders: list[int] = []
        """The event that starts each task."""

    @property
    def events(self) -> int:
        return self._known.events

    @property
    def newest(self) -> History:
        return self._known.history

    @property
    def seconds(self) -> float:
        return self._elapsed[self.events - 1] if self.events else 0.0

    def append(self, portion: Portion) -> None:
        known = self._known
        if not portion.events:
            return
        history = known.history.after(portion.events)
        mark = self._marks[-1] if self._marks else None
        if mark is None or known.events - mark.first >= _BLOCK or known.end - mark.offset >= PORTION:
            self._marks.append(_Mark(known.events, portion.start, known.history))
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
        """The history after ``event``. Raises SessionDamaged if the log was cut meanwhile."""
        known = self._known
        if event == known.events - 1:
            return known.history
        number = bisect_right(self._marks, event, key=lambda mark: mark.first) - 1
        mark = self._marks[number]
        if number != self._block[0] or event - mark.first >= len(self._block[1]):
            end = self._marks[number + 1].offset if number + 1 < len(self._marks) else known.end
            self._block = (number, self._reread(mark.offset, end))
        return mark.history.after(self._block[1][: event - mark.first + 1])

    def step(self, event: int) -> int:
        return self._steps[event]

    def elapsed(self, event: int) -> float:
        """Seconds of training by ``event``."""
        return self._elapsed[event]

    def at_step(self, step: int) -> int:
        """The last event at ``step`` steps, or at the next higher number of steps that was reported."""
        first = bisect_left(self._steps, step, hi=self.events)
        return self._last_of(min(first, self.events - 1))

    def at_elapsed(self, seconds: float) -> int:
        """The last event by then; the first event if none was so early."""
        return max(0, bisect_right(self._elapsed, seconds, hi=self.events) - 1)

    def after(self, event: int) -> int:
        """The last event of the next report of steps; the last of all if there is none."""
        later = bisect_right(self._steps, self._steps[event], hi=self.events)
        return self._last_of(min(later, self.events - 1))

    def before(self, event: int) -> int:
        """The last event of the previous report of steps; the first of all if there is none."""
        return max(0, bisect_left(self._steps, self._steps[event], hi=self.events) - 1)

    def _last_of(self, event: int) -> int:
        return bisect_right(self._steps, self._steps[event], hi=self.events) - 1


class Replay:
    """A position in a Recording. Time is seconds of training, so that pauses of the run take no time."""

    def __init__(self, recording: Recording) -> None:
        """Starts at the end of the recording, which must have at least one event."""
        self.recording = recording
        self.playing = False
        least = max(1.0, recording.seconds / WHOLE_SECONDS)
        self.speed = next((speed for speed in SPEEDS if speed >= least), SPEEDS[-1])
        self._seen: tuple[int, History] | None = None
        self.seek(recording.events - 1)

    def seek(self, event: int) -> None:
        self.event = min(max(event, 0), self.recording.events - 1)
        self.elapsed = self.recording.elapsed(self.event)
        """Seconds of training until this position."""

    @property
    def history(self) -> History:
        """The history at this position. Raises SessionDamaged if the log was cut meanwhile."""
        if self._seen is None or self._seen[0] != self.event:
            self._seen = (self.event, self.recording.history(self.event))
        return self._seen[1]

    @property
    def at_start(self) -> bool:
        return self.event == 0

    @property
    def at_end(self) -> bool:
        return self.event == self.recording.events - 1

    @property
    def step(self) -> int:
        return self.recording.step(self.event)

    def play(self) -> None:
        """Plays from here, or from the start if this is the end."""
        if self.at_end:
            self.seek(0)
        self.playing = True

    def pause(self) -> None:
        self.playing = False

    def advance(self, seconds: float) -> None:
        """Plays on for this many seconds of real time; pauses at the end."""
        if not self.playing:
            return
        self.elapsed += seconds * self.speed
        self.event = max(self.event, self.recording.at_elapsed(self.elapsed))
        if self.at_end:
            self.playing, self.elapsed = False, self.recording.elapsed(self.event)

    def faster(self, by: int) -> bool:
        """Changes the speed by this many levels; False if there is no such level."""
        place = SPEEDS.index(self.speed) + by
        if not 0 <= place < len(SPEEDS):
            return False
        self.speed = SPEEDS[place]
        return True

    def forward(self) -> None:
        self.seek(self.recording.after(self.event))

    def back(self) -> None:
        self.seek(self.recording.before(self.event))

    def next_border(self) -> None:
        """Goes to the start of the next task, or to the end."""
        borders = self.recording.borders
        place = bisect_right(borders, self.event)
        self.seek(borders[place] if place < len(borders) else self.recording.events - 1)

    def previous_border(self) -> None:
        """Goes to the start of this task, or of the previous one if this is at a start; else to the beginning."""
        borders = self.recording.borders
        place = bisect_left(borders, self.event) - 1
        self.seek(borders[place] if place >= 0 else 0)
