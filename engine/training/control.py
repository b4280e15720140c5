"""Control: how a screen, a signal or a test steers a run from another thread."""

import math
import threading
import time
from dataclasses import dataclass, replace
from typing import Any

from engine.errors import ConfigError
from engine.training.futures import Ahead, Futures


class Stopped(Exception):
    """Raised in the engine before the next step after ``Control.stop``."""


@dataclass(frozen=True)
class Requests:
    """Requests since the engine last checked, each handled once."""

    save: bool = False
    evaluate: bool = False
    end_task: int | None = None
    """The task to end, counted from 0; ignored if it has already ended."""
    strength: float | None = None
    """New strength from the next step on; None for no change."""
    pace: bool = False
    breaks: bool = False


NOTHING = Requests()


class Control:
    """Requests to the engine, which it handles between steps: it checks ``attention``, and reads them if that is set.
    No method waits for the engine. Others change the state through the methods alone, which wake it."""

    def __init__(self, pace: float | None = None) -> None:
        check_pace(pace)
        self.pace = pace
        """Upper limit in steps per second; None for full speed."""
        self.paused = False
        self.stopping = False
        self.pause_at_task_end = False
        self.limit: int | None = None
        """Training waits at this step until the limit is raised; None: it never waits."""
        self.ahead: Ahead | None = None
        """A look ahead that is asked for; training waits until it is None again."""
        self.futures = Futures()
        """What a look ahead has found; written by the engine."""
        self.activity = "starting"
        """Description of what the engine is doing; written by the engine."""
        self.trouble = ""
        """One sentence while training waits for a disk that cannot be written; written by the engine."""
        self._changed = threading.Condition()
        self._requests = NOTHING
        self._due = 0.0

    @property
    def attention(self) -> bool:
        return self._called or self.pace is not None or self.limit is not None

    @property
    def _called(self) -> bool:
        return self.paused or self.stopping or self.ahead is not None or self.asked

    @property
    def asked(self) -> bool:
        """Whether there are requests to take."""
        return self._requests is not NOTHING

    def set_pause_at_task_end(self, wanted: bool) -> None:
        with self._changed:
            self._set(pause_at_task_end=wanted)
            self._ask(breaks=True)

    def set_pace(self, pace: float | None) -> None:
        check_pace(pace)
        with self._changed:
            self._set(pace=pace, _due=0.0)
            self._ask(pace=True)

    def set_strength(self, strength: float) -> None:
        """Changes c or λ from the next step on. Raises ConfigError unless it is finite and not negative."""
        check_strength(strength)
        self._ask(strength=strength)

    def look_ahead(self, ahead: Ahead) -> None:
        """Holds training at its step and trains short futures from there, until ``stay`` or ``choose``. Nothing of it
        is logged. Raises ConfigError as ``set_strength`` does."""
        for strength in ahead.strengths:
            check_strength(strength)
        self._set(ahead=ahead)

    def stay(self) -> None:
        """Ends a look ahead: training goes on as if it had not been."""
        self._set(ahead=None)

    def choose(self, strength: float) -> None:
        """Ends a look ahead and goes on with ``strength``. Raises ConfigError as ``set_strength`` does."""
        with self._changed:
            self.set_strength(strength)
            self.stay()

    def set_limit(self, step: int | None) -> None:
        """Lets training go on up to ``step``; None: to the end."""
        self._set(limit=step)

    def evaluate(self) -> None:
        """Asks for the accuracy on the whole test set of every task seen so far."""
        self._ask(evaluate=True)

    def end_task(self, task: int) -> None:
        """Ends ``task`` before the next step, as if all its steps had been taken."""
        self._ask(end_task=task)

    def save(self) -> None:
        self._ask(save=True)

    def pause(self) -> None:
        self._set(paused=True)

    def proceed(self) -> None:
        self._set(paused=False)

    def stop(self) -> None:
        """Stops before the next step, after saving."""
        self._set(stopping=True)

    def _ask(self, **requests: Any) -> None:
        with self._changed:
            self._set(_requests=replace(self._requests, **requests))

    def _set(self, **values: object) -> None:
        with self._changed:
            vars(self).update(values)
            self._changed.notify_all()

    # For the engine

    def say(self, activity: str) -> None:
        self.activity = activity

    def take_requests(self) -> Requests:
        with self._changed:
            requests, self._requests = self._requests, NOTHING
        return requests

    def wait_while_paused(self) -> None:
        """Waits until training may continue or there is another request."""
        with self._changed:
            self._changed.wait_for(lambda: not self.paused or self.stopping or self.asked or self.ahead is not None)

    def wait_while_ahead(self, answered: Ahead) -> None:
        """Waits until something else is wanted than the look ahead ``answered``."""
        with self._changed:
            self._changed.wait_for(lambda: self.stopping or self.asked or self.ahead is not answered)

    def held_at(self, step: int) -> bool:
        """Whether the limit holds training at ``step``."""
        return self.limit is not None and step >= self.limit and not self.stopping

    def wait_at_limit(self, step: int) -> None:
        """Waits until the limit is raised, or until there is a request."""
        with self._changed:
            self._changed.wait_for(lambda: not self.held_at(step) or self.asked)

    def wait(self, seconds: float) -> bool:
        """Waits ``seconds`` and returns True, or False as soon as a stop is requested."""
        with self._changed:
            return not self._changed.wait_for(lambda: self.stopping, seconds)

    def wait_for_pace(self) -> None:
        """Sleeps until the next step is due, or until the next request."""
        with self._changed:
            if self.pace is None:
                return
            now = time.monotonic()
            self._due = max(self._due + 1 / self.pace, now - 0.1)
            if self._due > now:
                self._changed.wait_for(lambda: self._called, min(self._due - now, threading.TIMEOUT_MAX))

    def check(self) -> None:
        """Raises Stopped if a stop was requested. For long computations between steps."""
        if self.stopping:
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


def check_strength(strength: float) -> None:
    """Raises ConfigError unless it is finite and not negative."""
    if not (math.isfinite(strength) and strength >= 0):
        raise ConfigError(f"strength = {strength:g} cannot be used: give 0 or a larger number")


def check_pace(pace: float | None) -> None:
    """Raises ConfigError unless ``pace`` is None or a positive number of steps per second."""
    if pace is not None and not 0 < pace < float("inf"):
        raise ConfigError(f"pace = {pace:g} cannot be used: give steps per second, above 0, or max", "pace")
