"""The trainer: the loop over tasks and steps, from its parts."""

import time
from functools import partial

import torch

from engine.errors import ConfigError, NumericsError
from engine.importance.measure import MEMORY, TRIED, survey
from engine.models.statistics import layer_of_one_value
from engine.record.events import RunFinished, RunStarted, TaskEnded, TaskStarted
from engine.streams.progress import Progress
from engine.training import resume
from engine.training.build import find_device, learned, load_stream, versions
from engine.training.checkpointing import Checkpointer
from engine.training.control import Stopped
from engine.training.diagnosis import cause
from engine.training.evaluation import PATH_EXAMPLES, Evaluator
from engine.training.fan import Fan
from engine.training.holding import Holding, first_layer
from engine.training.looking import Looking
from engine.training.plan import Plan
from engine.training.probing import ANSWERS, HISTOGRAMS_PER_TASK, PROBES_PER_TASK, WEIGHTS, Probing
from engine.training.recorder import Recorder
from engine.training.reporting import Reporter
from engine.training.requests import RequestHandler
from engine.training.state import RunState
from engine.training.step import TrainingStep


class Trainer:
    """Trains one run from its newest checkpoint, or from the start, to its end."""

    def __init__(self, recorder: Recorder) -> None:
        config, control = recorder.session.config, recorder.control
        self.control = control
        self.recorder = recorder
        device = find_device(config.device)
        torch.set_num_threads(config.threads)

        control.activity = f"reading {config.benchmark}"
        self.stream = load_stream(config, device, Progress(control.say, control.check))
        self.config = config = learned(config, self.stream)
        if config != recorder.session.config:
            recorder.session.config = config
            recorder.patiently(recorder.session.keep_config)
        control.check()
        self.state = RunState(config, self.stream, self.stream.problem(), device)
        self.remarks = self._survey()
        if self.state.method.cumulative:
            self.stream.accumulate()

        for number, phase in enumerate(self.stream.phases, start=1):
            if config.warmup is not None and config.warmup >= phase.steps:
                raise ConfigError(
                    f"warmup = {config.warmup}: task {number} has only {phase.steps} steps; choose fewer", "warmup"
                )
        self.plan = Plan(self.stream)
        control.activity = "compiling" if config.compile else control.activity
        self.holding = Holding(first_layer(self.state.model, self.state.parameters.layers, self.stream.inputs))
        self.step = TrainingStep(config, self.state, self.stream, self.holding.place)
        self._check_last_batches()
        self.evaluator = Evaluator(
            self.state.model, self.stream, self.state.problem, self.state.statistics, config.batch_size, control.check
        )
        if self.stream.count(0, "validation"):
            self.state.schedule.score = self.evaluator.newest_choice
        self.looking = Looking(self.stream, self.state.problem)
        self.reporter = Reporter(recorder, self.state, self.step, self.evaluator, self.looking, self.holding)
        self.checkpointer = Checkpointer(recorder, self.state, self.reporter)
        fan = Fan(config, control, self.state, self.stream, self.plan, self.step, self.evaluator)
        self.requests = RequestHandler(recorder, self.state, self.plan, self.reporter, self.checkpointer, fan)

    def _check_last_batches(self) -> None:
        """Batch normalisation may need two examples. Raises ConfigError if a step would have one."""
        layer = layer_of_one_value(self.state.model, next(self.stream.passes(0, 1)).inputs)
        for task, phase in enumerate(self.stream.phases if layer else ()):
            last = self.stream.batch(task, min(phase.steps, phase.epoch) - 1)
            if min(map(len, self.step.split(last))) == 1:
                raise ConfigError(
                    f"batch_size = {self.config.batch_size}: the last batch of task {task + 1} has a part with a "
                    f"single example, of which {layer} cannot take a variance; choose another size of batches",
                    "batch_size",
                )

    def run(self) -> None:
        """Trains to the end. Raises Stopped after saving, NumericsError, or any error of writing the session."""
        self.begin()
        try:
            self._train()
        except NumericsError as error:
            self.checkpointer.join()
            found = cause(self.recorder, self.state, self.step)
            found = f"; {found}" if found else ""
            raise NumericsError(f"{error}{found}: start again with a lower --lr or --strength") from None
        finally:
            self.checkpointer.join()
        recorder = self.recorder
        recorder.emit(RunFinished(self.state.step, time.time(), recorder.clock.elapsed))
        recorder.sync()
        recorder.patiently(partial(recorder.session.write_summary, recorder.history))
        self.control.activity = "finished"

    def begin(self) -> None:
        """Begins at the newest undamaged checkpoint, or with the first step."""
        recorder, stream = self.recorder, self.stream
        made = resume.restore(recorder, self.state, self.plan, stream)
        if made is None:
            digest, told = resume.start_weights(recorder, self.state)
            started = RunStarted(
                time.time(),
                self.plan.infos(),
                str(self.state.device),
                self.state.parameters.size,
                versions() | ({"weights": digest} if digest else {}),
                stream.digest,
                *stream.test_counts(),
                score=self.state.problem.score,
                unit=self.config.option("unit") or "",
            )
            notes = (*stream.notes, *self.remarks, *filter(None, [told]))
            made = resume.start(recorder, self.state, started, notes)
        self.requests.interventions = made
        recorder.patiently(recorder.session.keep_config)
        if shown := self.looking.shown(together=self.config.scenario == "class"):
            recorder.patiently(partial(shown.keep, recorder.session.path))
        recorder.clock.start()
        self.checkpointer.start()

    def _survey(self) -> tuple[str, ...]:
        """How importances will be measured, for the log. Raises UnsupportedNetwork if they cannot."""
        if (of := self.state.method.measures) is None:
            return ()
        memory = self.config.option("importance_memory") or MEMORY
        return survey(self.state.model, next(self.stream.passes(0, TRIED)).inputs, of, memory)

    def _train(self) -> None:
        """Trains all remaining tasks. Raises Stopped after saving, or NumericsError."""
        try:
            if self.config.looks_ahead:
                self.control.activity = "evaluating"
                self.reporter.initial()
            while self.state.task < len(self.plan):
                self.train_task()
                self.end_task()
            self.checkpointer.finish()
        except Stopped:
            if self.state.step:
                self.checkpointer.save()
                self.checkpointer.finish()
            raise

    def train_task(self) -> None:
        state, step, reporter, requests = self.state, self.step, self.reporter, self.requests
        if self.control.paused or requests.interventions:
            requests.poll()
        state.begin_task()
        if state.task_step == 0:
            self.recorder.emit(TaskStarted(state.task, state.step), *reporter.learning_rate())
            reporter.path()
        self.control.activity = "training"
        phase = self.stream.phases[state.task]
        trained, probed = phase.steps * self.config.batch_size, range(state.problem.newest + 1)
        examples = sum(self.stream.count(phase, "probe") for phase in probed)
        probes = Probing.of(state.model, phase.steps, PROBES_PER_TASK, examples, trained)
        histograms = Probing.of(state.model, phase.steps, HISTOGRAMS_PER_TASK, PATH_EXAMPLES, trained)
        work = state.parameters.size * self.config.batch_size
        answers = ANSWERS.every(probes.every, phase.steps, work)
        weights = WEIGHTS.every(histograms.every, phase.steps, work)
        while state.task_step < self.plan.steps[state.task]:
            step.take(watch=(state.task_step + 1) % weights == 0)
            if state.task_step % probes.every == 0:
                reporter.probe(probes.tests(state.task_step), answers=state.task_step % answers == 0)
            if state.task_step % weights == 0:
                reporter.weights()
            if state.task_step % histograms.every == 0 and state.task_step < phase.steps:
                reporter.running_importance(pictures=state.task_step % weights == 0)
                if histograms.tests(state.task_step):
                    reporter.path()
            if self.config.keep == "best" and (state.task_step % phase.epoch == 0 or state.task_step == phase.steps):
                state.keep_if_best(self.evaluator.newest_choice())
            if reporter.due:
                reporter.steps()
                self.checkpointer.attend()
            if self.control.attention or requests.interventions:
                requests.poll()
        reporter.steps()
        if state.best:
            state.go_back_to_best()
        reporter.path()

    def end_task(self) -> None:
        """Changes nothing until everything is computed, so a resume after a stop in here begins at the last step."""
        state, control = self.state, self.control
        control.activity = f"measuring the importance for task {state.task + 1}"
        before, penalty = state.penalty, state.consolidated(control.check)
        control.activity = "evaluating"
        scores = self.reporter.ended(self.config.looks_ahead)
        state.adopt(penalty)
        if penalty is not None:
            self.reporter.importance(penalty.diagonal(), running=False, before=before)
        drift = self.reporter.statistics()
        self.recorder.emit(*drift, *scores, TaskEnded(state.task, state.step, self.recorder.clock.elapsed, time.time()))
        self.reporter.warnings()
        ended = state.task
        state.end_task()
        self.checkpointer.save(ended_task=ended)
        if control.pause_at_task_end and state.task < len(self.plan):
            control.pause()
