"""Handles requests to a run between two steps, and repeats those of a run that was killed."""

import time

from engine.record.events import StrengthChanged, TasksPlanned
from engine.sessions.session import Session
from engine.training.checkpointing import Checkpointer
from engine.training.clock import Clock
from engine.training.control import NOTHING, Control, Requests
from engine.training.emitter import Emitter
from engine.training.evaluation import Evaluator
from engine.training.plan import Plan
from engine.training.reporting import Reporter
from engine.training.state import RunState

Intervention = StrengthChanged | TasksPlanned


class RequestHandler:
    """Does what ``Control`` asks for."""

    def __init__(
        self,
        control: Control,
        state: RunState,
        plan: Plan,
        evaluator: Evaluator,
        reporter: Reporter,
        checkpointer: Checkpointer,
        emitter: Emitter,
        clock: Clock,
    ) -> None:
        self._control = control
        self._state = state
        self._plan = plan
        self._evaluator = evaluator
        self._reporter = reporter
        self._checkpointer = checkpointer
        self._emitter = emitter
        self._clock = clock
        self.interventions: list[Intervention] = []
        """Those after the checkpoint from which the run continues; they are repeated at the same steps."""

    def poll(self) -> None:
        """Handles what is there, and waits while training is paused. Raises Stopped."""
        while self.interventions and self.interventions[0].step <= self._state.step:
            again = self.interventions.pop(0)
            if isinstance(again, StrengthChanged):
                self._change_strength(again.strength)
            else:
                self._end_task()
        control = self._control
        self._handle(control.take_requests())
        if control.paused and not control.stopping:
            self._reporter.steps()
            self._checkpointer.finish()
            self._emitter.note("paused")
            control.activity = "paused"
            self._clock.pause()
            while control.paused and not control.stopping:
                control.wait_while_paused()
                self._handle(control.take_requests())
            self._clock.start()
            self._emitter.note("continued")
            control.activity = "training"
        control.check()
        control.wait_for_pace()

    def _handle(self, requests: Requests) -> None:
        if requests == NOTHING:
            return
        control, note = self._control, self._emitter.note
        self._reporter.steps()
        if requests.pace:
            pace = control.pace
            note("full speed" if pace is None else f"slow motion, {pace:g} steps per second")
        if requests.breaks:
            note("a break after each task" if control.pause_at_task_end else "no more breaks between tasks")
        if requests.strength is not None:
            self._change_strength(requests.strength)
        if requests.evaluate:
            self._evaluate()
        if requests.end_task == self._state.task:
            self._end_task()
        if requests.save:
            self._checkpointer.save()
            self._checkpointer.finish()

    def _change_strength(self, strength: float) -> None:
        state = self._state
        self._reporter.steps()
        self._emitter.emit(StrengthChanged(state.step, time.time(), state.strength, strength))
        state.set_strength(strength)

    def _evaluate(self) -> None:
        activity, self._control.activity = self._control.activity, "evaluating"
        self._emitter.emit(*self._reporter.scores())
        self._control.activity = activity

    def _end_task(self) -> None:
        """Ends the task in training here, unless it has no step yet."""
        state, planned = self._state, self._plan.steps[self._state.task]
        if 0 < state.task_step < planned:
            self._plan.steps[state.task] = state.task_step
            why = f"task {state.task + 1} ended at step {state.task_step:,} of {planned:,}"
            self._emitter.emit(TasksPlanned(state.step, time.time(), self._plan.infos(), why))


def interventions(session: Session, start: int) -> tuple[list[Intervention], list[str]]:
    """Interventions after byte ``start`` of the log, and a sentence if some may be lost."""
    events, problem = session.readable(start)
    found = [event for event in events if isinstance(event, Intervention)]
    return found, [f"later interventions cannot be read: {problem}"] if problem else []
