"""The loop over tasks, and the one training step."""

import contextlib
import importlib
import math
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from engine.catalog.benchmarks import BENCHMARKS
from engine.catalog.methods import METHODS
from engine.catalog.models import MODELS
from engine.errors import ConfigError, NumericsError, SessionDamaged, SessionMismatch
from engine.importance.per_example import check_network, histograms
from engine.methods.base import LearnedTask, Method
from engine.models.flat import FlatParameters, layer_at, layer_not_finite
from engine.penalties.quadratic import PenaltyGradient, Quadratic, by_layer
from engine.problems.outputs import Outputs
from engine.record.events import (
    Evaluated,
    Event,
    ImportanceMeasured,
    Noted,
    PathFollowed,
    Probed,
    RunFinished,
    RunForked,
    RunResumed,
    RunStarted,
    Saved,
    StepsTaken,
    StrengthChanged,
    TaskEnded,
    TaskInfo,
    TasksPlanned,
    TaskStarted,
    Warned,
)
from engine.record.watchdog import fresh
from engine.seeds import generator
from engine.sessions import checkpoint
from engine.sessions.checkpoint import Cursor
from engine.sessions.session import Session, reason
from engine.settings.run import RunConfig
from engine.streams.batches import Feed
from engine.streams.examples import Task, content, digest_of
from engine.streams.unlabelled import read_unlabelled
from engine.training.checkpoint_writer import Saving
from engine.training.control import NOTHING, Control, Stopped, Wishes
from engine.training.evaluation import Probe, accuracies, accuracy, evaluation_subsets, mean_loss
from engine.training.recorder import Recorder

PROBES_PER_TASK = 20
HISTOGRAMS_PER_TASK = 8
"""Number of running importances reported during a task."""
PATH_EXAMPLES = 1000
"""Training examples on which the path-integral check measures the loss."""
REPORT_STEPS = 64
REPORT_SECONDS = 0.1
"""Steps are reported in bundles: after REPORT_STEPS, or REPORT_SECONDS after the last report."""
CHECKPOINT_SECONDS = 10.0
CHECKPOINT_SHARE = 0.01
LONGEST_SECONDS = 60.0
"""A checkpoint is due after CHECKPOINT_SECONDS; later if it would hold up training for more than CHECKPOINT_SHARE of
the time, but early enough to be on the disk LONGEST_SECONDS after the last one was begun."""
RETRY_SECONDS = 1.0
"""Seconds between attempts to write to a disk that is full or missing."""


T = TypeVar("T")


class Trainer:
    """Trains one run from its newest checkpoint, or from the start, to its end."""

    def __init__(self, session: Session, control: Control, recorder: Recorder) -> None:
        config = session.config
        self.session = session
        self.config = config
        self.control = control
        self.recorder = recorder
        self.device = find_device(config.device)
        torch.set_num_threads(config.threads)

        control.activity = f"reading {config.benchmark}"
        self.tasks = load_tasks(config, self.device)
        self.data = content(self.tasks)
        """Digest of the data; if Ω is measured on the user's own inputs, a space and their digest follow."""
        control.check()
        self.outputs = Outputs.of(config.scenario, [task.classes for task in self.tasks])
        self.subsets = evaluation_subsets(self.tasks, config.seed)
        self.model = build_model(config, self.outputs, self.device)
        self.parameters = FlatParameters(self.model)
        self.method: Method = _load(METHODS[config.method].code)(config)
        if self.method.measures_examples:
            check_network(self.model, self.tasks[0].train.first(2)[0])
        self.strength = config.strength
        """Current c or λ."""
        self.feed = Feed(config, self.tasks, self.outputs, self.method.replays)
        self.steps = [schedule.steps for schedule in self.feed.schedules]
        """Steps of each task; fewer than its schedule says if it was ended early."""
        self.held = self.parameters.matching_none(config.leave_alone)
        self._read: list[str] = []
        """Notes about the user's own inputs."""
        self._unlabelled_inputs = self._read_unlabelled()
        if self._unlabelled_inputs is not None:
            self.data += f" {digest_of(self._unlabelled_inputs)}"
        self.optimizer = make_optimizer(config, self.parameters.theta)
        self.penalty: Quadratic | None = None
        self.penalty_gradient: PenaltyGradient | None = None
        self.total = torch.empty_like(self.parameters.values)
        """Gradient of loss plus penalty, for a method that needs the loss's gradient separately. Shape (P,)."""
        self.before = torch.empty_like(self.parameters.values)
        self.best: dict[str, Tensor] = {}
        """State after the task's best epoch so far, if that is kept, with the names of a checkpoint: weights, the
        method's tensors, and the optimizer's state if the next task continues with it."""
        self.best_accuracy: float | None = None

        self.task = 0
        self.task_step = 0
        self.step = 0
        self._clock = Clock()
        self._losses: list[Tensor] = []
        self._penalties: list[Tensor] = []
        self._report_due = 0.0
        self._checkpoint_due = 0.0
        self._snapshot: dict[str, Tensor] = {}
        self._held_up = 0.0
        """Seconds for which the checkpoint being written held up training."""
        self._saving: Saving | None = None
        self._steered: list[StrengthChanged | TasksPlanned] = []
        """Interventions after the checkpoint from which the run continues; they are repeated at the same steps."""

    # The run

    def run(self) -> None:
        """Trains to the end. Raises Stopped after saving, NumericsError, or any error of writing the session."""
        self._begin()
        try:
            self._train()
        except NumericsError as error:
            raise NumericsError(f"{error}{self._cause()}: start again with a lower --lr or --strength") from None
        finally:
            if self._saving is not None:
                self._saving.join()
        self._tell(RunFinished(self.step, time.time(), self._clock.elapsed))
        self._patiently(self._sync)
        self._patiently(partial(self.session.write_summary, self.recorder.history))
        self.control.activity = "finished"

    def _train(self) -> None:
        """Trains all remaining tasks. Raises Stopped after saving, or NumericsError."""
        try:
            while self.task < len(self.tasks):
                self._train_task()
                self._end_task()
            self._finish_saving()
        except Stopped:
            if self.step:
                self._save()
                self._finish_saving()
            raise

    def _begin(self) -> None:
        """Begins at the newest undamaged checkpoint, or with the first step."""
        damaged: list[SessionDamaged] = []
        checkpoints = self.session.checkpoints()
        for path in checkpoints:
            try:
                tensors, cursor = checkpoint.read(path, self.parameters.size)
                self.recorder.read(cursor.log_length)
            except SessionDamaged as error:
                damaged.append(error)
                continue
            self._check_fit(tensors, cursor)
            self._check_data()
            self._restore(tensors, cursor)
            self._steered, lost = steering(self.session, cursor.log_length)
            self.recorder.open(cursor.log_length)
            if damaged:
                self._patiently(partial(self.session.set_aside, checkpoints[: len(damaged)]))
            note = "; ".join([*self._differences(cursor), *_set_aside(damaged), *lost, *self._partly_kept()])
            self._tell(RunResumed(time.time(), self.step, str(self.device), note))
            self._plan_again()
            break
        else:
            if damaged:
                raise damaged[0]
            if any(isinstance(event, Saved | RunForked) for event in self.session.readable(0)[0]):
                raise SessionDamaged(
                    f"session {self.session.name} is damaged: its checkpoints are gone; restore a copy of "
                    f"{self.session.checkpoints_dir}, or start a new run; its log can still be watched"
                )
            self._check_patterns()
            self._steered, _ = steering(self.session, 0)
            self.recorder.open(0)
            started = RunStarted(
                time.time(),
                self._plan(),
                str(self.device),
                self.parameters.size,
                versions(),
                self.data,
                test_examples=tuple(len(task.test) for task in self.tasks),
                subset_examples=tuple(map(len, self.subsets)),
            )
            self._tell(started)
            for said in self._read:
                self._note(said)
        self._patiently(self.session.keep_config)
        self._clock.start()
        self._checkpoint_due = time.monotonic() + CHECKPOINT_SECONDS

    def _check_patterns(self) -> None:
        """Raises ConfigError for a pattern of leave_alone that matches no parameter: it would change nothing."""
        names = [layer.name for layer in self.parameters.layers]
        for pattern in self.config.leave_alone:
            if not any(fnmatchcase(name, pattern) for name in names):
                raise ConfigError(
                    f"leave_alone = {pattern}: no parameter has such a name; there are {', '.join(names)}",
                    "leave_alone",
                )

    def _check_data(self) -> None:
        """Raises SessionMismatch if the data have changed since the run began."""
        history = self.recorder.history
        assert history.started is not None
        then, now = history.started.data.split(), self.data.split()
        if history.forked is not None:  # a fork may measure Ω on other inputs
            then, now = then[:1], now[:1]
        if then and then != now:
            raise SessionMismatch(
                f"the data of session {self.session.name} ({self.config.benchmark}) have changed since it began: "
                f"restore them, or start a new run"
            )

    def _plan(self) -> tuple[TaskInfo, ...]:
        return tuple(
            TaskInfo(task.name, steps, task.classes, schedule.steps_in_epoch)
            for task, steps, schedule in zip(self.tasks, self.steps, self.feed.schedules, strict=True)
        )

    def _plan_again(self) -> None:
        """After a resume: tasks that ended early stay short; a fork may plan the remaining tasks differently."""
        history = self.recorder.history
        forked_here = history.forked is not None and history.forked.step == self.step
        known = self.task if forked_here else len(self.steps)
        self.steps[:known] = [task.steps for task in history.tasks[:known]]
        if forked_here and self._plan() != history.tasks:
            self._tell(TasksPlanned(self.step, time.time(), self._plan(), "new plan of the fork"))

    def _train_task(self) -> None:
        schedule = self.feed.schedules[self.task]
        if self.control.paused or self._steered:
            self._attend()
        self._begin_task()
        if self.task_step == 0:
            self._tell(TaskStarted(self.task, self.step))
            self._tell_path()
        self.control.activity = "training"
        steps, epoch = schedule.steps, schedule.steps_in_epoch
        probe = self._probe(self.task)
        probe_every = max(1, steps // PROBES_PER_TASK)
        histogram_every = max(1, steps // HISTOGRAMS_PER_TASK)
        while self.task_step < self.steps[self.task]:
            self._one_step()
            if self.task_step % probe_every == 0:
                self._report()
                self._tell(Probed(self.task, self.step, probe(self.model), self._layer_penalties()))
                self._tell_warnings()
            if self.task_step % histogram_every == 0 and self.task_step < steps:
                running = self.method.running_importance(self.parameters.values, self.penalty)
                self._tell_importance(None if running is None else running * self.held, running=True)
                self._tell_path()
            if self.config.keep == "best" and (self.task_step % epoch == 0 or self.task_step == steps):
                self._keep_if_best()
            if len(self._losses) == REPORT_STEPS or time.monotonic() >= self._report_due:
                self._report()
                if self._saving is not None and not self._saving.is_alive():
                    self._finish_saving()
                if self._saving is None and time.monotonic() >= self._checkpoint_due:
                    self._save()
            if self.control.attention or self._steered:
                self._attend()
        self._report()
        if self.best:
            self._go_back_to_best()
        self._tell_path()

    def _begin_task(self) -> None:
        """Sets up what differs from the previous task, also when a resume continues in the middle of a task."""
        if self.task_step == 0:
            if self.config.reset_optimizer:
                self.optimizer = make_optimizer(self.config, self.parameters.theta)
            self.best, self.best_accuracy = {}, None
            self.method.begin_task(self.parameters.values)
        for group in self.optimizer.param_groups:
            group["lr"] = self.feed.schedules[self.task].lr

    def _keep_if_best(self) -> None:
        """Like the MAS authors' demo: the task's own test set decides, and the first of equal epochs is kept."""
        found = accuracy(self.model, self.tasks, self.outputs, self.task, self.task)
        if self.best_accuracy is None or found > self.best_accuracy:
            self.best = {name: tensor.clone() for name, tensor in self._moment().items()}
            self.best_accuracy = found

    def _moment(self) -> dict[str, Tensor]:
        """The state that ``keep`` keeps of the best epoch."""
        found = {"theta": self.parameters.values, **_under("method/", self.method.tensors)}
        if not self.config.reset_optimizer:
            found |= _under("optimizer/", self.optimizer.state[self.parameters.theta])
        return found

    def _go_back_to_best(self) -> None:
        """Restores the best epoch. An older version's checkpoint has only its weights; the rest then stays as is."""
        self.parameters.values.copy_(self.best["theta"])
        self.method.tensors |= _within("method/", self.best)
        self.optimizer.state[self.parameters.theta] |= _within("optimizer/", self.best)

    def _end_task(self) -> None:
        """Changes nothing until everything is computed, so a resume after a stop in here begins at the last step."""
        self.control.activity = f"measuring the importance for task {self.task + 1}"
        inputs, labels = self.tasks[self.task].train.all()
        learned = LearnedTask(
            number=self.task,
            model=self.model,
            inputs=inputs,
            labels=labels + self.outputs.offset(self.task),
            active=self.outputs.active(self.task, self.task),
            theta=self.parameters.values,
            unlabelled=self._unlabelled,
            check=self.control.check,
        )
        penalty = self.method.end_task(learned, self.penalty)
        if penalty is not None:
            penalty = replace(penalty, importance=penalty.importance * self.held)
        self.control.activity = "evaluating"
        row = accuracies(self.model, self.tasks, self.outputs, self.task, self.control.check)
        probed = self._probe(self.task)(self.model)
        self._adopt(penalty)
        self._tell_importance(penalty.importance if penalty else None, running=False)
        self._tell(TaskEnded(self.task, self.step, self._clock.elapsed, row, probed, time.time()))
        self._tell_warnings()
        ended = self.task
        self.task, self.task_step = self.task + 1, 0
        self.best, self.best_accuracy = {}, None
        self._save(ended_task=ended)
        if self.control.pause_at_task_end and self.task < len(self.tasks):
            self.control.pause()

    def _probe(self, newest: int) -> Probe:
        return Probe(self.tasks, self.subsets, self.outputs, newest)

    def _unlabelled(self, task: int) -> tuple[Tensor, slice]:
        active = self.outputs.active(task, self.task)
        if self._unlabelled_inputs is not None:
            return self._unlabelled_inputs, active
        examples = self.tasks[task].test if self.config.importance_data == "test" else self.tasks[task].train
        return examples.all()[0], active

    def _read_unlabelled(self) -> Tensor | None:
        """The user's own inputs, shape (N, features), if ``importance_data`` names a folder. Raises BenchmarkError."""
        folder = self.config.importance_data
        if folder in (None, "train", "test"):
            return None
        inputs = read_unlabelled(Path(folder), BENCHMARKS[self.config.benchmark].inputs, self._read.append)
        if self.config.normalize is not None:
            inputs = (inputs - self.config.normalize[0]) / self.config.normalize[1]
        return inputs.to(self.device)

    @property
    def _factor(self) -> float:
        """k: the method's factor times the strength."""
        return self.method.factor * self.strength

    def _adopt(self, penalty: Quadratic | None) -> None:
        self.penalty = penalty
        self.penalty_gradient = PenaltyGradient(penalty, self._factor) if penalty and self.strength else None

    # One step

    def _one_step(self) -> None:
        parameters, method = self.parameters, self.method
        pull, gradient = self.penalty_gradient, parameters.gradient
        total = self.total if pull and method.sees_steps and not method.sees_total else gradient
        if pull:
            self._penalties.append(pull.write(parameters.values, out=total))
        if total is not gradient or not pull:
            gradient.zero_()
        loss = self.feed.loss(self.model, self.task, self.task_step)
        loss.backward()  # adds to the gradient
        if total is not gradient:
            total += gradient

        parameters.theta.grad = total
        if method.sees_steps:
            self.before.copy_(parameters.values)
        self.optimizer.step()
        if method.sees_steps:
            torch.sub(parameters.values, self.before, out=self.before)
            method.after_step(parameters.gradient, self.before)

        self._losses.append(loss.detach())
        self.task_step += 1
        self.step += 1

    # Values that are not finite

    def _cause(self) -> str:
        """What became non-finite first, found by repeating the steps since the newest checkpoint one by one."""
        last = self.step
        if self._saving is not None:
            self._saving.join()
        self.control.activity = "finding what was no longer finite first"
        with contextlib.suppress(SessionDamaged):
            steered = self._go_back()
            while self.step < last and not self.control.stopping:
                while steered and steered[0].step <= self.step:
                    again = steered.pop(0)
                    if isinstance(again, StrengthChanged):
                        self.strength = again.strength
                        self._adopt(self.penalty)
                self._begin_task()
                before = self.parameters.values.clone()
                self._losses.clear()
                self._one_step()
                if found := self._not_finite(before):
                    return f"; {found}"
        return ""

    def _go_back(self) -> list[StrengthChanged | TasksPlanned]:
        """Restores the newest checkpoint, or the start, and returns the later interventions."""
        checkpoints = self.session.checkpoints()
        if checkpoints:
            tensors, cursor = checkpoint.read(checkpoints[0], self.parameters.size)
            self._restore(tensors, cursor)
            return steering(self.session, cursor.log_length)[0]
        fresh = FlatParameters(build_model(self.config, self.outputs, self.device))
        self.parameters.values.copy_(fresh.values)
        self.optimizer = make_optimizer(self.config, self.parameters.theta)
        self.task = self.task_step = self.step = 0
        self.strength = self.config.strength
        return steering(self.session, 0)[0]

    def _not_finite(self, before: Tensor) -> str:
        """The first non-finite result of the last step, in order of computation; empty if all are finite.

        ``before``: the weights before the step, shape (P,).
        """
        layers = self.parameters.layers
        if not torch.isfinite(self._losses[-1]):
            size, place = before.abs().max(dim=0)
            return f"the largest weight was {size:.2g} before it, in {layer_at(layers, int(place))}"
        for what, vector in (("gradient", self.parameters.gradient), ("weights", self.parameters.values)):
            if where := layer_not_finite(layers, vector):
                return f"the {what} of {where} stopped being finite first, at step {self.step}"
        return ""

    # Reports

    def _report(self) -> None:
        """Reports the steps since the last report. Raises NumericsError if a loss or penalty is not finite."""
        now = time.monotonic()
        self._report_due = now + REPORT_SECONDS
        if not self._losses:
            return
        losses = torch.stack(self._losses).tolist()
        penalties = [0.0] * len(losses)
        if self.penalty is not None and self._penalties:
            constant = self._factor * self.penalty.constant
            penalties = [doubled / 2 + constant for doubled in torch.stack(self._penalties).tolist()]
        self._losses.clear()
        self._penalties.clear()
        elapsed = round(self._clock.elapsed, 4)
        self._tell(StepsTaken(self.step, elapsed, _short(losses), _short(penalties)))
        first = self.step - len(losses) + 1
        for number, found in enumerate(zip(losses, penalties, strict=True), start=first):
            for what, value in zip(("loss", "penalty"), found, strict=True):
                if not math.isfinite(value):
                    self._tell_warnings()
                    raise NumericsError(f"the {what} became {value} at step {number}, in task {self.task + 1}")

    def _tell_warnings(self) -> None:
        """Emits new warnings; called at steps that do not depend on the clock, so that a resume repeats them."""
        for alarm in fresh(self.recorder.history, self.config):
            self._tell(Warned(alarm.task, self.step, time.time(), alarm.name, alarm.text))

    def _layer_penalties(self) -> tuple[float, ...]:
        if self.penalty_gradient is None or self.penalty is None:
            return ()
        shares = by_layer(self.penalty, self.parameters.values, self.parameters.layers)
        return _short([self._factor * share for share in shares])

    def _tell_importance(self, importance: Tensor | None, running: bool) -> None:
        if importance is not None:
            if where := layer_not_finite(self.parameters.layers, importance):
                self._report()  # a non-finite loss is the cause, and is reported instead
                raise NumericsError(
                    f"the importance is no longer finite at step {self.step}, in task {self.task + 1}, in {where}"
                )
            low, high, layers = histograms(importance, self.parameters.layers)
            self._tell(ImportanceMeasured(self.task, self.step, running, low, high, layers))

    def _tell_path(self) -> None:
        """Reports the path-integral check, for a method that follows the path."""
        gained = self.method.path_integral()
        if gained is None:
            return
        paths = self.recorder.history.paths
        train = self.tasks[self.task].train
        rows = torch.randperm(len(train), generator=generator(self.config.seed, "path", self.task))[:PATH_EXAMPLES]
        inputs, labels = train.take(rows.to(self.device))
        active = self.outputs.active(self.task, self.task)
        loss = mean_loss(self.model, inputs, labels + self.outputs.offset(self.task), active)
        start = paths[-1].start_loss if paths and paths[-1].task == self.task else loss
        ratio = gained / (start - loss) if start != loss else None
        found = PathFollowed(self.task, self.step, gained, start, loss, ratio)
        if not paths or found != paths[-1]:  # reported before a stop at the task's end
            self._tell(found)

    # Requests

    def _attend(self) -> None:
        """Handles requests. Raises Stopped."""
        while self._steered and self._steered[0].step <= self.step:
            again = self._steered.pop(0)
            if isinstance(again, StrengthChanged):
                self._change_strength(again.strength)
            else:
                self._end_early()
        self._obey(self.control.take_wishes())
        if self.control.paused and not self.control.stopping:
            self._report()
            self._finish_saving()
            self._note("paused")
            self.control.activity = "paused"
            self._clock.pause()
            while self.control.paused and not self.control.stopping:
                self.control.wait_while_paused()
                self._obey(self.control.take_wishes())
            self._clock.start()
            self._note("continued")
            self.control.activity = "training"
        self.control.check()
        self.control.wait_for_pace()

    def _obey(self, wishes: Wishes) -> None:
        if wishes == NOTHING:
            return
        self._report()
        if wishes.pace:
            pace = self.control.pace
            self._note("full speed" if pace is None else f"slow motion, {pace:g} steps per second")
        if wishes.breaks:
            self._note("a break after each task" if self.control.pause_at_task_end else "no more breaks between tasks")
        if wishes.strength is not None:
            self._change_strength(wishes.strength)
        if wishes.evaluate:
            activity, self.control.activity = self.control.activity, "evaluating"
            newest = max(self.task if self.task_step else self.task - 1, 0)
            row = accuracies(self.model, self.tasks, self.outputs, newest, self.control.check)
            self._tell(Evaluated(newest, self.step, row, self._probe(newest)(self.model)))
            self.control.activity = activity
        if wishes.end_task == self.task:
            self._end_early()
        if wishes.save:
            self._save()
            self._finish_saving()

    def _change_strength(self, strength: float) -> None:
        """Changes the strength from the next step on."""
        self._report()
        self._tell(StrengthChanged(self.step, time.time(), self.strength, strength))
        self.strength = strength
        self._adopt(self.penalty)

    def _end_early(self) -> None:
        """Ends the task in training here, unless it has no step yet."""
        planned = self.steps[self.task]
        if 0 < self.task_step < planned:
            self.steps[self.task] = self.task_step
            why = f"task {self.task + 1} ended at step {self.task_step:,} of {planned:,}"
            self._tell(TasksPlanned(self.step, time.time(), self._plan(), why))

    def _tell(self, event: Event) -> None:
        assert self.recorder.log is not None
        self._patiently(partial(self.recorder.record, event), again=self.recorder.log.mend)

    def _note(self, text: str) -> None:
        self._tell(Noted(self.step, time.time(), text))

    # Saving

    def _save(self, ended_task: int | None = None) -> None:
        """Starts writing a checkpoint of the current state; ``_finish_saving`` waits until it is on the disk."""
        self._report()
        self._finish_saving()
        began = time.monotonic()
        log = self.recorder.log
        assert log is not None
        cursor = Cursor(
            task=self.task,
            task_step=self.task_step,
            step=self.step,
            elapsed=self._clock.elapsed,
            log_length=log.length,
            device=str(self.device),
            threads=self.config.threads,
            versions=versions(),
            constant=self.penalty.constant if self.penalty else None,
            best=self.best_accuracy,
        )
        self._snapshot = checkpoint.snapshot(self._tensors(), self._snapshot)
        self._saving = Saving(self.session, log, self._snapshot, cursor, ended_task, self.parameters.layers)
        self._held_up = time.monotonic() - began

    def _finish_saving(self) -> None:
        """Waits for the checkpoint being written, if any. Raises NumericsError."""
        saving = self._saving
        if saving is None:
            return
        activity, self.control.activity = self.control.activity, "saving"
        name = self._patiently(saving.result, again=lambda: self._save_again(saving))
        self._saving = None
        self._tell(Saved(saving.step, time.time(), name))
        self._checkpoint_due = saving.began + seconds_to_next(self._held_up, saving.took)
        self.control.activity = activity

    def _save_again(self, failed: Saving) -> str:
        assert self.recorder.log is not None
        self.recorder.log.mend()
        return failed.again().result()

    def _sync(self) -> None:
        assert self.recorder.log is not None
        self.recorder.log.mend()
        self.recorder.log.sync()

    def _patiently(self, write: Callable[[], T], again: Callable[[], T] | None = None) -> T:
        """Returns the result of ``write``. While the disk is full or missing, training waits and tries ``again``.

        Raises SessionError if a stop is requested meanwhile.
        """
        try:
            return write()
        except OSError as error:
            problem, began, ticking = error, time.monotonic(), self._clock.ticking
        self._clock.pause()
        try:
            while True:
                why = reason(problem)
                self.control.trouble = (
                    f"{why}; training is paused and continues automatically when the disk is writable again"
                )
                stopping = not self.control.wait(RETRY_SECONDS)
                try:
                    done = (again or write)()
                    break
                except OSError as error:
                    problem = error
                if stopping:
                    raise self.session.unwritable(problem)
        finally:
            self.control.trouble = ""
            if ticking:
                self._clock.start()
        self._note(f"waited {time.monotonic() - began:.0f} s for the disk: {why}")
        return done

    def _tensors(self) -> dict[str, Tensor]:
        found = {"theta": self.parameters.values}
        found |= _under("optimizer/", self.optimizer.state[self.parameters.theta])
        found |= _under("method/", self.method.tensors)
        if self.penalty is not None:
            found |= {"penalty/importance": self.penalty.importance, "penalty/anchor": self.penalty.anchor}
        return found | _under("best/", self.best)

    def _check_fit(self, tensors: dict[str, Tensor], cursor: Cursor) -> None:
        """Raises SessionMismatch if the checkpoint is not of this run; a fused optimizer would not check."""
        vector = self.parameters.values.shape
        one = torch.nn.Parameter(torch.zeros(1, dtype=self.parameters.values.dtype))  # represents all of them
        one.grad = torch.zeros_like(one)
        optimizer = make_optimizer(self.config, one)
        optimizer.step()
        self.method.begin_task(one.data)
        of_optimizer = _under("optimizer/", optimizer.state[one])
        of_method = _under("method/", self.method.tensors)
        known = of_optimizer | of_method

        def fits(name: str, found: Tensor) -> bool:
            like = known.get(name.removeprefix("best/"), one)
            return found.dtype == like.dtype and found.shape == (vector if like.shape == one.shape else like.shape)

        needed = {"theta"}
        if of_optimizer.keys() & tensors.keys():
            needed |= of_optimizer.keys()
        if cursor.task_step:
            needed |= of_method.keys()
        if cursor.constant is not None:
            needed |= {"penalty/importance", "penalty/anchor"}
        if cursor.best is not None:
            needed.add("best/theta")
        if sum(name.startswith("best/") for name in tensors) > 1:
            needed |= {f"best/{name}" for name in of_method}
        history, tasks = self.recorder.history, len(self.tasks)
        if not (
            needed <= tensors.keys()
            and all(fits(name, found) for name, found in tensors.items())
            and len(history.tasks) == tasks
            and 0 <= cursor.task <= tasks
            and cursor.step == history.step == history.starts[cursor.task] + cursor.task_step
            and math.isfinite(cursor.elapsed)
        ):
            raise SessionMismatch(
                f"session {self.session.name}: the checkpoint does not fit the network in config.toml"
            )

    def _restore(self, tensors: dict[str, Tensor], cursor: Cursor) -> None:
        self.parameters.values.copy_(tensors["theta"])

        tensors = {name: value.to(self.device) for name, value in tensors.items()}
        self.optimizer.state[self.parameters.theta] = _within("optimizer/", tensors)
        self.method.tensors = _within("method/", tensors)
        turned = [each.strength for each in self.recorder.history.strengths if each.step <= cursor.step]
        self.strength = turned[-1] if turned else self.config.strength
        if cursor.constant is not None:
            kept = _within("penalty/", tensors)
            self._adopt(Quadratic(kept["importance"], kept["anchor"], cursor.constant))
        self.best = _within("best/", tensors) if cursor.best is not None else {}
        self.best_accuracy = cursor.best
        self.task, self.task_step, self.step = cursor.task, cursor.task_step, cursor.step
        self._clock.elapsed_before = cursor.elapsed

    def _partly_kept(self) -> list[str]:
        """A sentence if the checkpoint is of an older version, which kept only the weights of the best epoch."""
        if not self.best or self.best.keys() == self._moment().keys():
            return []
        return [
            "the checkpoint was written by an older version and has only the weights of the best epoch: if no later "
            "epoch of this task is better, its importance includes all its steps"
        ]

    def _differences(self, cursor: Cursor) -> list[str]:
        """Why this resume is not bit-exact; empty if it is."""
        now: dict[str, Any] = {"device": str(self.device), "threads": self.config.threads, **versions()}
        then: dict[str, Any] = {"device": cursor.device, "threads": cursor.threads, **cursor.versions}
        changed = [f"{key} {then[key]} → {value}" for key, value in now.items() if key in then and then[key] != value]
        return [f"not bit-exact, because of changes: {', '.join(changed)}"] if changed else []


def seconds_to_next(held_up: float, took: float) -> float:
    """Seconds to the next checkpoint, after one that held up training and took the given seconds to write."""
    cost = held_up + took / 2  # measured with two processors: perf/checkpoints.py
    return max(min(max(CHECKPOINT_SECONDS, cost / CHECKPOINT_SHARE), LONGEST_SECONDS - took), 0.0)


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """``tensors`` with ``prefix`` before each name."""
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


def _within(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose name begins with ``prefix``, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _set_aside(damaged: Sequence[SessionDamaged]) -> list[str]:
    """A sentence about the checkpoints that could not be used, if there are any."""
    more = f" (and {len(damaged) - 1} more)" if len(damaged) > 1 else ""
    return [f"{damaged[0]}{more}; the previous checkpoint is used"] if damaged else []


def steering(session: Session, start: int) -> tuple[list[StrengthChanged | TasksPlanned], list[str]]:
    """Interventions after byte ``start`` of the log, and a sentence if some may be lost."""
    events, problem = session.readable(start)
    found = [event for event in events if isinstance(event, StrengthChanged | TasksPlanned)]
    return found, [f"later interventions cannot be read: {problem}"] if problem else []


class Clock:
    """Seconds of training, without pauses."""

    def __init__(self) -> None:
        self.elapsed_before = 0.0
        self._since: float | None = None

    @property
    def elapsed(self) -> float:
        running = time.monotonic() - self._since if self._since is not None else 0.0
        return self.elapsed_before + running

    def start(self) -> None:
        self._since = time.monotonic()

    @property
    def ticking(self) -> bool:
        return self._since is not None

    def pause(self) -> None:
        self.elapsed_before = self.elapsed
        self._since = None


def load_tasks(config: RunConfig, device: torch.device) -> list[Task]:
    """The benchmark's tasks, on ``device``. Raises BenchmarkError."""
    return [task.to(device) for task in _load(BENCHMARKS[config.benchmark].code)(config)]


def penalty_factor(config: RunConfig) -> float:
    """k ÷ strength of the method that ``config`` names."""
    method: Method = _load(METHODS[config.method].code)(config)
    return method.factor


def build_model(config: RunConfig, outputs: Outputs, device: torch.device) -> torch.nn.Module:
    """The network with its initial weights, on ``device``."""
    build = _load(MODELS[config.model].code)
    model: torch.nn.Module = build(
        BENCHMARKS[config.benchmark].inputs, config.hidden, outputs.count, config.seed, config.init
    )
    return model.to(device)


def make_optimizer(config: RunConfig, theta: torch.nn.Parameter) -> torch.optim.Optimizer:
    """A new fused optimizer for the flat parameter vector ``theta``."""
    match config.optimizer:
        case "adam":
            return torch.optim.Adam([theta], lr=config.lr, fused=True)
        case "adamw":
            return torch.optim.AdamW([theta], lr=config.lr, fused=True)
        case "sgd":
            return torch.optim.SGD([theta], lr=config.lr, momentum=config.momentum or 0.0, fused=True)


def find_device(name: str) -> torch.device:
    """The device ``name``, or the best available for 'auto'. Raises ConfigError if it is not available."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(device for device, available in there.items() if available)
    if not there[name]:
        raise ConfigError(
            f"device {name} is not available here (torch {torch.__version__}): "
            f"use --device auto to train on what is available"
        )
    return torch.device(name)


def versions() -> dict[str, str]:
    """Versions on which bit-exact results depend."""
    return {"torch": torch.__version__, "machine": platform.machine()}


def _load(code: str) -> Callable[..., Any]:
    """The object that 'module:name' names."""
    module, _, name = code.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found


def _short(values: list[float]) -> tuple[float, ...]:
    """Rounds to six digits: enough for a curve, and the log stays small."""
    return tuple(float(f"{value:.6g}") for value in values)
