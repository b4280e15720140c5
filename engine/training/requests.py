"""Handles requests to a run between two steps, and repeats those of a run that was killed."""

import time
from dataclasses import dataclass, field

from engine.record.events import StrengthChanged, TasksPlanned
from engine.sessions.session import Session
from engine.training.checkpointing import Checkpointer
from engine.training.control import NOTHING, Requests
from engine.training.fan import Fan
from engine.training.futures import Futures
from engine.training.plan import Plan
from engine.training.recorder import Recorder
from engine.training.reporting import Reporter
from engine.training.state import RunState

Intervention = StrengthChanged | TasksPlanned


@dataclass
class RequestHandler:
    recorder: Recorder
    state: RunState
    plan: Plan
    reporter: Reporter
    checkpointer: Checkpointer
    fan: Fan
    interventions: list[Intervention] = field(default_factory=list)
    """Those after the checkpoint from which the run continues; they are repeated at the same steps."""

    def poll(self) -> None:
        """Handles what is there, and waits while training is paused. Raises Stopped."""
        while self.interventions and self.interventions[0].step <= self.state.step:
            again = self.interventions.pop(0)
            if isinstance(again, StrengthChanged):
                self._change_strength(again.strength)
            else:
                self._end_task()
        control = self.recorder.control
        self._handle(control.take_requests())
        self._look_ahead()
        if control.paused and not control.stopping:
            self.reporter.steps()
            self.checkpointer.finish()
            self.recorder.note("paused")
            control.activity = "paused"
            self.recorder.clock.pause()
            while control.paused and not control.stopping:
                control.wait_while_paused()
                self._handle(control.take_requests())
                self._look_ahead()
            self.recorder.clock.start()
            self.recorder.note("continued")
            control.activity = "training"
        if control.held_at(self.state.step):
            self._wait_at_limit()
        control.check()
        control.wait_for_pace()

    def _wait_at_limit(self) -> None:
        """The clock stands still, and nothing is logged."""
        control, clock = self.recorder.control, self.recorder.clock
        self.reporter.steps()
        clock.pause()
        while control.held_at(self.state.step):
            control.wait_at_limit(self.state.step)
            self._handle(control.take_requests())
        clock.start()

    def _look_ahead(self) -> None:
        """Holds training while a look ahead is asked for. The clock stands still, and nothing is logged."""
        control, clock = self.recorder.control, self.recorder.clock
        if control.ahead is None:
            return
        self.reporter.steps()
        ticking, activity = clock.ticking, control.activity
        clock.pause()
        control.activity = "looking ahead"
        self.fan.begin()
        try:
            while (ahead := control.ahead) is not None and not control.stopping:
                self.fan.answer(ahead)
                control.wait_while_ahead(ahead)
                self._handle(control.take_requests())
        finally:
            control.activity, control.futures = activity, Futures()
            if ticking:
                clock.start()

    def _handle(self, requests: Requests) -> None:
        if requests == NOTHING:
            return
        control, note = self.recorder.control, self.recorder.note
        self.reporter.steps()
        if requests.pace:
            pace = control.pace
            note("full speed" if pace is None else f"slow motion, {pace:g} steps per second")
        if requests.breaks:
            note("a break after each task" if control.pause_at_task_end else "no more breaks between tasks")
        if requests.strength is not None:
            self._change_strength(requests.strength)
        if requests.evaluate:
            activity, control.activity = control.activity, "evaluating"
            self.recorder.emit(*self.reporter.scores())
            control.activity = activity
        if requests.end_task == self.state.task:
            self._end_task()
        if requests.save:
            self.checkpointer.save()
            self.checkpointer.finish()

    def _change_strength(self, strength: float) -> None:
        state = self.state
        self.reporter.steps()
        self.recorder.emit(StrengthChanged(state.step, time.time(), state.strength, strength))
        state.set_strength(strength)

    def _end_task(self) -> None:
        """Ends the task in training here, unless it has no step yet."""
        state, planned = self.state, self.plan.steps[self.state.task]
        if 0 < state.task_step < planned:
            self.plan.steps[state.task] = state.task_step
            why = f"task {state.task + 1} ended at step {state.task_step:,} of {planned:,}"
            self.recorder.emit(TasksPlanned(state.step, time.time(), self.plan.infos(), why))


def interventions(session: Session, start: int) -> tuple[list[Intervention], str]:
    """Interventions after byte ``start`` of the log, and a sentence if some may be lost."""
    events, problem = session.readable(start)
    found = [event for event in events if isinstance(event, Intervention)]
    return found, f"later interventions cannot be read: {problem}" if problem else ""
