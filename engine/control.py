"""Control: the few knobs through which a screen, a signal or a test steers a run from another thread."""

import math
import threading
import time
from dataclasses import dataclass, replace

from engine.errors import ConfigError


class Stopped(Exception):
    """Raised in the engine at the first step border after ``Control.stop``."""


@dataclass(frozen=True)
class Wishes:
    """What was asked for since the engine last looked, each to be done once."""

    save: bool = False
    evaluate: bool = False
    """Accuracy on whole test sets, now."""
    end_task: int | None = None
    """Which task to end, counted from 0; nothing is done where it has ended meanwhile."""
    strength: float | None = None
    """From the next step on; None to keep it."""
    pace: bool = False
    """Whether ``Control.pace`` was changed."""
    breaks: bool = False
    """Whether ``Control.pause_at_task_end`` was changed."""


NOTHING = Wishes()


class Control:
    """Requests from outside, seen by the engine between two steps.

    No method waits for the engine. The engine reads ``attention`` after each step and looks closer only when it is
    set.
    """

    def __init__(self, pace: float | None = None) -> None:
        check_pace(pace)
        self._changed = threading.Condition()
        self._pace = pace
        self._paused = False
        self._stop = False
        self._pause_at_task_end = False
        self._wishes = NOTHING
        self._due = 0.0
        self.attention = pace is not None
        self.activity = "starting"
        """What the engine is doing, in words; written by the engine."""
        self.trouble = ""
        """One sentence while training waits for a disk that cannot be written; written by the engine."""

    @property
    def pace(self) -> float | None:
        """Steps a second at most; None for full speed."""
        return self._pace

    @property
    def paused(self) -> bool:
        return self._paused

    @property
    def stopping(self) -> bool:
        return self._stop

    @property
    def pause_at_task_end(self) -> bool:
        """Whether training pauses each time a task has ended."""
        return self._pause_at_task_end

    def set_pause_at_task_end(self, wanted: bool) -> None:
        with self._changed:
            self._set(_pause_at_task_end=wanted, _wishes=replace(self._wishes, breaks=True))

    def set_pace(self, pace: float | None) -> None:
        check_pace(pace)
        with self._changed:
            self._set(_pace=pace, _due=0.0, _wishes=replace(self._wishes, pace=True))

    def set_strength(self, strength: float) -> None:
        """c or λ from the next step on. Raises ConfigError unless it is finite and not negative."""
        if not (math.isfinite(strength) and strength >= 0):
            raise ConfigError(f"strength = {strength:g} cannot be used: give a number from 0")
        with self._changed:
            self._set(_wishes=replace(self._wishes, strength=strength))

    def evaluate(self) -> None:
        """Measure the accuracy on the whole test set of every task seen so far."""
        with self._changed:
            self._set(_wishes=replace(self._wishes, evaluate=True))

    def end_task(self, task: int) -> None:
        """End ``task`` at the next step border, as if its steps were all taken."""
        with self._changed:
            self._set(_wishes=replace(self._wishes, end_task=task))

    def pause(self) -> None:
        self._set(_paused=True)

    def proceed(self) -> None:
        self._set(_paused=False)

    def save(self) -> None:
        with self._changed:
            self._set(_wishes=replace(self._wishes, save=True))

    def stop(self) -> None:
        """End at the next step border, after saving."""
        self._set(_stop=True)

    def _set(self, **values: object) -> None:
        with self._changed:
            for name, value in values.items():
                setattr(self, name, value)
            self._update_attention()
            self._changed.notify_all()

    def _update_attention(self) -> None:
        self.attention = self._paused or self._stop or self._wishes != NOTHING or self._pace is not None

    # The engine's side.

    def take_wishes(self) -> Wishes:
        with self._changed:
            wishes, self._wishes = self._wishes, NOTHING
            self._update_attention()
        return wishes

    def wait_while_paused(self) -> None:
        """Returns when training may continue, or when something else is asked for."""
        with self._changed:
            self._changed.wait_for(lambda: not self._paused or self._stop or self._wishes != NOTHING)

    def wait(self, seconds: float) -> bool:
        """False at once when asked to stop, else True after that long."""
        with self._changed:
            return not self._changed.wait_for(lambda: self._stop, seconds)

    def wait_for_pace(self) -> None:
        """Sleeps until the next step is due; returns at once when anything is asked for."""
        with self._changed:
            pace = self._pace
            if pace is None:
                return
            now = time.monotonic()
            self._due = max(self._due + 1 / pace, now - 0.1)
            if self._due > now:
                self._changed.wait_for(
                    lambda: self._paused or self._stop or self._wishes != NOTHING,
                    min(self._due - now, threading.TIMEOUT_MAX),
                )

    def check(self) -> None:
        """For the long computations between steps. Raises Stopped."""
        if self._stop:
            raise Stopped


def check_pace(pace: float | None) -> None:
    """Raises ConfigError unless ``pace`` is None or a positive number of steps a second."""
    if pace is not None and not 0 < pace < float("inf"):
        raise ConfigError(f"pace = {pace:g} cannot be used: give steps a second above 0, or max", "pace")
