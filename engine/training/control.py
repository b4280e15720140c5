"""Control: how a screen, a signal or a test steers a run from another thread."""

import math
import threading
import time
from dataclasses import dataclass, replace

from engine.errors import ConfigError


class Stopped(Exception):
    """Raised in the engine before the next step after ``Control.stop``."""


@dataclass(frozen=True)
class Requests:
    """Requests since the engine last checked, each handled once."""

    save: bool = False
    evaluate: bool = False
    """Whether to measure the accuracy on whole test sets now."""
    end_task: int | None = None
    """The task to end, counted from 0; ignored if it has already ended."""
    strength: float | None = None
    """New strength from the next step on; None for no change."""
    pace: bool = False
    """Whether ``Control.pace`` was changed."""
    breaks: bool = False
    """Whether ``Control.pause_at_task_end`` was changed."""


NOTHING = Requests()


class Control:
    """Requests to the engine, which handles them between steps.

    No method waits for the engine. The engine checks ``attention`` after each step and reads the requests only if it is
    set.
    """

    def __init__(self, pace: float | None = None) -> None:
        check_pace(pace)
        self._changed = threading.Condition()
        self._pace = pace
        self._paused = False
        self._stop = False
        self._pause_at_task_end = False
        self._requests = NOTHING
        self._due = 0.0
        self.attention = pace is not None
        self.activity = "starting"
        """Description of what the engine is doing; written by the engine."""
        self.trouble = ""
        """One sentence while training waits for a disk that cannot be written; written by the engine."""

    @property
    def pace(self) -> float | None:
        """Upper limit in steps per second; None for full speed."""
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
            self._set(_pause_at_task_end=wanted, _requests=replace(self._requests, breaks=True))

    def set_pace(self, pace: float | None) -> None:
        check_pace(pace)
        with self._changed:
            self._set(_pace=pace, _due=0.0, _requests=replace(self._requests, pace=True))

    def set_strength(self, strength: float) -> None:
        """Changes c or λ from the next step on. Raises ConfigError unless it is finite and not negative."""
        if not (math.isfinite(strength) and strength >= 0):
            raise ConfigError(f"strength = {strength:g} cannot be used: give 0 or a larger number")
        with self._changed:
            self._set(_requests=replace(self._requests, strength=strength))

    def evaluate(self) -> None:
        """Asks for the accuracy on the whole test set of every task seen so far."""
        with self._changed:
            self._set(_requests=replace(self._requests, evaluate=True))

    def end_task(self, task: int) -> None:
        """Ends ``task`` before the next step, as if all its steps had been taken."""
        with self._changed:
            self._set(_requests=replace(self._requests, end_task=task))

    def pause(self) -> None:
        self._set(_paused=True)

    def proceed(self) -> None:
        self._set(_paused=False)

    def save(self) -> None:
        with self._changed:
            self._set(_requests=replace(self._requests, save=True))

    def stop(self) -> None:
        """Stops before the next step, after saving."""
        self._set(_stop=True)

    def _set(self, **values: object) -> None:
        with self._changed:
            for name, value in values.items():
                setattr(self, name, value)
            self._update_attention()
            self._changed.notify_all()

    def _update_attention(self) -> None:
        self.attention = self._paused or self._stop or self._requests != NOTHING or self._pace is not None

    # For the engine

    def take_requests(self) -> Requests:
        with self._changed:
            requests, self._requests = self._requests, NOTHING
            self._update_attention()
        return requests

    def wait_while_paused(self) -> None:
        """Waits until training may continue or there is another request."""
        with self._changed:
            self._changed.wait_for(lambda: not self._paused or self._stop or self._requests != NOTHING)

    def wait(self, seconds: float) -> bool:
        """Waits ``seconds`` and returns True, or False as soon as a stop is requested."""
        with self._changed:
            return not self._changed.wait_for(lambda: self._stop, seconds)

    def wait_for_pace(self) -> None:
        """Sleeps until the next step is due, or until the next request."""
        with self._changed:
            pace = self._pace
            if pace is None:
                return
            now = time.monotonic()
            self._due = max(self._due + 1 / pace, now - 0.1)
            if self._due > now:
                self._changed.wait_for(
                    lambda: self._paused or self._stop or self._requests != NOTHING,
                    min(self._due - now, threading.TIMEOUT_MAX),
                )

    def check(self) -> None:
        """Raises Stopped if a stop was requested. For long computations between steps."""
        if self._stop:
            raise Stopped


def typed_pace(text: str | None, default: float | None) -> float | None:
    """Steps a second; None is full speed. Raises ConfigError."""
    if text is None:
        return default
    if text == "max":
        return None
    try:
        pace = float(text)
    except ValueError:
        raise ConfigError(f"--pace {text!r}: give steps per second, or max", "pace") from None
    check_pace(pace)
    return pace


def check_pace(pace: float | None) -> None:
    """Raises ConfigError unless ``pace`` is None or a positive number of steps per second."""
    if pace is not None and not 0 < pace < float("inf"):
        raise ConfigError(f"pace = {pace:g} cannot be used: give steps per second, above 0, or max", "pace")
