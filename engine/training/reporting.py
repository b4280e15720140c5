"""Reports what a run computes: steps in bundles, importances, the path-integral check, warnings."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.batch import Batch
from engine.errors import NumericsError
from engine.models.flat import Layer, layer_not_finite
from engine.penalties.penalty import Penalty
from engine.record.events import (
    DRIFT,
    GRADIENT_NORM,
    INITIAL,
    LAYER_PENALTIES,
    LEARNING_RATE,
    NEGATIVE,
    PATH,
    PATH_LABELS,
    PROBE,
    TIMES,
    WHOLE,
    WHOLE_TARGETS,
    Event,
    ImportanceMeasured,
    Measured,
    Scored,
    StepsTaken,
    Warned,
)
from engine.record.history import PathCheck
from engine.record.watchdog import fresh
from engine.training.answers import Tally
from engine.training.evaluation import Evaluator
from engine.training.histogram import histograms
from engine.training.holding import Holding
from engine.training.looking import Looking
from engine.training.recorder import Recorder
from engine.training.state import RunState, TrainingState
from engine.training.step import TrainingStep

REPORT_STEPS = 64
REPORT_SECONDS = 0.1
"""Steps are reported in bundles: after REPORT_STEPS, or REPORT_SECONDS after the last report."""


def steps_taken(
    state: TrainingState, elapsed: float, losses: list[Tensor], written: list[Tensor], added: Sequence[Tensor] = ()
) -> StepsTaken:
    """The steps with these ``losses``, each of shape (), the last of which is the newest. ``written``: by the pull;
    ``added``: by the method."""
    penalties = [0.0] * len(losses)
    if state.pull is not None and written:
        penalties = [state.pull.value(of) for of in torch.stack(written).tolist()]
    if added:
        penalties = [of + more for of, more in zip(penalties, torch.stack(list(added)).tolist(), strict=True)]
    return StepsTaken(state.step, round(elapsed, 4), short(torch.stack(losses).tolist()), short(penalties))


def first_not_finite(steps: StepsTaken) -> tuple[str, float, int] | None:
    """ "loss" or "penalty", its value and the step."""
    first = steps.step - len(steps.losses) + 1
    for number, found in enumerate(zip(steps.losses, steps.penalties, strict=True), start=first):
        for what, value in zip(("loss", "penalty"), found, strict=True):
            if not math.isfinite(value):
                return what, value, number
    return None


def layer_penalties(state: TrainingState, theta: Tensor, layers: Sequence[Layer]) -> list[Event]:
    """The penalty of each layer at ``theta``, shape (P,); nothing without a pull."""
    if state.pull is None or state.penalty is None:
        return []
    shares = short([state.factor * share for share in state.penalty.by_layer(theta, layers)])
    return [Measured(state.step, state.task, LAYER_PENALTIES, shares)]


@dataclass
class Reporter:
    recorder: Recorder
    state: RunState
    step: TrainingStep
    evaluator: Evaluator
    looking: Looking
    holding: Holding
    _due: float = 0.0

    @property
    def due(self) -> bool:
        return len(self.step.losses) == REPORT_STEPS or time.monotonic() >= self._due

    def steps(self) -> None:
        """Reports the steps since the last report. Raises NumericsError if a loss or penalty is not finite."""
        state, step = self.state, self.step
        self._due = time.monotonic() + REPORT_SECONDS
        if not step.losses:
            return
        taken = steps_taken(state, self.recorder.clock.elapsed, step.losses, step.penalties, step.added)
        step.clear()
        self.recorder.emit(taken)
        if broken := first_not_finite(taken):
            what, value, number = broken
            self.warnings()
            raise NumericsError(f"the {what} became {value} at step {number}, in task {state.task + 1}")

    def warnings(self) -> None:
        """Emits new warnings; called at steps that do not depend on the clock, so that a resume repeats them."""
        for alarm in fresh(self.recorder.history, self.recorder.session.config):
            self.recorder.emit(Warned(alarm.task, self.state.step, time.time(), alarm.name, alarm.text))

    def probe(self, look: bool, answers: bool) -> None:
        """``look``: accuracies on the evaluation subsets; ``answers``: and those for what is shown of them. Always: the
        learning rate and the penalty of each layer."""
        self.steps()
        state = self.state
        penalties = layer_penalties(state, state.parameters.values, state.parameters.layers)
        self.recorder.emit(*(self._looked(answers) if look else []), *self.learning_rate(), *penalties)
        self.warnings()

    def weights(self) -> None:
        """What the step that was just taken, which was watched, pulls, and how far the weights are from θ*."""
        state, watched, holding = self.state, self.step.watched, self.holding
        step, task, told = state.step, state.task, list[Event]()
        if watched is not None:
            told.append(Measured(step, task, GRADIENT_NORM, short([watched.norm.item()])))
            told.append(Measured(step, task, TIMES, tuple(float(f"{part:.3g}") for part in watched.seconds)))
            told += holding.pulled(step, task, watched.gradient) if holding.first else []
        if not self.recorder.session.config.reset_network:  # else they did not begin at θ*
            told += holding.distances(step, task, state.parameters.values, state.penalty)
        self.recorder.emit(*told)

    def _looked(self, answers: bool) -> list[Event]:
        if not answers:
            return [self._probed(self.evaluator.probe())]
        self.looking.begin(whole=False)
        scores = self.evaluator.probe(see=self.looking.see)
        return [self._probed(scores), *self.looking.answers(self.state.step)]

    def learning_rate(self) -> list[Event]:
        state = self.state
        told = self.recorder.history.learning_rate(state.step) is not None  # by the session that this is a fork of
        if not (state.schedule.varies or told):
            return []
        lr = state.schedule.lr(state.task, state.task_step)
        return [Measured(state.step, state.task, LEARNING_RATE, short([lr]))]

    def scores(self) -> tuple[Scored, Scored]:
        """On whole test sets, and on the evaluation subsets, of the tasks seen."""
        state = self.state
        scores = self.evaluator.scores()
        whole = Scored(state.step, state.problem.newest, WHOLE, _known(scores))
        return whole, self._probed(self.evaluator.probe(scores))

    def initial(self) -> None:
        """Scores on whole test sets before the first step, where those of later tasks mean something."""
        if self.state.step or INITIAL in self.recorder.history.scores or not self.state.problem.looks_ahead:
            return
        scores = self.evaluator.scores(ahead=True)
        self.recorder.emit(Scored(self.state.step, self.state.problem.newest, INITIAL, scores))

    def ended(self, ahead: bool) -> list[Event]:
        """Everything that is measured on test data at a task's end; ``ahead``: on later tasks too."""
        state = self.state
        tally = Tally(state.problem, self.evaluator.stream.phases)
        self.looking.begin(whole=True)

        def see(outputs: Tensor, batch: Batch) -> None:
            tally.see(outputs, batch)
            self.looking.see(outputs, batch)

        scores = self.evaluator.scores(ahead, see)
        whole = Scored(state.step, state.problem.newest, WHOLE, scores)
        probed = self._probed(self.evaluator.probe(scores))
        told = self.recorder.history.packed.get(WHOLE_TARGETS) or ()
        known = sum(of.shape[0] for of in told)
        answers = [*self.looking.answers(state.step), *tally.examples(state.step, known)]
        return [*answers, *tally.events(state.step), whole, probed]

    def _probed(self, scores: Sequence[float]) -> Scored:
        return Scored(self.state.step, self.state.problem.newest, PROBE, _known(scores))

    def running_importance(self, pictures: bool) -> None:
        state = self.state
        running = state.method.running_importance(state.parameters.values, state.penalty)
        if running is not None:
            self.importance(running * state.penalised, running=True, pictures=pictures)

    def importance(
        self, importance: Tensor, running: bool, before: Penalty | None = None, pictures: bool = True
    ) -> None:
        """Ω as one histogram per layer, and as ``pictures``; ``before``: the penalty before the task that ended. Raises
        NumericsError if it is not finite."""
        state = self.state
        if where := layer_not_finite(state.parameters.layers, importance):
            self.steps()  # a non-finite loss is the cause, and is reported instead
            raise NumericsError(
                f"the importance is no longer finite at step {state.step}, in task {state.task + 1}, in {where}"
            )
        low, high, layers = histograms(importance, state.parameters.layers)
        told = self.holding.held(state.step, state.task, importance, before, running) if pictures else []
        self.recorder.emit(ImportanceMeasured(state.task, state.step, running, low, high, layers), *told)
        if not running and (below := int((importance < 0).sum())):
            self._negative(importance, below)

    def _negative(self, importance: Tensor, below: int) -> None:
        layers = self.state.parameters.layers
        counts = tuple(float((importance[layer.start : layer.stop] < 0).sum()) for layer in layers)
        names = tuple(layer.name for layer in layers)
        self.recorder.emit(Measured(self.state.step, self.state.task, NEGATIVE, counts, names))
        self.recorder.note(
            f"Ω is negative for {100 * below / len(importance):.2g} % of the weights: there the penalty falls with the "
            f"distance from θ*, without a bound"
        )

    def statistics(self) -> list[Measured]:
        """How far the running statistics of normalisation layers have moved since the task before."""
        state = self.state
        drift = state.statistics.drift(state.task)
        return [Measured(state.step, state.task, DRIFT, short(list(drift.values())), tuple(drift))] if drift else []

    def path(self) -> None:
        state, path = self.state, self.recorder.history.path
        gained = state.method.path_integral()
        if gained is None:
            return
        loss = self.evaluator.path_loss()
        start = path.start_loss if path and path.task == state.task else loss
        found = Measured(state.step, state.task, PATH, (gained, start, loss), PATH_LABELS)
        if PathCheck.of(found) != path:  # reported before a stop at the task's end
            self.recorder.emit(found)


def _known(scores: Sequence[float]) -> tuple[float | None, ...]:
    return tuple(None if math.isnan(score) else score for score in scores)


def short(values: Sequence[float]) -> tuple[float, ...]:
    """Rounds to six digits: enough for a curve, and the log stays small."""
    return tuple(float(f"{value:.6g}") for value in values)
