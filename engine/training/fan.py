"""The fan: a run's short futures at several strengths, trained from its present state and then discarded."""

import math
import time
from dataclasses import dataclass, field, replace
from typing import Any

from engine.errors import first_line
from engine.settings.run import RunConfig
from engine.streams.stream import Stream
from engine.training.control import Control
from engine.training.evaluation import Evaluator
from engine.training.futures import LONG_SECONDS, Ahead, Future, Futures
from engine.training.plan import Plan
from engine.training.reporting import first_not_finite, steps_taken
from engine.training.state import RunState
from engine.training.step import TrainingStep

POINTS = 50
"""Most tests of a future, after its first."""
TRIED = 4
"""Steps whose time is measured, after one that may have to warm up."""
TESTING = 2.0
"""Most time for tests ÷ time for steps."""


class _Interrupted(Exception):
    """Something else is wanted."""


@dataclass(frozen=True)
class _Times:
    """Seconds that a step takes, and a test."""

    step: float
    test: float

    def every(self, steps: int) -> int:
        """Steps from one test to the next."""
        return max(1, math.ceil(steps / POINTS), math.ceil(self.test / self.step / TESTING))

    def seconds(self, steps: int) -> float:
        return steps * self.step + (1 + steps // self.every(steps)) * self.test


@dataclass
class Fan:
    config: RunConfig
    control: Control
    state: RunState
    stream: Stream
    plan: Plan
    step: TrainingStep
    evaluator: Evaluator
    _ahead: Ahead = field(default_factory=lambda: Ahead((), 0))
    _times: _Times | None = None
    _losses: list[float] = field(default_factory=list)
    _penalties: list[float] = field(default_factory=list)
    """Of the steps of the future in training."""

    def begin(self) -> None:
        """From the present step, all of whose losses have been reported."""
        self._times = None
        self.control.futures = Futures(self.state.step, self.state.task)

    def answer(self, ahead: Ahead) -> None:
        """Trains the futures that are not known yet, unless they take long without consent, until something else is
        wanted. The state is then as it was."""
        self._ahead = ahead
        control = self.control
        self._tell(waiting=False)
        missing = [strength for strength in ahead.strengths if control.futures.of(strength, ahead.steps) is None]
        try:
            if missing:
                times = self._times = self._times or self._measured()
                left = len(missing) * times.seconds(self._taken(ahead.steps))
                self._tell(seconds=left, waiting=left > LONG_SECONDS and not ahead.agreed)
            for strength in missing if not control.futures.waiting else ():
                self._know(self._future(strength))
        except _Interrupted:
            self._tell(known=tuple(one for one in control.futures.known if one.done))

    def _taken(self, steps: int) -> int:
        """How many of ``steps`` there are until the end of the run."""
        state = self.state
        return min(steps, sum(self.plan.steps[state.task :]) - state.task_step)

    def _check(self) -> None:
        control = self.control
        if control.stopping or control.asked or control.ahead is not self._ahead:
            raise _Interrupted

    def _tell(self, **changed: Any) -> None:
        self.control.futures = replace(self.control.futures, **changed)

    def _know(self, future: Future) -> None:
        self._tell(known=(*(one for one in self.control.futures.known if one.done), future))

    def _measured(self) -> _Times:
        with self.state.set_aside():
            self.state.begin_task()
            clocks = [time.perf_counter()]
            try:
                for _ in range(self._taken(1 + TRIED)):
                    self._check()
                    self._step()
                    self.step.losses[-1].item()
                    clocks.append(time.perf_counter())
                self.evaluator.probe()
                tested = time.perf_counter() - clocks[-1]
            finally:
                self.step.clear()
        timed = clocks[1:] if len(clocks) > 2 else clocks
        return _Times(max((timed[-1] - timed[0]) / max(len(timed) - 1, 1), 1e-6), tested)

    def _future(self, strength: float) -> Future:
        """What goes wrong in a future ends that future alone."""
        begun = Future(strength, self._ahead.steps)
        self._losses, self._penalties = [], []
        try:
            with self.state.set_aside():
                known = self._trained(begun)
        except _Interrupted:
            raise
        except Exception as error:  # of the network, or because memory ran out
            known = replace(self.control.futures.of(strength, begun.steps) or begun, broken=first_line(error))
        finally:
            self.step.clear()
        return replace(known, done=True)

    def _trained(self, future: Future) -> Future:
        state, left = self.state, self._taken(future.steps)
        assert self._times is not None
        every = self._times.every(future.steps)
        state.begin_task()
        state.set_strength(future.strength)
        future = self._tested(future)
        while left and not future.broken:
            for _ in range(min(every, left)):
                self._check()
                self._step()
            left -= min(every, left)
            future = self._tested(future)
        return future

    def _step(self) -> None:
        """A step of training, with what comes before and after it in a run."""
        state = self.state
        if state.task_step == self.plan.steps[state.task]:
            self._end_task()
        self.step.take()
        phase = self.stream.phases[state.task]
        if self.config.keep == "best" and (state.task_step % phase.epoch == 0 or state.task_step == phase.steps):
            state.keep_if_best(self.evaluator.newest_choice())

    def _end_task(self) -> None:
        state = self.state
        self._report()
        if state.best:
            state.go_back_to_best()
        state.adopt(state.consolidated(self._check))
        state.end_task()
        state.begin_task()

    def _report(self) -> str:
        """Takes the losses of the steps since the last report; says if one is not finite."""
        step = self.step
        if not step.losses:
            return ""
        taken = steps_taken(self.state, 0.0, step.losses, step.penalties, step.added)
        step.clear()
        self._losses += taken.losses
        self._penalties += taken.penalties
        broken = first_not_finite(taken)
        return "the {} became {} at step {}".format(*broken) if broken else ""

    def _tested(self, future: Future) -> Future:
        broken = self._report()
        future = replace(
            future,
            probed=(*future.probed, self.state.step),
            rows=(*future.rows, self.evaluator.probe()),
            losses=tuple(self._losses),
            penalties=tuple(self._penalties),
            broken=broken,
        )
        self._know(future)
        return future
