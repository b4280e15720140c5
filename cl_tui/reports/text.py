"""Numbers and results in words, for the screens."""

import math
import re
from functools import lru_cache
from pathlib import Path

from rich.cells import cell_len, chop_cells

from engine.catalog.choices import benchmark_info
from engine.catalog.methods import METHODS
from engine.catalog.own import without_folder
from engine.catalog.own_loop import OWN_LOOP
from engine.record import metrics
from engine.record.events import WHOLE, Measured, Scored
from engine.record.figures import FIGURES
from engine.record.history import History, PathCheck
from engine.record.one_class import numbered, one_class_tasks, without
from engine.record.score import ACCURACY, ScoreInfo, exponent
from engine.sessions.listing import Listed
from engine.settings.run import DEFAULT_MODEL, RunConfig, known_settings
from engine.settings.text import shown

AVERAGES = ("average_accuracy", "forgetting", "backward_transfer")
"""The figures over all tasks: functions of engine.record.metrics."""


def averages(score: ScoreInfo) -> dict[str, str]:
    """What the figures of a score are called.

    >>> from engine.record.score import R2
    >>> averages(R2)
    {'average_accuracy': 'average R²', 'forgetting': 'forgetting', 'backward_transfer': 'backward transfer'}
    """
    return dict(zip(AVERAGES, (f"average {score.title}", "forgetting", "backward transfer"), strict=True))


def further(score: ScoreInfo) -> dict[str, str]:
    """What the other figures of a run are called.

    >>> from engine.record.score import R2
    >>> list(further(R2).values())[:3]
    ['forward transfer', 'average incremental R²', 'average anytime R²']
    """
    return {key: name.replace("accuracy", score.title) for key, name in FIGURES.items()}


def other_score(score: ScoreInfo) -> str:
    """What else there is to know if scores are no accuracies.

    >>> from engine.record.score import R2
    >>> other_score(R2)
    ' The scores of this run are R² instead. Colours go from the worst of the run to its best.'
    """
    if score.fraction:
        return ""
    named = f"{score.title}{score.measured_in}"
    told = f" The scores of this run are {named} instead. Colours go from the worst of the run to its best."
    if score.higher:
        return told
    return f"{told} {score.title} is an error: lower is better, a dip is a rise, and so is forgetting."


def forgetting_is(score: ScoreInfo) -> str:
    """How a table's forgetting is computed.

    >>> from engine.record.score import RMSE
    >>> forgetting_is(ACCURACY), forgetting_is(RMSE)
    ('best before minus last, in points', 'last minus best before')
    """
    if score.fraction:
        return "best before minus last, in points"
    return "best before minus last" if score.higher else "last minus best before"


def percent(fraction: float) -> str:
    """An accuracy with one decimal, without a percent sign.

    >>> percent(0.98765), percent(math.nan), percent(-1e-9)
    ('98.8', '—', '0.0')
    """
    return ACCURACY.value(fraction)


LATER = "faint: on tasks that had not begun, for forward transfer alone"
WHOLE_TEST_SET = "whole test set"
GIVEN = "test data of the loop"


def measured_on(scored: Scored, history: History) -> str:
    """The test examples of each task that were used, for a file."""
    if history.given:
        return GIVEN
    if scored.part == WHOLE:
        return WHOLE_TEST_SET
    return "evaluation subset" if history.measured_alike else "first test examples, fewer with every task"


def probed_on(history: History) -> str:
    """The test examples that the accuracies over time use.

    >>> from engine.record.events import RunStarted, TaskInfo
    >>> started = RunStarted(0.0, (TaskInfo("0 8", 9, 2), TaskInfo("1 7", 9, 2)), "cpu", 10, {}, "", (70, 71), (50, 50))
    >>> probed_on(History(started=started))
    '50 test examples per task'
    """
    if history.given:
        return GIVEN
    if history.started is None or not history.started.subset_examples:
        return "mixed test examples"
    sizes = history.started.subset_examples
    if sizes == history.started.test_examples:
        return "whole test sets"
    least, most = min(sizes), max(sizes)
    return f"{f'{least:,}' if least == most else f'{least:,}–{most:,}'} test examples per task"


def probed_caption(history: History) -> str:
    """The same as a sentence."""
    on = probed_on(history)
    if history.given:
        return f"On {on}, which gives the scores."
    if not history.measured_alike:
        return (
            "Recorded by an older version: whole test sets at the end of each task; in between, the first test "
            "examples, fewer with every task, so dips compare different examples."
        )
    if on == "whole test sets":
        return "On whole test sets."
    return f"On the evaluation subset, {on}: the same examples during tasks and at their ends."


def shortened(text: str, width: int) -> str:
    """``text`` in at most ``width`` columns: its beginning and twice as much of its end, where a run has its seed.

    >>> shortened("ewc-1000-split-digits-seed3-1a2b3c4d", 22), shortened("calm-otter", 22)
    ('ewc-100…seed3-1a2b3c4d', 'calm-otter')
    """
    if cell_len(text) <= width:
        return text
    last = 2 * (width - 1) // 3
    end = chop_cells(text[::-1], last)[0][::-1]
    return f"{chop_cells(text, width - 1 - last)[0]}…{end}"


@lru_cache(maxsize=4096)
def short_name(name: str, width: int) -> str:
    """A parameter's name in at most ``width`` columns. Its words get shorter, the last first, then the longest; first
    letters and numbers stay, so that names of one network remain different.

    >>> [short_name("layer4.1.downsample.0.weight", width) for width in (30, 24, 19, 12)]
    ['layer4.1.downsample.0.weight', 'layer4.1.downsample.0.we', 'layer4.1.downsa.0.w', 'la4.1.do.0.w']
    >>> short_name("lstm.weight_ih_l0", 12), short_name("conv1", 3), short_name("conv1", 1)
    ('ls.wei_ih_l0', 'co1', '…')
    """
    pieces = re.split(r"(\d*[._]|\d+$)", name)
    words = [place for place in range(0, len(pieces), 2) if pieces[place]]
    while cell_len("".join(pieces)) > width:
        long = [place for place in words if len(pieces[place]) > 1]
        if not long:
            return shortened("".join(pieces), width) if width > 2 else "…"[:width]
        cut = long[-1] if long[-1] == words[-1] else max(long, key=lambda place: len(pieces[place]))
        pieces[cut] = pieces[cut][:-1]
    return "".join(pieces)


def duration(seconds: float) -> str:
    """
    >>> duration(7.4), duration(3723)
    ('0:07', '1:02:03')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def rate(per_second: float) -> str:
    """
    >>> rate(12345.6), rate(31.4), rate(4.13), rate(0.2439)
    ('12,346', '31', '4.1', '0.24')
    """
    return f"{per_second:,.0f}" if per_second >= 10 else f"{per_second:.2g}"


def quantity(value: float) -> str:
    """At most seven characters for any size; three digits if it is small.

    >>> [quantity(value) for value in (0.0, 0.0123, 0.000123456, 12.345, 1000.0, 123456.0)]
    ['0', '0.0123', '1.2e-4', '12.3', '1000', '1.2e5']
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if 999.5 <= abs(value) < 10_000:
        return f"{value:.0f}"
    if 0.001 <= abs(value) < 10_000:
        return f"{value:.3g}"
    return exponent(value, 1)


def method_and_strength(method: str, strength: float) -> str:
    """
    >>> method_and_strength("ewc", 1000.0), method_and_strength("none", 0.0)
    ('ewc λ 1000', 'none')
    """
    symbol = METHODS[method].symbol
    return f"{method} {symbol} {shown(strength)}" if symbol else method


LONGEST_LIST = 60


def setting(value: object) -> str:
    """A setting's value as a user would type it, but of a long list only the beginning.

    >>> setting((100, 100)), setting(("goldfish",) * 200)
    ('100,100', 'goldfish,goldfish,goldfish,goldfish,goldfish,goldfish, … 200 in all')
    """
    whole = shown(value)
    if not isinstance(value, tuple) or len(whole) <= LONGEST_LIST:
        return whole
    return f"{whole[:LONGEST_LIST].rpartition(',')[0]}, … {len(value)} in all"


def unset(key: str) -> str:
    """What is told of a setting that has no value: what it then is, if that has a name.

    >>> unset("precision"), unset("validation"), unset("clip_norm"), unset("forked from")
    ('fp32', '0', '—', '—')
    """
    declared = known_settings().get(key)
    return "—" if declared is None or declared.off is None else shown(declared.off)


def benchmark(config: RunConfig) -> list[str]:
    """With the folder's name, and the number of its classes, if only they say what is learned."""
    if "classes" not in config.from_data() or benchmark_info(config.benchmark).files:
        return [without_folder(config.benchmark)]
    classes = len(config.option("classes")) + len(config.option("more_classes") or ())
    return [f"{config.benchmark} {Path(config.data_dir).name}", f"{classes} classes"]


def scenario(config: RunConfig) -> list[str]:
    """Not of a loop of the user's own, which does not say it."""
    return [] if config.benchmark == OWN_LOOP else [config.scenario]


WIDTHS = ("channels", "hidden")
"""Options that list a network's layers, from its inputs on."""


def network(config: RunConfig) -> str:
    """
    >>> from engine.settings.run import resolve
    >>> network(resolve({})), network(resolve({"model": "conv", "channels": [32, "pool", 64, "pool"]}))
    ('mlp 100-100', 'conv 32-pool-64-pool-64')
    """
    widths = [str(width) for key in WIDTHS for width in config.option(key) or ()]
    return f"{without_folder(config.model)} {'-'.join(widths)}".strip()


def unusual_network(config: RunConfig) -> list[str]:
    """The network and its options, as far as they are not the default ones.

    >>> from engine.settings.run import resolve
    >>> unusual_network(resolve({})), unusual_network(resolve({"hidden": [64], "init": "glorot"}))
    ([], ['mlp 64', 'init glorot'])
    """
    chosen = config.chosen("model")
    if config.model == OWN_LOOP:
        return []
    usual = config.model == DEFAULT_MODEL and not chosen.keys() & set(WIDTHS)
    options = [f"{key} {shown(value)}" for key, value in chosen.items() if key not in WIDTHS]
    return options if usual else [network(config), *options]


TOLD = ("norm_statistics", "schedule", "precision", "validation")
"""Settings that the header tells where they are not at their defaults, which are None."""


def training(config: RunConfig) -> list[str]:
    """
    >>> from engine.settings.run import resolve
    >>> training(resolve({})), training(resolve({"precision": "bf16", "validation": 0.1}))
    ([], ['precision bf16', 'validation 0.1'])
    """
    given = {key: getattr(config, key) for key in TOLD if getattr(config, key) is not None}
    return [f"{key.replace('_', ' ')} {shown(value)}" for key, value in given.items()]


def variant(config: RunConfig) -> list[str]:
    """The run's variant of its method: options that are not at their defaults, the unpenalised parameters, the frozen.

    >>> from engine.settings.run import resolve
    >>> variant(resolve({"method": "ewc", "gamma": 0.9, "fisher": "batched", "leave_alone": ["*.bias"]}))
    ['γ=0.9', 'fisher batched', 'unpenalised *.bias']
    >>> variant(resolve({"method": "si", "half": True, "xi": 0.5, "freeze": ["fc1.*"]}))
    ['ξ=0.5', 'half', 'frozen fc1.*']
    """
    found: list[str] = []
    for key, value in config.chosen().items():
        if symbol := config.method_options.kept[key].symbol:
            found.append(f"{symbol}={shown(value)}")
        else:
            found.append(key if value is True else f"{key} {shown(value)}")
    if config.leave_alone:
        found.append(f"unpenalised {shown(config.leave_alone)}")
    if config.freeze:
        found.append(f"frozen {shown(config.freeze)}")
    if config.weights:
        found.append(f"weights {Path(config.weights).name}")
    return found


def drift(told: Measured) -> str:
    """How far the running statistics of normalisation layers have moved in a task.

    >>> drift(Measured(8, 1, "drift of running statistics", (0.1, 0.52), ("norm1.running_mean", "norm1.running_var")))
    'running statistics moved by up to 52 % (norm1.running_var)'
    """
    largest, place = max((value, -number) for number, value in enumerate(told.values) if value is not None)
    where = f" ({told.labels[-place]})" if told.labels else ""
    return f"running statistics moved by up to {100 * largest:.0f} %{where}"


GOOD, FAIR = 1.25, 2.0
"""How far Σω may be from the drop of the loss, as a factor either way. Ω is proportional to ω, so if Σω is r times
the drop, the strength acts like r · c. Strengths are usually tried in steps of a factor 3 or 10: up to 2, the error is
smaller than such a step, and up to 1.25 it is a fifth of the smaller one (log 1.25 ÷ log 3)."""


def path_check(path: PathCheck, wide: bool = False) -> str:
    """The path-integral check in words: Σω as a share of the drop of the task's loss.

    >>> path_check(PathCheck(0, 10, 0.55, 0.7, 0.2, 1.1)), path_check(PathCheck(0, 10, 0.55, 0.7, 0.2, 1.1), True)
    ('Σω÷drop 110 %: good', 'Σω 0.55 is 110 % of the loss drop 0.5: good')
    >>> path_check(PathCheck(0, 10, 17.12, 0.7, 0.5, 85.6)), path_check(PathCheck(0, 10, 1e9, 0.7, 0.5, 5e9))
    ('Σω÷drop 8,560 %: too high', 'Σω÷drop 5e11 %: too high')
    """
    if path.ratio is None:
        return "Σω 0"
    percents = 100 * path.ratio
    share = f"{percents:,.0f} %" if 1000 <= abs(percents) < 99_999.5 else f"{quantity(percents)} %"
    if not wide:
        return f"Σω÷drop {share}: {path_verdict(path.ratio)}"
    drop = quantity(path.start_loss - path.loss)
    return f"Σω {quantity(path.gained)} is {share} of the loss drop {drop}: {path_verdict(path.ratio)}"


def path_verdict(ratio: float) -> str:
    """
    >>> [path_verdict(ratio) for ratio in (1.1, 0.81, 1.7, 0.5, 2.7, 0.3, -1.0)]
    ['good', 'good', 'fair', 'fair', 'too high', 'too low', 'too low']
    """
    if 1 / GOOD <= ratio <= GOOD:
        return "good"
    if 1 / FAIR <= ratio <= FAIR:
        return "fair"
    return "too high" if ratio > 1 else "too low"


def result(history: History, config: RunConfig) -> str:
    """A finished run's result, also without one-class tasks."""
    score, average = history.score, metrics.average_accuracy(history.matrix)
    took = duration(history.elapsed) if history.elapsed >= 60 else f"{history.elapsed:.0f} s"
    words = f"Finished in {took}"
    if average is not None:
        words += f": average {score.title} {score.full(average)}"
    if drops := metrics.forgetting_by_task(history.matrix, score):
        worst = max(range(len(drops)), key=drops.__getitem__)
        mean = score.change(sum(drops) / len(drops))
        words += f", forgetting {mean} (worst: task {worst + 1}, {score.value(drops[worst])})"
    return "; ".join(filter(None, (words, of_several_classes(history, config))))


def of_several_classes(history: History, config: RunConfig) -> str:
    """The averages over the tasks seen without those of one class; empty where there is none of these."""
    one_class = one_class_tasks(config, len(history.accuracies))
    if not one_class:
        return ""
    found = without(history.alike, one_class)
    average, forgetting = found["average_accuracy"], found["forgetting"]
    if average is None:
        return "every task has one class, so accuracy means nothing"
    told = f"without {numbered(one_class)} of one class: average accuracy {percent(average)} %"
    return told if forgetting is None else f"{told}, forgetting {percent(forgetting)} points"


ONE_CLASS = "*"
"""Before an average over tasks of which some have one class."""


def with_one_class(listed: Listed) -> bool:
    """Whether there is nothing to tell apart in a task that the session's averages are over."""
    config, history = listed.config, listed.history
    return config is not None and history is not None and bool(one_class_tasks(config, len(history.accuracies)))


def marked(average: float | None, listed: Listed, others: bool = False) -> str:
    """Of a session, with ONE_CLASS where that is so; empty where there is none. An accuracy is in percent or points,
    unless ``others`` in the list are no accuracies: then each says what it is.
    """
    if average is None or listed.history is None:
        return ""
    mark, score = ONE_CLASS if with_one_class(listed) else "", listed.history.score
    return mark + (learned(score, average) if others else score.value(average))


def learned(score: ScoreInfo, value: float) -> str:
    """A value that needs the name of its score, if it is not an accuracy.

    >>> from engine.record.score import R2
    >>> learned(ACCURACY, 0.973), learned(R2, 0.873)
    ('97.3 %', 'R² 0.873')
    """
    return score.full(value) if score.fraction else f"{score.title} {score.full(value)}"


def share_done(history: History) -> str:
    """How much of a run is done; the steps, if nobody knows how many there will be. It needs tasks."""
    if history.open:
        return f"{history.step:,} step{'s' if history.step != 1 else ''}"
    return f"{100 * history.step / history.total_steps:.0f} %"


def whole_plan(history: History) -> str:
    """
    >>> from engine.record.events import TaskInfo
    >>> whole_plan(History(tasks=(TaskInfo("a", None, 2),))), whole_plan(History(tasks=(TaskInfo("a", 40, 2),) * 2))
    ('1 task', '2 tasks, 80 steps')
    """
    count = len(history.tasks)
    steps = "" if history.open else f", {history.total_steps:,} steps"
    return f"{count} task{'s' if count != 1 else ''}{steps}"


def progress(history: History) -> str:
    """A run's progress: 'step 1,234 of 5,160, in task 2 of 5', or 'after task 1 of 5' between two tasks."""
    where = f"after task {history.task}" if history.between else f"in task {min(history.task + 1, len(history.tasks))}"
    of = "" if history.open else f" of {history.total_steps:,}"
    return f"step {history.step:,}{of}, {where} of {len(history.tasks)}"


def latest_news(before: History, after: History, config: RunConfig) -> str | None:
    """The most notable event between two moments of a run, or None."""
    if after.state == "finished" != before.state:
        return result(after, config)
    if len(after.matrix) > len(before.matrix) and before.tasks:
        row = after.matrix[-1]
        return f"Task {len(row)} learned: {learned(after.score, row[-1])}"
    if after.resumed is not before.resumed and after.resumed is not None:
        if after.forked is not None and after.forked.step == after.resumed.step:
            return f"Continues from {after.forked.place} of {after.forked.parent}"
        note = f" ({after.resumed.note})" if after.resumed.note else ""
        return f"Resumed at step {after.resumed.step:,}{note}"
    if before.state == "loading" and after.state == "training":
        return f"Training begins: {whole_plan(after)}, {after.parameters:,} parameters"
    if len(after.strengths) > len(before.strengths):
        turned = after.strengths[-1]
        return f"Strength {quantity(turned.before)} → {quantity(turned.strength)} from step {turned.step + 1:,} on"
    if len(after.plans) > len(before.plans):
        planned = after.plans[-1].why
        return f"{planned[0].upper()}{planned[1:]}"
    if len(after.evaluations) > len(before.evaluations):
        row = after.evaluations[-1].whole.row
        average = learned(after.score, sum(row) / len(row))
        return f"Whole test sets at step {after.evaluations[-1].step:,}: average {average}"
    if after.saved_step is not None and after.saved_step != before.saved_step:
        return f"Saved at step {after.saved_step:,}"
    if before.task < after.task < len(after.tasks) and after.state == "training":
        return f"Task {after.task + 1} begins: {after.tasks[after.task].name}"
    return None
