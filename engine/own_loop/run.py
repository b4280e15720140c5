"""A protected training: what a program calls while it trains."""

import contextlib
import math
import os
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from engine.catalog.entries import MOST_TASKS
from engine.errors import ConfigError, EngineError, NumericsError, first_line
from engine.methods.base import Learned
from engine.models.flat import layer_not_finite
from engine.own_loop.inputs import Inputs
from engine.own_loop.journal import Journal, as_name, as_score
from engine.own_loop.meaning import Meaning
from engine.own_loop.resume import Resumption
from engine.own_loop.state import State, packed
from engine.own_loop.step import Step
from engine.own_loop.weights import Weights
from engine.penalties.penalty import Penalty
from engine.record.events import RunFailed, RunStopped
from engine.sessions.session import Session
from engine.text import visible
from engine.training.runner import LONGEST_MESSAGE

MOST_STRENGTH = 1e15
OPEN: "WeakSet[ProtectedRun]" = WeakSet()
"""The protections that have not ended."""


class ProtectedRun:
    """Protects a network while a program of yours trains it; ``cl_tui.protect`` makes it.

    Use it in a ``with``, or call ``close`` at the end. Its session can be watched from another terminal meanwhile.
    """

    def __init__(
        self,
        state: State,
        optimizer: Optimizer,
        journal: Journal,
        meaning: Meaning,
        scaler: Any,
        opened: contextlib.ExitStack,
        resumption: Resumption | None,
        planned: Sequence[str],
    ) -> None:
        self._state = state
        self._optimizer = optimizer
        self._journal = journal
        self._recorder = journal.recorder
        self._meaning = meaning
        self._scaler = scaler
        self._opened = opened
        self._planned = planned
        self._resumption = resumption
        """Where the session is to continue, while that is not settled or nothing has continued there."""
        self._step = Step(state, optimizer)
        self._inside = False
        """Whether a task has begun and not ended."""
        self._losses: list[Tensor] = []
        """The parts of the loss of the step in the making, each of shape ()."""
        self._skipped = 0
        self._closed = False
        self._process = os.getpid()
        self._local = state.weights.device.type == "cpu"
        OPEN.add(self)

    # What it knows

    @property
    def session(self) -> Session:
        """The session's folder and settings."""
        return self._recorder.session

    @property
    def name(self) -> str:
        return self.session.name

    @property
    def steps(self) -> int:
        """Steps so far, over all tasks."""
        return self._state.step

    @property
    def task_steps(self) -> int:
        """Steps so far of the task in training; 0 between two tasks."""
        return self._state.task_step

    @property
    def ended(self) -> tuple[str, ...]:
        """The names of the tasks that have ended, also before a resume."""
        return tuple(self._journal.names[: self._state.task])

    @property
    def strength(self) -> float:
        """c or λ."""
        return self._state.strength

    @torch.no_grad()
    def importance(self) -> dict[str, Tensor]:
        """Ω by the parameter's name, in its shape; empty before the first task has ended, and for fine-tuning."""
        state = self._state
        if state.penalty is None:
            return {}
        found = state.penalty.diagonal()
        return dict(zip(state.weights.names, (part.clone() for part in state.weights.parts(found)), strict=True))

    def check_apart(self, model: nn.Module, optimizer: Optimizer) -> None:
        """Raises ConfigError if another protection may not have ``model`` and ``optimizer``: each would add its pull to
        the gradients of the other."""
        if os.getpid() != self._process:
            return
        for same, key in ((model is self._state.weights.model, "model"), (optimizer is self._optimizer, "optimizer")):
            if same:
                raise ConfigError(
                    f"session {self.name} still protects with this {key}: end it with run.close(), or leave its with, "
                    f"before the next protect(…)",
                    key,
                )

    # Training

    def task(self, name: str) -> contextlib.AbstractContextManager["ProtectedRun"]:
        """Begins the task ``name``, or continues in it after a resume. ``end_task`` ends it. Gradients that are left
        from before are cleared.

        Returns something to write after ``with``, which does nothing but show where the task is trained. Raises
        EngineError if another task has not ended, or if this one has.
        """
        self._alive()
        name = as_name(name)
        self._continue()
        state, names = self._state, self._journal.names
        if name in names[: state.task]:
            raise EngineError(f"task {name} has ended: give each task its own name, and skip those in run.ended")
        if self._inside:
            raise EngineError(f"task {names[state.task]} has not ended: call run.end_task(…) before task {name}")
        if state.task == MOST_TASKS:
            raise EngineError(f"a session has at most {MOST_TASKS:,} tasks: begin another one for task {name}")
        if state.task == len(names):
            if names:
                self._journal.add_task(name)
            else:
                self._journal.start([name], *self._described())
        elif names[state.task] != name:
            raise EngineError(f"the next task is {names[state.task]}, not {name}")
        self._state.weights.check_all()
        if state.task_step == 0:
            state.method.begin_task(state.weights.theta())
            self._journal.start_task(self._rate())
        self._clear()
        self._inside = True
        return contextlib.nullcontext(self)

    def backward(self, loss: Tensor) -> None:
        """Adds the gradient of a part of the step's loss: ``step()`` then takes the step. Divide by the number of parts
        yourself, so that they add up to the loss that you mean. ``loss``: shape (), of the current task."""
        self._check_loss(loss)
        self.saw(loss)
        (self._scaler.scale(loss) if self._scaler is not None else loss).backward()

    def saw(self, loss: Tensor | float) -> None:
        """Adds to the loss that the log tells of this step, where backward is called elsewhere. Shape ()."""
        try:
            found = loss.detach() if isinstance(loss, Tensor) else torch.tensor(float(loss))
            self._losses.append(found.to(self._state.weights.device).float().reshape(()))
        except (TypeError, ValueError, RuntimeError):
            what = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
            raise EngineError(f"run.saw(…) got {what}: give the loss, one number") from None

    def step(self, loss: Tensor | None = None) -> None:
        """Takes one step: the gradient of ``loss``, shape (), the penalty, the optimizer, the method, the log.

        Without ``loss`` it uses the gradients that are there, from ``backward`` or from calls of your own. Gradients
        are cleared afterwards; a scheduler's step is yours. Raises NumericsError if the loss is not finite, before the
        weights change (on a GPU within the next 64 steps, since looking at each loss would make it wait).
        """
        if loss is not None:
            self.backward(loss)
        self._within("step")
        self._finite()
        scaler = self._scaler
        self.before_optimizer()
        if scaler is not None:
            scaler.step(self._optimizer)
        else:
            self._step.take()
        self.after_optimizer()
        if scaler is not None:
            scaler.update()
        self._clear()

    def before_optimizer(self) -> None:
        """Adds the penalty's gradient to the gradients, and keeps θ and g. Call it after backward, before or after
        clipping, directly before ``optimizer.step()``. A GradScaler that ``protect`` does not know has to ``unscale_``
        before.

        A parameter without a gradient is left without one, as the optimizer leaves it alone.
        """
        self._within("before_optimizer")
        if self._scaler is not None:
            try:
                self._scaler.unscale_(self._optimizer)
            except RuntimeError as error:
                if "already been called" not in str(error):
                    raise
        self._penalty = self._step.before()

    def after_optimizer(self) -> None:
        """Tells the method what ``optimizer.step()`` did, and the log the loss. A step that a GradScaler skipped is
        noticed and does not count."""
        self._within("after_optimizer")
        state, rate, losses = self._state, self._rate(), self._losses
        if self._step.pending and not losses:
            raise EngineError(
                "the log needs the step's loss: call run.saw(loss), or run.backward(loss) in place of loss.backward()"
            )
        self._losses = []
        if not self._step.after():
            self._skipped += 1
            return
        state.step += 1
        state.task_step += 1
        loss = losses[0] if len(losses) == 1 else torch.stack(losses).sum()
        self._journal.stepped(loss, self._penalty, rate)

    def set_strength(self, strength: float) -> None:
        """Changes c or λ from the next step on."""
        self._alive()
        if not (isinstance(strength, int | float) and 0 <= strength <= MOST_STRENGTH):
            raise ConfigError(
                f"strength = {strength} cannot be used: give 0 or a larger number, up to {MOST_STRENGTH:g}", "strength"
            )
        if self._recorder.history.started is None:
            raise EngineError("the strength can change once a task has begun: give it to protect(…)")
        if strength != self._state.strength:
            self._journal.change_strength(float(strength))
            self._state.set_strength(float(strength))

    def scores(self, scores: Mapping[str, Any]) -> None:
        """Tells scores in the middle of a task, by the tasks' names: on test data that are the same each time."""
        self._alive()
        self._continue()
        if self._recorder.history.started is None:
            raise EngineError("run.scores(…) comes after run.task(name): no task has begun yet")
        self._journal.probe(self._scores(scores))

    def end_task(self, inputs: Any = None, scores: Mapping[str, Any] | None = None, active: Any = None) -> None:
        """Ends the task: importances are computed, and from now on the penalty holds its weights.

        ``inputs``: the task's data, for a method that measures importances on them (ewc, mas): a DataLoader, a tensor
        of shape (N, …), an (inputs, targets) pair, or an iterable of such batches, of any kind with ``forward``.
        ``scores``: by the tasks' names, of all tasks so far, on their whole test sets. ``active``: the outputs that
        compete for this task's inputs, as a range or a list of numbers; all by default.
        """
        self._within("end_task")
        if self._step.pending:
            raise EngineError("the last step is not complete: call run.after_optimizer() before run.end_task(…)")
        state, journal = self._state, self._journal
        name = journal.names[state.task]
        if state.task_step == 0:
            raise EngineError(f"task {name} has no step yet, so it cannot end")
        found = self._scores(scores or {})
        state.weights.check_all()
        journal.steps()
        penalty = self._consolidated(inputs, active)
        state.adopt(penalty)
        if penalty is not None:
            journal.importance(penalty.diagonal(), running=False)
        if self._skipped:
            steps = "1 step" if self._skipped == 1 else f"{self._skipped} steps"
            self._recorder.note(f"{steps} of task {name} skipped by the GradScaler: gradients that were not finite")
            self._skipped = 0
        journal.end_task(found)
        state.task, state.task_step = state.task + 1, 0
        self._inside = False
        journal.save(ended_task=state.task - 1)

    def _consolidated(self, inputs: Any, active: Any) -> Penalty | None:
        state = self._state
        stream = Inputs(inputs, self._meaning, state.weights, self.session.config, active)
        if state.method.measures is not None:
            for note in stream.prepare(state.method.measures):
                self._recorder.note(note)
        learned = Learned(state.task, stream.net, state.weights.theta(), stream.problem(), stream, check=lambda: None)
        with torch.enable_grad(), stream.measuring():
            penalty = state.method.consolidate(learned, state.penalty)
        penalty = penalty and penalty.masked(state.penalised)
        if penalty and (where := layer_not_finite(state.weights.layers, penalty.diagonal())):
            raise NumericsError(
                f"the importance is no longer finite at the end of task {self._journal.names[state.task]}, in {where}: "
                f"nothing was changed"
            )
        return penalty

    # Keeping and continuing

    def state_dict(self) -> dict[str, Any]:
        """All that protection adds to your program's state, in copies on the CPU: save it beside the weights, the
        optimizer and the scheduler. ``torch.load(weights_only=True)`` reads it."""
        self._alive()
        self._complete("state_dict")
        self._continue()
        self._journal.steps()
        self._recorder.flush()
        cursor = self._state.cursor(self._recorder.clock.elapsed, self._recorder.log.length)
        return packed(self._state, cursor, self.name)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continues where ``state_dict`` gave ``state``, of a run made with ``protect(…, resume=True)``. Load your
        weights and optimizer, too."""
        self._alive()
        if self._resumption is None:
            raise EngineError(
                "run.load_state_dict(…) comes directly after protect(…, resume=True), and this run has begun already"
            )
        self._resumption.take(state)

    def save(self) -> None:
        """Writes a checkpoint of the method and the penalty to the session, now. If you save your weights at the same
        time, ``protect(…, resume=True)`` with these weights continues here."""
        self._alive()
        self._complete("save")
        self._continue()
        if self._state.step:
            self._journal.save()

    def close(self) -> None:
        """Ends the recording. The session is finished if every task has ended, otherwise stopped. The model is an
        ordinary one, as it was all the time."""
        self._close(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close(error)

    def _close(self, error: BaseException | None) -> None:
        if self._closed:
            return
        self._closed = True
        OPEN.discard(self)
        if os.getpid() != self._process:  # what the process that trains records is not for a copy of it to end
            return
        self._step.close()
        try:
            if self._recorder.history.started is not None and self._resumption is None:
                self._end(error)
        finally:
            self._opened.close()

    def _end(self, error: BaseException | None) -> None:
        state, journal, recorder = self._state, self._journal, self._recorder
        broken: NumericsError | None = None
        try:
            journal.finish_saving()
            if state.task_step and not self._step.pending:
                journal.save()
                journal.finish_saving()
        except NumericsError as found:
            broken = found
        error = error or broken
        if error is None and state.task == len(journal.names):
            journal.finish()
        elif error is None or isinstance(error, KeyboardInterrupt | SystemExit):
            recorder.emit(RunStopped(state.step, time.time()))
        else:
            saved = recorder.session.saved_step
            kept = f"the checkpoint at step {saved}" if saved is not None else "no checkpoint yet"
            message = str(error) if isinstance(error, EngineError) else f"{type(error).__name__}: {first_line(error)}"
            with contextlib.suppress(NumericsError):
                journal.steps()
            recorder.emit(RunFailed(state.step, state.task, time.time(), message[:LONGEST_MESSAGE], kept))
        recorder.flush()
        if broken is not None and error is broken:
            raise broken

    # Helpers

    def _alive(self) -> None:
        if self._closed:
            raise EngineError(f"the protection of session {self.name} has ended: call protect(…, resume=True)")
        if os.getpid() != self._process:
            raise EngineError(
                f"session {self.name} is trained by the process that this one was forked from: call its protection "
                f"only there"
            )

    def _within(self, what: str) -> None:
        self._alive()
        if not self._inside:
            raise EngineError(f"run.{what}(…) belongs to a task: begin it with run.task(name)")

    def _complete(self, what: str) -> None:
        if self._step.pending:
            raise EngineError(f"run.{what}() comes after a whole step: call run.after_optimizer() first")

    def _continue(self) -> None:
        """Before anything is recorded: continues the session where it was left, if it is to be resumed."""
        if self._resumption is None:
            return
        history, score = self._recorder.history, self._journal.score
        if history.started is not None and history.score != score:
            key = "score" if history.score.name != score.name else "unit"
            given, there = ((of.unit if key == "unit" else of.name) for of in (score, history.score))
            raise ConfigError(f"{key} = {given}: session {self.name} has {there or 'none'}; give the same", key)
        self._resumption.settle()
        self._resumption = None
        if self._planned and self._recorder.history.started is None:
            self._journal.start(self._planned, *self._described())

    def _described(self) -> tuple[str, str]:
        return described(self._state.weights, self._optimizer)

    def _rate(self) -> float:
        return float(self._optimizer.param_groups[0]["lr"])

    def _check_loss(self, loss: object) -> None:
        if not isinstance(loss, Tensor) or loss.numel() != 1 or not loss.requires_grad:
            what = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
            raise EngineError(f"the loss is {what}: give one number that was computed from the model's parameters")

    def _finite(self) -> None:
        """Where looking at the loss costs nothing, a step with one that is not finite is not taken."""
        if not self._local:
            return
        for loss in self._losses:
            if not math.isfinite(value := loss.item()):
                self._losses.clear()
                self._clear()
                self._journal.steps()
                raise self._journal.not_finite("loss", value, self._state.step + 1)

    def _clear(self) -> None:
        """As ``zero_grad`` does, which records each of its calls and so takes longer than a small step's penalty."""
        for group in self._optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = None
        for parameter in self._state.weights.parameters:
            parameter.grad = None

    def _scores(self, scores: Mapping[str, Any]) -> dict[str, float]:
        if not isinstance(scores, Mapping):
            raise EngineError("scores are a dictionary: the score of each task by the task's name")
        names = self._journal.names
        scores = {visible(name) if isinstance(name, str) else name: value for name, value in scores.items()}
        for name in scores:
            if name not in names:
                raise EngineError(f"scores: there is no task {name!r}; there are {', '.join(names)}")
        return {name: as_score(name, value, self._journal.score) for name, value in scores.items()}


def described(weights: Weights, optimizer: Optimizer) -> tuple[str, str]:
    """The network and the optimizer, for the session."""
    rates = dict.fromkeys(f"{float(group['lr']):g}" for group in optimizer.param_groups)
    return type(weights.model).__name__, f"{type(optimizer).__name__}, lr {', '.join(rates)}"
