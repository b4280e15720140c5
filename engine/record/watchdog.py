"""Finds problems that do not stop a run, from its History alone: live, in a replay and in an old session.

The trainer asks at each evaluation and emits new alarms (``fresh``) as events. Between evaluations no judgement
changes, so the screen agrees with the log, and a resumed run finds the same problems at the same steps.

A penalty that is too strong need not be large: if it wins, the weights stay at the anchor and it is nearly zero. So a
task is judged by what it learns, and the penalty is blamed only if the first task, which has none, was learned.
"""

import math
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Literal

from engine.catalog.benchmarks import BENCHMARKS
from engine.catalog.methods import METHODS
from engine.record.events import Warned
from engine.record.history import History
from engine.record.one_class import numbered, one_class_tasks
from engine.settings.run import RunConfig
from engine.settings.text import shown

WINDOW = 100
"""Steps over which a loss is averaged; a task with fewer steps is not judged."""
ENOUGH = 1 / 4
"""Fraction of a task's steps after which something should have been learned."""
BARELY = 0.4
"""Fraction of the gain over guessing of the first task, or of perfection; a task below it is barely learned."""
RISE = 0.05
"""An accuracy this much above its value halfway back counts as rising."""
FALL = 0.95
"""A loss below this fraction of its value halfway back counts as falling."""
GUESSING = 0.97
"""A loss above this fraction of the loss of guessing means that nothing was learned."""
OVERSHOT = 3.0
"""Multiple of the loss of guessing; the mean over the run's first steps exceeds it if the learning rate is too high."""
DIVERGED = 10.0
"""Multiple of the loss of guessing; if each of the last steps is above it, the weights are far off."""
LAST = 10
"""How many steps these are; a task with fewer is not judged."""
GROWN = 1.2
"""Multiple of ΣΩ after the first task above which importance accumulates from task to task."""

MOST_NAMED = 8
"""Most tasks that a sentence names one by one."""

Name = Literal["not-finite", "diverging", "no-penalty", "drowned", "saturated", "no-learning"]


@dataclass(frozen=True)
class Alarm:
    """A problem and its remedy; each text is part of a sentence, without a capital or a full stop."""

    name: Name
    task: int
    """The task concerned, counted from 0."""
    what: str
    """What is wrong, and where."""
    cause: str
    """What usually causes it."""
    remedy: str
    """What to try."""

    @property
    def text(self) -> str:
        """One sentence of at most three lines of 80 characters."""
        return f"{self.what}: {self.cause}; {self.remedy}"


def caution(config: RunConfig) -> str:
    """Why a run's numbers will mean little, as known before it starts; empty if there is no reason."""
    return "; ".join(filter(None, (_weak_method(config), _one_class(config), _other_scale(config))))


def _weak_method(config: RunConfig) -> str:
    if config.tasks < 2 or not METHODS[config.method].symbol:
        return ""
    if config.strength == 0:
        return f"strength 0: {config.method} protects nothing; this is fine-tuning"
    if config.scenario != "class":
        return ""
    return (
        f"in the class scenario, a penalty alone reaches about {100 / config.tasks:.0f} % on {config.tasks} tasks "
        f"in every published table: classes of different tasks are never trained together; method joint shows what is "
        f"possible"
    )


def _other_scale(config: RunConfig) -> str:
    """A warning if the mean or deviation is on the scale 0–255, which would make all inputs nearly equal; or empty."""
    if config.normalize is None or config.normalize[0] <= 1:
        return ""
    mean, deviation = config.normalize
    return (
        f"normalize {mean:g},{deviation:g} has the wrong scale: inputs are 0 to 1 here; if this is for pixels "
        f"of 0 to 255, write {mean / 255:.4g},{deviation / 255:.4g}"
    )


def _one_class(config: RunConfig) -> str:
    benchmark = BENCHMARKS[config.benchmark]
    found = one_class_tasks(config)
    if not found:
        return ""
    have = "has one class" if len(found) == 1 else "have one class each"
    said = f"{numbered(found)} {have}: there is nothing to tell apart, so accuracy there means nothing, and "
    if len(found) < config.tasks:
        said += "it raises the averages, which are also given without it"
    else:
        said += "neither do the averages"
    return f"{said}; with at most {len(benchmark.classes) // 2} tasks, each has two classes or more"


def alarms(history: History, config: RunConfig) -> tuple[Alarm, ...]:
    """Problems at the newest evaluation, the most serious first. The cost does not grow with the run."""
    if not history.tasks or not history.curve.length:
        return ()
    if broken := _not_finite(history):
        return (broken,)
    history = _at_last_look(history)
    judged = _stretch(history)
    diverging = _diverging(history, config)
    found = [diverging, _no_penalty(history, config)]
    if judged and not diverging:
        judge = _hindered if _may_hinder(history, config, judged) else _no_learning
        found.append(judge(history, config, judged))
    return tuple(alarm for alarm in found if alarm)


def fresh(history: History, config: RunConfig) -> list[Alarm]:
    """The alarms that no event has reported yet for their task."""
    told = {(warned.name, warned.task) for warned in history.warnings}
    return [alarm for alarm in alarms(history, config) if (alarm.name, alarm.task) not in told]


def warnings(history: History, config: RunConfig) -> tuple[str, ...]:
    """All warnings of a run so far, one sentence per kind, with the other tasks concerned.

    An older session, whose log has no warnings, has those that apply at its end.
    """
    by_name: dict[str, list[Warned]] = {}
    for warned in history.warnings:
        by_name.setdefault(warned.name, []).append(warned)
    told = [f"{first.text} (at step {first.step:,}{_again(later)})" for first, *later in by_name.values()]
    return (*told, *(alarm.text for alarm in fresh(history, config) if alarm.name not in by_name))


def _again(later: list[Warned]) -> str:
    """
    >>> _again([Warned(2, 900, 0.0, "drowned", "-"), Warned(3, 1200, 0.0, "drowned", "-")])
    ', again in tasks 3 and 4'
    >>> _again([]), _again([Warned(task, 0, 0.0, "drowned", "-") for task in range(4, 104)])
    ('', ', again in 100 tasks, most recently in task 104')
    """
    tasks = [str(warned.task + 1) for warned in later]
    if not tasks:
        return ""
    if len(tasks) == 1:
        return f", again in task {tasks[0]}"
    if len(tasks) > MOST_NAMED:
        return f", again in {len(tasks)} tasks, most recently in task {tasks[-1]}"
    return f", again in tasks {', '.join(tasks[:-1])} and {tasks[-1]}"


def _at_last_look(history: History) -> History:
    """``history`` as of the last probe or task's end."""
    probed = history.probes[-1].step if history.probes else 0
    step = min(max(probed, history.starts[len(history.matrix)]), history.step)
    return replace(history, step=step, curve=replace(history.curve, length=step)) if step < history.step else history


@dataclass(frozen=True)
class _Stretch:
    """Consecutive steps of one task with the same strength."""

    task: int
    ended: bool
    first: int
    """First row of the curve."""
    last: int
    """The row after the last."""
    accuracies: tuple[float, ...]
    """Accuracies on the task itself: at each probe during the stretch, and at the task's end. Never empty."""

    @property
    def accuracy(self) -> float:
        return self.accuracies[-1]

    @property
    def rising(self) -> bool:
        return self.accuracy > self.accuracies[(len(self.accuracies) - 1) // 2] + RISE

    def loss(self, history: History) -> float:
        """Mean loss of the last steps."""
        return float(history.curve.losses(self.last - WINDOW)[:WINDOW].mean())

    def falling(self, history: History) -> bool:
        middle = max(self.first + WINDOW, (self.first + self.last) // 2)
        return self.loss(history) < FALL * float(history.curve.losses(middle - WINDOW)[:WINDOW].mean())


def _stretch(history: History) -> _Stretch | None:
    """The stretch to judge: of the task in training once enough of it is done, until then of the previous task."""
    for task in (history.task, history.task - 1):
        if not 0 <= task < len(history.tasks):
            continue
        first, last = _rows(history, task)
        ended = task < history.task
        if last - first < WINDOW or not (ended or last - history.starts[task] >= ENOUGH * history.tasks[task].steps):
            continue
        looks = _looks(history, task, first)
        if ended:
            looks.append(history.matrix[task][task])
        if looks:
            return _Stretch(task, ended, first, last, tuple(looks))
    return None


def _rows(history: History, task: int) -> tuple[int, int]:
    """The steps of ``task`` with the current strength and method, as rows of the curve: first, and after the last.

    Steps before a change of strength or before a fork do not count.
    """
    changed = history.strengths[-1].step if history.strengths else 0
    forked = history.forked.step if history.forked else 0
    start = history.starts[task]
    return max(start, changed, forked), start + history.steps_done(task)


def _looks(history: History, task: int, start: int) -> list[float]:
    """The probed accuracies on ``task`` during its own training, after step ``start``."""
    recent = takewhile(lambda probe: probe.task == task and probe.step > start, reversed(history.probes))
    return [probe.accuracies[task] for probe in recent][::-1]


def _not_finite(history: History) -> Alarm | None:
    """Looks only at the last steps, since no run continues after a non-finite value."""
    task = min(history.task, len(history.tasks) - 1)
    start = max(0, history.curve.length - WINDOW)
    losses, penalties = history.curve.losses(start).tolist(), history.curve.penalties(start).tolist()
    for row, (loss, penalty) in enumerate(zip(losses, penalties, strict=True)):
        if math.isfinite(loss) and math.isfinite(penalty):
            continue
        name, value = ("penalty", penalty) if math.isfinite(loss) else ("loss", loss)
        what = f"the {name} became {value} at step {start + row + 1:,}, in task {task + 1}"
        if name == "penalty" or (row and penalties[row - 1] > losses[row - 1]):
            cause = "strength times learning rate is too high: each step overshoots the anchor further than the last"
            return Alarm("not-finite", task, what, cause, "start again with a tenth of the strength")
        cause = "the learning rate is too high: each step overshoots further than the last"
        return Alarm("not-finite", task, what, cause, "start again with a tenth of the learning rate")
    return None


def _diverging(history: History, config: RunConfig) -> Alarm | None:
    """Judges the task in training once enough of it is done, until then the previous task."""
    for task in (history.task, history.task - 1):
        if not 0 <= task < len(history.tasks):
            continue
        first, last = _rows(history, task)
        enough = task < history.task or last - history.starts[task] >= ENOUGH * history.tasks[task].steps
        if last - first >= LAST and enough:
            return _diverged(history, config, task, last)
    return None


def _diverged(history: History, config: RunConfig, task: int, last: int) -> Alarm | None:
    losses, penalties = history.curve.losses(last - LAST)[:LAST], history.curve.penalties(last - LAST)[:LAST]
    guessing = math.log(max(2, _competing(history, config, task)))
    far = DIVERGED * guessing
    if losses.min() < far:
        return None
    penalised = bool(history.strength(config)) and task > 0
    sound = penalised and not _overshot(history, config)
    if sound and _learned_first(history, config) and penalties.min() < far:
        return None  # the penalty may hold the weights where new classes cost that much
    what = (
        f"the weights diverge in task {task + 1} (loss {losses[-1]:.3g} after "
        f"{last - history.starts[task]:,} steps; guessing gives {guessing:.3g})"
    )
    if sound and penalties.mean() > losses.mean():
        cause = f"strength {shown(history.strength(config))} times learning rate {shown(config.lr)} is too high"
        return Alarm("diverging", task, what, cause, "start again with a tenth of the strength")
    cause = f"the learning rate, {shown(config.lr)}, is too high"
    return Alarm("diverging", task, what, cause, "start again with a tenth of the learning rate")


def _learned_first(history: History, config: RunConfig) -> bool:
    """Whether the first task, which has no penalty, was learned."""
    return _share(history.matrix[0][0], 1.0, history, config, 0) >= BARELY


def _no_penalty(history: History, config: RunConfig) -> Alarm | None:
    """Judges the task in training, or the previous task until there are enough steps."""
    if not METHODS[config.method].symbol or not history.strength(config):
        return None
    for task in (history.task, history.task - 1):
        if not 0 < task < len(history.tasks):
            continue
        first, last = _rows(history, task)
        if last - first >= WINDOW:
            gone = not history.curve.penalties(last - WINDOW)[:WINDOW].any()
            return _without_penalty(history, config, task) if gone else None
    return None


def _without_penalty(history: History, config: RunConfig, task: int) -> Alarm:
    what = f"the penalty is exactly zero in task {task + 1}"
    if 1 in (_competing(history, config, task - 1), _competing(history, config, task)):
        cause = "with a single class there is nothing to learn, and so nothing to protect"
        return Alarm("no-penalty", task, what, cause, "train fewer tasks, with at least two classes each")
    gathered = [measured for measured in history.importances if measured.task < task]
    if gathered and any(layer.zeros < layer.size for layer in gathered[-1].layers):
        wrong = "high, and the network is dead" if _overshot(history, config) else "low"
        cause = f"no important weight has moved, so the learning rate, {config.lr:g}, is far too {wrong}"
        return Alarm("no-penalty", task, what, cause, "start again with another learning rate")
    cause = f"no importance was gathered, so {config.method} is the same as fine-tuning here"
    if history.forked is not None and not gathered:
        remedy = f"train from the start with {config.method}: the parent gathered none"
        return Alarm("no-penalty", task, what, cause, remedy)
    if config.leave_alone:
        return Alarm("no-penalty", task, what, cause, "name fewer parameters in leave_alone")
    remedy = "make sure that earlier tasks are learned; use a lower learning rate if their loss is exactly zero"
    return Alarm("no-penalty", task, what, cause, remedy)


def _may_hinder(history: History, config: RunConfig, judged: _Stretch) -> bool:
    """Whether the penalty may be the cause if ``judged`` is not learned: the first task, without it, was learned."""
    if judged.task == 0 or not history.strength(config) or _overshot(history, config):
        return False
    penalised = history.curve.penalties(judged.last - WINDOW)[:WINDOW].any()
    return bool(penalised) and _learned_first(history, config)


def _hindered(history: History, config: RunConfig, judged: _Stretch) -> Alarm | None:
    """Finds a penalty too strong from the start, or one that grew too strong with the tasks."""
    if not _hardly(judged.task, judged.accuracy, history, config):
        return None
    learning = judged.falling(history) and judged.loss(history) < GUESSING * _guessing(history, config, judged.task)
    if not judged.ended and (judged.rising or learning):
        return None
    what = (
        f"task {judged.task + 1} is barely learned (accuracy {100 * judged.accuracy:.0f} %, "
        f"task 1 reached {100 * history.matrix[0][0]:.0f} %)"
    )
    growth = _growth(history)
    earlier = (task for task in range(1, judged.task) if _rows(history, task)[0] < _rows(history, task)[1])
    if growth > GROWN and any(not _hardly(task, history.matrix[task][task], history, config) for task in earlier):
        cause = (
            f"the importance has grown {float(f'{growth:.2g}'):g}-fold since task 1 "
            f"and leaves almost no weight free to change"
        )
        return Alarm("saturated", judged.task, what, cause, "try a tenth of the strength, or larger hidden layers")
    strength = history.strength(config)
    cause = (
        f"{METHODS[config.method].symbol} = {shown(strength)} is too high: the penalty holds the weights where they are"
    )
    return Alarm("drowned", judged.task, what, cause, f"try a tenth, {shown(strength / 10)}")


def _no_learning(history: History, config: RunConfig, judged: _Stretch) -> Alarm | None:
    loss, guessing = judged.loss(history), _guessing(history, config, judged.task)
    if loss < GUESSING * guessing or _share(judged.accuracy, 1.0, history, config, judged.task) >= BARELY:
        return None
    steps = judged.last - judged.first
    what = (
        f"nothing is learned in task {judged.task + 1} (loss {loss:.3g} after {steps:,} steps; "
        f"guessing gives {guessing:.3g})"
    )
    if _overshot(history, config) or loss > OVERSHOT * guessing:
        cause = f"the learning rate, {config.lr:g}, is too high: the weights diverge"
        return Alarm("no-learning", judged.task, what, cause, "start again with a tenth of the learning rate")
    cause = f"the learning rate, {shown(config.lr)}, is too low, or the inputs do not distinguish the classes"
    return Alarm("no-learning", judged.task, what, cause, "start again with ten times the learning rate")


def _overshot(history: History, config: RunConfig) -> bool:
    """Whether the run's first steps threw the network far off."""
    return float(history.curve.losses()[:WINDOW].mean()) > OVERSHOT * _guessing(history, config, 0)


def _hardly(task: int, accuracy: float, history: History, config: RunConfig) -> bool:
    """Whether ``accuracy`` on ``task`` is far below what the first task reached."""
    return _share(accuracy, history.matrix[0][0], history, config, task) < BARELY


def _share(accuracy: float, full: float, history: History, config: RunConfig, task: int) -> float:
    """Fraction of the way from guessing in ``task`` to ``full`` that ``accuracy`` reaches; 1 if guessing is as good."""
    guessing = 1 / _competing(history, config, task)
    return (accuracy - guessing) / (full - guessing) if full > guessing else 1.0


def _guessing(history: History, config: RunConfig, task: int) -> float:
    """The loss, in nats, if all competing classes are equally likely."""
    return math.log(_competing(history, config, task))


def _competing(history: History, config: RunConfig, task: int) -> int:
    """Number of classes that compete while ``task`` is trained."""
    if config.scenario == "class":
        return sum(info.classes for info in history.tasks[: task + 1])
    return history.tasks[task].classes


def _growth(history: History) -> float:
    """ΣΩ after the newest ended task ÷ ΣΩ after the first."""
    if len(history.importances) < 2:
        return 1.0
    first, last = (sum(layer.mean * layer.size for layer in history.importances[k].layers) for k in (0, -1))
    return last / first if first else 1.0
