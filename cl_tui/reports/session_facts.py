"""Facts about a saved session, for the printed page and for the exports."""

import math
import shlex
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cl_tui.reports import text
from engine import commands
from engine.catalog.choices import benchmark_info
from engine.catalog.own_loop import KNOWN, OWN_LOOP
from engine.errors import ConfigError
from engine.record import metrics, watchdog
from engine.record.events import ImportanceMeasured, LayerHistogram
from engine.record.figures import figures as further_figures
from engine.record.history import History
from engine.record.one_class import numbered, one_class_tasks, without
from engine.record.series import Curve
from engine.sessions.listing import Listed
from engine.settings.run import RunConfig, known_settings, resolve
from engine.settings.text import as_typed, shown
from engine.training.extend import extendable
from engine.training.fork import forkable

if TYPE_CHECKING:
    import numpy as np

Point = tuple[int, float]
"""A step and a score."""


def subtitle(config: RunConfig) -> str:
    """
    >>> subtitle(resolve({"method": "ewc"}))
    'ewc λ 1000 · split-digits · task · mlp 100-100 · seed 0'
    """
    method = text.method_and_strength(config.method, config.strength)
    network = [] if config.benchmark == OWN_LOOP else [text.network(config)]
    return " · ".join((method, *text.benchmark(config), *text.scenario(config), *network, f"seed {config.seed}"))


def result(listed: Listed) -> str:
    """The state and result of the session, as a sentence."""
    config, history = listed.config, listed.history
    if config is None or history is None:
        return listed.problem
    if listed.state == "finished":
        return f"{text.result(history, config)}."
    if not history.tasks:
        return {"running": "It is loading."}.get(listed.state, "It ended before any training.")
    told = f"{text.progress(history)}, after {text.duration(history.elapsed)} of training"
    if listed.state == "failed" and history.failure is not None:
        kept = f" (kept: {history.failure.kept})" if history.failure.kept else ""
        told += f": {history.failure.message}{kept}"
    if others := text.of_several_classes(history, config):
        told += f"; {others}"
    begun = {"running": "At ", "stopped": "Stopped at ", "failed": "Failed at "}.get(listed.state, "Interrupted at ")
    return f"{begun}{told}."


def averages(config: RunConfig, history: History) -> list[tuple[str, str]]:
    """The averages over the tasks, as far as they exist, with and without one-class tasks, and what else is known."""
    score = history.score
    found = {"": {key: metrics.figure(key, history.matrix, score) for key in text.AVERAGES}}
    if one_class := one_class_tasks(config, len(history.matrix)):
        found[f" without {numbered(one_class)}"] = without(history.matrix, one_class)
    told = [
        (f"{name}{over}", score.full(value) if key == "average_accuracy" else score.change(value))
        for over, averages in found.items()
        for key, name in text.averages(score).items()
        if (value := averages[key]) is not None
    ]
    others = further_figures(config.scenario, history)
    return told + [
        (name, score.change(value) if key == "forward_transfer" else score.full(value))
        for key, name in text.further(score).items()
        if (value := others[key]) is not None
    ]


def figures(config: RunConfig, history: History) -> list[tuple[str, str]]:
    """The numbers that summarise a run, as far as they exist."""
    found = averages(config, history)
    if history.step:
        found += [("steps", f"{history.step:,}"), ("training", text.duration(history.elapsed))]
    if history.elapsed:
        found.append(("steps a second", text.rate(history.step / history.elapsed)))
    return found


def set_aside(folder: Path) -> list[str]:
    """Files in a session's ``folder`` that are no longer read, as a sentence, or nothing."""
    count = sum(1 for _ in (folder / "checkpoints").glob("*.damaged"))
    if not count:
        return []
    found = "1 damaged checkpoint is" if count == 1 else f"{count} damaged checkpoints are"
    return [f"{found} set aside in {folder / 'checkpoints'}: files that end in .damaged are no longer needed"]


def warnings(config: RunConfig, history: History) -> list[str]:
    """Known problems with the run, each a sentence."""
    return [text for text in (*watchdog.warnings(history, config), watchdog.caution(config)) if text]


# Settings


def settings(config: RunConfig) -> list[tuple[str, str]]:
    """Every setting that has a value, as a user would type it."""
    return [(key, text.setting(value)) for key, value in values_of(config).items()]


def differing(config: RunConfig) -> list[tuple[str, str, str]]:
    """Key, value and default of each setting that differs from the default of benchmark, network, method and preset."""
    usual = values_of(_usual(config))
    values = values_of(config)

    def told(of: Mapping[str, Any], key: str) -> str:
        return text.setting(of[key]) if key in of else text.unset(key)

    return [(key, told(values, key), told(usual, key)) for key in known_settings() if values.get(key) != usual.get(key)]


def _usual(config: RunConfig) -> RunConfig:
    named = {key: getattr(config, key) for key in ("benchmark", "model", "method", "scenario")} | config.from_data()
    for given in (named | {"preset": config.preset}, named):  # this version may not have the preset
        with suppress(ConfigError):
            return resolve(given)
    return resolve({"method": config.method})  # with so many classes, even the default network would be too large


def values_of(config: RunConfig) -> dict[str, Any]:
    """The settings that have a value and mean something for this run."""
    values = {key: value for key, value in config.flat().items() if value is not None and value != ()}
    if config.benchmark == OWN_LOOP:
        values = {key: value for key, value in values.items() if key in (*KNOWN, *config.method_options.kept)}
    return values


def command(config: RunConfig, path: Path) -> str:
    """The command that trains the same from the start; ``path``: the session's config.toml, if no options can say it.

    >>> command(resolve({"method": "ewc", "seed": 3, "hidden": [64, 32], "strength": 1e-7}), Path())
    'cl-tui run --method ewc --hidden 64,32 --seed 3 --strength 1e-07'
    >>> command(resolve({"optimizer": "sgd", "half": True, "class_order": "random"}), Path())
    'cl-tui run --method si --class-order random --optimizer sgd --set momentum=0.9 --half'
    >>> command(resolve({"model": "conv", "dropout": [0.25], "lr": 0.01}), Path())
    'cl-tui run --method si --model conv --dropout 0.25 --lr 0.01'
    """
    known, values, usual = known_settings(), values_of(config), values_of(_usual(config))
    plain = {
        "benchmark": resolve({}).benchmark,
        "model": benchmark_info(config.benchmark).model,
        "scenario": benchmark_info(config.benchmark).scenario,
        "preset": None,
    }
    given = {
        key: value
        for key, value in values.items()
        if key == "method" or usual.get(key) != value or (key in plain and plain[key] != value)
    }
    try:
        complete = resolve(given | config.from_data()) == config
    except ConfigError:
        complete = False
    if not complete:
        return shlex.join(["cl-tui", "run", "--config", str(path)])
    return shlex.join(
        ["cl-tui", "run", *(word for key, value in given.items() for word in as_typed(known[key], value))]
    )


# Events


def not_repeated(history: History) -> list[str]:
    """What was decided during the run, which ``command`` does not repeat."""
    if not (history.strengths or history.plans or history.forked):
        return []
    return [f"{what} (step {step:,})" for step, what in steering(history)]


def steering(history: History) -> list[tuple[int, str]]:
    """The interventions, ordered by step: forks, resumptions, changes of strength or plan, and notes."""
    found: list[tuple[int, str]] = []
    if (forked := history.forked) is not None:
        found.append((forked.step, f"forked from {forked.parent} at {forked.place}"))
    if (resumed := history.resumed) is not None:
        note = f" ({resumed.note})" if resumed.note else ""
        found.append((resumed.step, f"resumed{note}"))
    found += [
        (change.step, f"strength {shown(change.before)} → {shown(change.strength)}") for change in history.strengths
    ]
    found += [(plan.step, plan.why) for plan in history.plans]
    found += [(note.step, note.text) for note in history.notes]
    return sorted(found, key=lambda entry: entry[0])


def environment(config: RunConfig, history: History) -> list[tuple[str, str]]:
    """Where it was trained, and with what; empty before training began."""
    if history.started is None:
        return []
    began = time.strftime("%Y-%m-%d %H:%M", time.localtime(history.started.time))
    return [
        ("began", began),
        ("device", f"{history.device}, {config.threads} PyTorch thread{'s' if config.threads > 1 else ''}"),
        *history.started.versions.items(),
        ("parameters", f"{history.parameters:,}"),
    ]


def next_lines(listed: Listed, sessions_dir: Path) -> list[tuple[str, str]]:
    """Commands that the user may type next, with what each does."""
    if listed.config is None:
        return []
    if listed.config.benchmark == OWN_LOOP:
        watch = "follow it" if listed.state == "running" else "replay it"
        offers = [("watch", watch), ("sessions export", "export it as a page")]
        return [(commands.command(verb, sessions_dir, listed.name), purpose) for verb, purpose in offers]
    offered = {
        "running": [("watch", "follow it")],
        "finished": [("watch", "replay it"), ("analyse", "see what protected it")],
    }.get(listed.state, [("resume", "continue")])
    offered.append(("sessions export", "export it as a page"))
    lines = [(commands.command(verb, sessions_dir, listed.name), purpose) for verb, purpose in offered]
    session = listed.session
    if session is not None and listed.history is not None and (possible := forkable(session, listed.history)):
        fork = commands.command("fork", sessions_dir, listed.name, "--at-task", str(possible[-1] + 1))
        lines.append((fork, f"fork it, at {numbered(possible)}"))
    if listed.state == "finished" and extendable(listed.config):
        extend = commands.command("extend", sessions_dir, listed.name, "--tasks", "+1")
        lines.append((extend, "add a task"))
    return [*lines, (command(listed.config, sessions_dir / listed.name / "config.toml"), "train it again")]


def score_series(history: History) -> list[list[Point]]:
    """Each task's score over the steps, on the evaluation subsets."""
    return _by_task(history, {step: row for step, _, _, row in probed_rows(history)})


def whole_score_series(history: History) -> list[list[Point]]:
    """Each task's score on the whole test set: at the ends of tasks, and at evaluations that were asked for."""
    rows = {evaluation.step: evaluation.whole.row for evaluation in history.evaluations}
    return _by_task(history, rows | dict(zip(history.starts[1:], history.matrix, strict=False)))


def probed_rows(
    history: History, after: tuple[int, int, int] = (0, 0, 0)
) -> list[tuple[int, int, bool, tuple[float, ...]]]:
    """The scores on the evaluation subsets: (step, task in training, whether at its end, scores), ordered.

    ``after``: how many probes, evaluations and ends of tasks are left out at the beginning.
    """
    rows = [(probe.step, probe.phase, False, probe.row) for probe in history.probes[after[0] :]]
    rows += [(asked.step, asked.phase, False, asked.probed) for asked in history.evaluations[after[1] :]]
    rows += [(history.starts[k + 1], k, True, history.probed[k]) for k in range(after[2], len(history.probed))]
    return sorted(rows, key=lambda row: row[:3])


def seconds(history: History, step: int) -> float:
    """Seconds of training until ``step`` was taken, as if the run had never paused."""
    step = min(step, history.curve.length)
    return float(history.curve.seconds(step - 1)[0]) if step else 0.0


def _by_task(history: History, rows: Mapping[int, tuple[float, ...]]) -> list[list[Point]]:
    series: list[list[Point]] = [[] for _ in history.tasks]
    for step, scores in sorted(rows.items()):
        for points, score in zip(series, scores, strict=False):
            if not math.isnan(score):
                points.append((step, score))
    return series


# Importance


def filled(measured: ImportanceMeasured) -> range:
    """The bins from the first to the last that any layer fills. Needs at least one layer."""
    some = [k for layer in measured.layers for k, count in enumerate(layer.counts) if count]
    return range(min(some), max(some) + 1) if some else range(len(measured.layers[0].counts))


def edges(measured: ImportanceMeasured, bins: range) -> tuple[str, str]:
    """The values of Ω between which ``bins`` lie, in words."""
    growth = (measured.high / measured.low) ** (1 / len(measured.layers[0].counts))
    low, high = (text.quantity(float(f"{measured.low * growth**k:.1g}")) for k in (bins.start, bins.stop))
    return low, high


def layer_figures(layer: LayerHistogram) -> dict[str, str]:
    return {
        "weights": f"{layer.size:,}",
        "exactly 0": f"{100 * layer.zeros / layer.size:.0f} %",
        "mean Ω": text.quantity(layer.mean),
        "top 1 %": "—" if layer.top is None else f"{100 * layer.top:.0f} %",
    }


# Thinning


def spread(count: int, most: int) -> list[int]:
    """At most ``most`` of ``count`` places, including the first and the last.

    >>> spread(5, 10), spread(100, 4)
    ([0, 1, 2, 3, 4], [0, 33, 66, 99])
    """
    if count <= most:
        return list(range(count))
    return [round(place * (count - 1) / (most - 1)) for place in range(most)]


def largest(sizes: Sequence[float], most: int) -> list[int]:
    """The places of the ``most`` largest, in their order.

    >>> largest([5, 1, 9, 7], 2)
    [2, 3]
    """
    return sorted(sorted(range(len(sizes)), key=lambda place: -sizes[place])[:most])


def named(tasks: Iterable[int], history: History) -> list[str]:
    """The tasks' numbers and names, like '3: 4 9'."""
    return [f"{task + 1}: {history.tasks[task].name}" for task in tasks]


def band(values: "np.ndarray", columns: int) -> tuple[list[int], list[float]]:
    """The steps and values of the lowest and highest finite value in each of ``columns`` stretches."""
    import numpy as np

    steps: list[int] = []
    for stretch in np.array_split(np.flatnonzero(np.isfinite(values)), columns):
        if len(stretch):
            steps += sorted({int(stretch[values[stretch].argmin()]), int(stretch[values[stretch].argmax()])})
    return [step + 1 for step in steps], [float(values[step]) for step in steps]


def first_broken(curve: Curve) -> dict[str, int]:
    """The first step at which loss and penalty are not finite; without those that always are."""
    import numpy as np

    if not curve.length:
        return {}
    broken = {"loss": ~np.isfinite(curve.losses()), "penalty": ~np.isfinite(curve.penalties())}
    return {name: int(values.argmax()) + 1 for name, values in broken.items() if values.any()}
