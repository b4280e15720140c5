"""Finds problems that do not stop a run, from its History alone: live, in a replay and in an old session. Judgements
change only at evaluations, so the screen agrees with the log, and a resumed run repeats them. A penalty that is too
strong may be nearly zero, since the weights stay at the anchor: a task is judged by what it learns, and the penalty is
blamed only if the first task, which has none, was learned."""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import takewhile

from engine.catalog.methods import METHODS
from engine.catalog.own_loop import OWN_LOOP
from engine.record.alarm import STRONGER, Alarm, Cure
from engine.record.chance import competing
from engine.record.events import Warned
from engine.record.forgetting import forgot
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
UNTRAINED = 10
"""Steps whose loss is that of a network which has learned nothing, where no number says it."""
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


def caution(config: RunConfig) -> str:
    """Why a run's numbers will mean little, as known before it starts; empty if there is no reason."""
    return "; ".join(filter(None, (_weak_method(config), _one_class(config), _other_scale(config), _chosen(config))))


def _weak_method(config: RunConfig) -> str:
    if config.tasks < 2 or not METHODS[config.method].symbol:
        return ""
    if config.strength == 0:
        return f"strength 0: {config.method} protects nothing; this is fine-tuning"
    if config.scenario != "class":
        return ""
    reached = (
        f"about {100 / config.tasks:.0f} % on {config.tasks} tasks" if config.tasks_known else "what guessing does"
    )
    return (
        f"in the class scenario, a penalty alone reaches {reached} "
        f"in every published table: classes of different tasks are never trained together; method joint shows what is "
        f"possible"
    )


def _other_scale(config: RunConfig) -> str:
    """A warning if the mean or deviation is on the scale 0–255, which would make all inputs nearly equal; or empty."""
    given = config.normalize
    if not isinstance(given, tuple) or given[0] <= 1 or config.problem == "regression":
        return ""
    smaller = ",".join(f"{number / 255:.4g}" for number in given)
    return (
        f"normalize {shown(given)} has the wrong scale: inputs are 0 to 1 here; if this is for pixels "
        f"of 0 to 255, write {smaller}"
    )


def _chosen(config: RunConfig) -> str:
    if config.keep == "last" or config.validation or config.option("own_validation"):
        return ""
    return (
        "keep best chooses each task's epoch on its test set, so its scores are a little too good; with "
        "--validation 0.1 it chooses on a part of the training set"
    )


def _one_class(config: RunConfig) -> str:
    found = one_class_tasks(config)
    if not found:
        return ""
    have = "has one class" if len(found) == 1 else "have one class each"
    said = f"{numbered(found)} {have}: there is nothing to tell apart, so accuracy there means nothing, and "
    if len(found) < config.tasks:
        said += "it raises the averages, which are also given without it"
    else:
        said += "neither do the averages"
    most = sum(config.classes_by_task()) // 2
    given = config.benchmark != "images" and config.option("task_classes")  # --tasks does not divide its classes
    if config.option("classes_per_task") or given or not most:
        return f"{said}; give each task two classes or more"
    return f"{said}; with at most {most} tasks, each has two classes or more"


def alarms(history: History, config: RunConfig) -> tuple[Alarm, ...]:
    """Problems at the newest evaluation, the most serious first. The cost does not grow with the run."""
    if not history.tasks or not history.curve.length:
        return ()
    if broken := _not_finite(history):
        return (broken,)
    if config.benchmark == OWN_LOOP:  # what its loss and scores mean is not known
        return ()
    history = _at_last_look(history)
    # the task in training, until there is enough of it the previous one
    near = [_Stretch(history, config, task) for task in (history.task, history.task - 1)]
    near = [at for at in near if 0 <= at.task < len(history.tasks)]
    ripe = [at for at in near if at.enough and at.steps >= LAST]
    penalised = [at for at in near if at.task and at.steps >= WINDOW]
    judged = [at for at in ripe if at.steps >= WINDOW and at.accuracies]
    diverging = _diverging(ripe[0]) if ripe else None
    found = [diverging, _no_penalty(penalised[0]) if penalised else None]
    if judged and not diverging:
        found.append(_hindered(judged[0]) if _may_hinder(judged[0]) else _no_learning(judged[0]))
    return (*(alarm for alarm in found if alarm), *([] if diverging else forgot(history, config)))


def fresh(history: History, config: RunConfig) -> list[Alarm]:
    """The alarms that no event has reported yet for their task."""
    told = {(warned.name, warned.task) for warned in history.warnings}
    return [alarm for alarm in alarms(history, config) if (alarm.name, alarm.task) not in told]


def warnings(history: History, config: RunConfig) -> tuple[str, ...]:
    """All warnings of a run, one sentence per kind; of an older log without warnings, those that apply at its end."""
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
    if not later:
        return ""
    *others, last = (str(warned.task + 1) for warned in later)
    if not others:
        return f", again in task {last}"
    if len(later) > MOST_NAMED:
        return f", again in {len(later)} tasks, most recently in task {last}"
    return f", again in tasks {', '.join(others)} and {last}"


def _at_last_look(history: History) -> History:
    """``history`` as of the last probe or task's end."""
    probed = history.probes[-1].step if history.probes else 0
    step = min(max(probed, history.starts[len(history.matrix)]), history.step)
    return replace(history, step=step, curve=history.curve.until(step)) if step < history.step else history


@dataclass(frozen=True)
class _Stretch:
    """The steps of a task with the current strength and method: those after a change of the strength or a fork."""

    history: History
    config: RunConfig
    task: int

    @property
    def first(self) -> int:
        changed = self.history.strengths[-1].step if self.history.strengths else 0
        forked = self.history.forked.step if self.history.forked else 0
        return max(self.history.starts[self.task], changed, forked)

    @property
    def last(self) -> int:
        """The row after the last."""
        return self.history.starts[self.task] + self.history.steps_done(self.task)

    @property
    def steps(self) -> int:
        return self.last - self.first

    @property
    def ended(self) -> bool:
        return self.task < self.history.task

    @property
    def enough(self) -> bool:
        """Whether enough of the task is done for a judgement."""
        return self.ended or self.history.steps_done(self.task) >= ENOUGH * (self.history.tasks[self.task].steps or 0)

    @cached_property
    def accuracies(self) -> list[float]:
        """Accuracies on the task itself: at each probe during the stretch, and at the task's end."""
        task, first = self.task, self.first
        recent = takewhile(lambda probe: probe.phase == task and probe.step > first, reversed(self.history.probes))
        looks = [probe.row[task] for probe in recent][::-1]
        return [*looks, self.history.matrix[task][task]] if self.ended else looks

    @property
    def learning(self) -> bool:
        """Whether the accuracy rises, or the loss falls below that of guessing."""
        looks, middle = self.accuracies, max(self.first + WINDOW, (self.first + self.last) // 2)
        before = looks[(len(looks) - 1) // 2]
        if self.regression:
            rising = self.share(looks[-1], self.full) > self.share(before, self.full) + RISE
        else:
            rising = looks[-1] > before + RISE
        return rising or self.loss() < min(FALL * self.loss(middle), GUESSING * self.guessing)

    def loss(self, end: int | None = None) -> float:
        """Mean loss of the last steps, or of those before the row ``end``."""
        return float(self.history.curve.losses((end or self.last) - WINDOW)[:WINDOW].mean())

    @property
    def strength(self) -> float:
        return self.history.strength(self.config)

    @property
    def competing(self) -> int:
        """Number of classes that compete while the task is trained."""
        return competing(self.history, self.config, self.task, self.task)

    @property
    def regression(self) -> bool:
        return self.config.problem == "regression"

    @property
    def guessing(self) -> float:
        """The loss, in nats, if all competing classes are equally likely; of regression, that of the first steps of
        the run or, if this is more, of the task."""
        if not self.regression:
            return math.log(self.competing)
        losses = self.history.curve.losses
        return max(float(losses(start)[:UNTRAINED].mean()) for start in (0, self.history.starts[self.task]))

    @property
    def chance(self) -> float:
        """The score of guessing."""
        return (self.history.tasks[self.task].chance or 0.0) if self.regression else 1 / self.competing

    @property
    def full(self) -> float:
        """The score of perfection."""
        return 1.0 if self.history.score.higher else 0.0

    def share(self, score: float, full: float) -> float:
        """Fraction of the way from guessing to ``full`` that ``score`` reaches; 1 if guessing is as good."""
        chance = self.chance
        better = full > chance if self.history.score.higher else full < chance
        return (score - chance) / (full - chance) if better else 1.0

    def barely(self, score: float) -> bool:
        """Whether ``score`` is far worse than what the first task reached."""
        if self.regression:  # errors in the unit of each task's own targets
            return self.share(score, self.full) < BARELY * self.of(0).share(self.history.matrix[0][0], self.full)
        return self.share(score, self.history.matrix[0][0]) < BARELY

    def of(self, task: int) -> "_Stretch":
        return replace(self, task=task)

    @property
    def first_learned(self) -> bool:
        """Whether the first task, which has no penalty, was learned."""
        return self.of(0).share(self.history.matrix[0][0], self.full) >= BARELY

    @property
    def overshot(self) -> bool:
        """Whether the run's first steps threw the network far off."""
        return float(self.history.curve.losses()[:WINDOW].mean()) > OVERSHOT * self.of(0).guessing


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


def _diverging(at: _Stretch) -> Alarm | None:
    losses, penalties = (kind(at.last - LAST)[:LAST] for kind in (at.history.curve.losses, at.history.curve.penalties))
    guessing = at.guessing if at.regression else math.log(max(2, at.competing))
    far = DIVERGED * guessing
    if losses.min() < far:
        return None
    sound = bool(at.strength) and at.task > 0 and not at.overshot
    if sound and at.first_learned and penalties.min() < far:
        return None  # the penalty may hold the weights where new classes cost that much
    what = (
        f"the weights diverge in task {at.task + 1} (loss {losses[-1]:.3g} after "
        f"{at.history.steps_done(at.task):,} steps; {'it was' if at.regression else 'guessing gives'} {guessing:.3g}"
        f"{' at first)' if at.regression else ')'}"
    )
    if sound and penalties.mean() > losses.mean():
        cause = f"strength {shown(at.strength)} times learning rate {shown(at.config.lr)} is too high"
        return Alarm("diverging", at.task, what, cause, "start again with a tenth of the strength")
    cause = f"the learning rate, {shown(at.config.lr)}, is too high"
    return Alarm("diverging", at.task, what, cause, "start again with a tenth of the learning rate")


def _no_penalty(at: _Stretch) -> Alarm | None:
    history, config, task = at.history, at.config, at.task
    expected = METHODS[config.method].symbol and at.strength
    if not expected or history.curve.penalties(at.last - WINDOW)[:WINDOW].any():
        return None
    what = f"the penalty is exactly zero in task {task + 1}"
    if not at.regression and 1 in (at.of(task - 1).competing, at.competing):
        cause = "with a single class there is nothing to learn, and so nothing to protect"
        return Alarm("no-penalty", task, what, cause, "train fewer tasks, with at least two classes each")
    gathered = [measured for measured in history.importances if measured.task < task]
    if gathered and any(layer.zeros < layer.size for layer in gathered[-1].layers):
        wrong = "high, and the network is dead" if at.overshot else "low"
        cause = f"no important weight has moved, so the learning rate, {config.lr:g}, is far too {wrong}"
        return Alarm("no-penalty", task, what, cause, "start again with another learning rate")
    cause = f"no importance was gathered, so {config.method} is the same as fine-tuning here"
    remedy = "make sure that earlier tasks are learned; use a lower learning rate if their loss is exactly zero"
    if history.forked is not None and not gathered:
        remedy = f"train from the start with {config.method}: the parent gathered none"
    elif config.leave_alone:
        remedy = "name fewer parameters in leave_alone"
    return Alarm("no-penalty", task, what, cause, remedy)


def _may_hinder(at: _Stretch) -> bool:
    """Whether the penalty may be the cause if the task is not learned: the first task, without it, was learned."""
    if at.task == 0 or not at.strength or at.overshot:
        return False
    return bool(at.history.curve.penalties(at.last - WINDOW)[:WINDOW].any()) and at.first_learned


def _hindered(at: _Stretch) -> Alarm | None:
    """Finds a penalty too strong from the start, or one that grew too strong with the tasks."""
    accuracy, matrix = at.accuracies[-1], at.history.matrix
    if not at.barely(accuracy) or (not at.ended and at.learning):
        return None
    what = (
        f"task {at.task + 1} is barely learned ({at.history.score.title} {_told(at, accuracy)}, "
        f"task 1 reached {_told(at, matrix[0][0])})"
    )
    growth = _growth(at.history)
    earlier = [at.of(task) for task in range(1, at.task)] if growth > GROWN else []
    if any(other.steps > 0 and not other.barely(matrix[other.task][other.task]) for other in earlier):
        cause = (
            f"the importance has grown {float(f'{growth:.2g}'):g}-fold since task 1 "
            f"and leaves almost no weight free to change"
        )
        remedy = "try a tenth of the strength, or larger hidden layers"
        return Alarm("saturated", at.task, what, cause, remedy, _weaker(at))
    symbol = METHODS[at.config.method].symbol
    cause = f"{symbol} = {shown(at.strength)} is too high: the penalty holds the weights where they are"
    return Alarm("drowned", at.task, what, cause, f"try a tenth, {shown(at.strength / STRONGER)}", _weaker(at))


def _weaker(at: _Stretch) -> tuple[Cure, ...]:
    """A tenth of the strength: now, while the task is trained, and in a fork from before it."""
    strength, method = at.strength / STRONGER, at.config.method
    now = () if at.ended or at.history.state != "training" else (Cure(method, strength),)
    return (*now, Cure(method, strength, at.task - 1))


def _told(at: _Stretch, score: float) -> str:
    return f"{100 * score:.0f} %" if at.history.score.fraction else at.history.score.full(score)


def _growth(history: History) -> float:
    """ΣΩ after the newest ended task ÷ ΣΩ after the first."""
    if len(history.importances) < 2:
        return 1.0
    first, last = (sum(layer.mean * layer.size for layer in history.importances[k].layers) for k in (0, -1))
    return last / first if first > 0 else 1.0


def _no_learning(at: _Stretch) -> Alarm | None:
    if not at.strength and at.history.curve.penalties(at.last - WINDOW)[:WINDOW].any():
        return None  # what the method adds to the loss may hold the network
    loss, score = at.loss(), at.accuracies[-1]
    if at.regression:
        if at.share(score, at.full) > 1 - GUESSING or at.learning:
            return None
        found = f"{at.history.score.title} {_told(at, score)}"
        guessing = f"guessing the mean of the targets gives {_told(at, at.chance)}"
    else:
        if loss < GUESSING * at.guessing or at.share(score, 1.0) >= BARELY:
            return None
        found, guessing = f"loss {loss:.3g}", f"guessing gives {at.guessing:.3g}"
    what = f"nothing is learned in task {at.task + 1} ({found} after {at.steps:,} steps; {guessing})"
    if at.overshot or loss > OVERSHOT * at.guessing:
        cause = f"the learning rate, {at.config.lr:g}, is too high: the weights diverge"
        return Alarm("no-learning", at.task, what, cause, "start again with a tenth of the learning rate")
    unclear = "say nothing of the targets" if at.regression else "do not distinguish the classes"
    cause = f"the learning rate, {shown(at.config.lr)}, is too low, or the inputs {unclear}"
    return Alarm("no-learning", at.task, what, cause, "start again with ten times the learning rate")
