"""The numbers that a pane shows, each with what it is, its value here, and how it was measured."""

import math
from dataclasses import replace

from cl_tui.panes.as_of import as_of_cursor
from cl_tui.panes.comparison.board import Board
from cl_tui.panes.view import View
from cl_tui.reports import text
from cl_tui.reports.card import Card
from cl_tui.reports.glossary import TERMS, Number, Term, score_term
from cl_tui.reports.statistics import Estimate, with_error
from engine.catalog.methods import METHODS
from engine.record import metrics
from engine.record.history import History
from engine.record.score import ScoreInfo


def _term(name: str, score: ScoreInfo) -> Term:
    """The term, named by the score of targets that are numbers."""
    if name != "average accuracy" or score.title == "accuracy":
        return TERMS[name]
    average = f"mean of the {score.title} on all tasks so far"
    return replace(TERMS[name], name=f"average {score.title}", meaning=average)


def of_run(view: View) -> list[Number]:
    """The averages over the tasks seen."""
    history = as_of_cursor(view).history
    score, rows = history.score, history.alike
    if not rows:
        return []
    on = f"over {_tasks(len(rows[-1]))}, {_measured(history)}"
    told = {
        "average accuracy": (metrics.average_accuracy(rows), score.full),
        "forgetting": (metrics.forgetting(rows, score), score.change),
        "backward transfer": (metrics.backward_transfer(rows, score), score.change),
    }
    return [
        Number(_term(name, score), "the run", written(value), on)
        for name, (value, written) in told.items()
        if value is not None
    ]


def of_tasks(view: View, first: int | None = None) -> list[Number]:
    """Each task's score now and what it lost, the task ``first`` before the others; then the averages."""
    history = as_of_cursor(view).history
    score, rows = history.score, history.alike
    if not rows:
        return []
    newest = rows[-1]
    order = list(range(len(newest)))
    start = min(first if first is not None else history.task, len(newest) - 1)
    found: list[Number] = []
    term, drops = score_term(score.title), metrics.forgetting_by_task(rows, score)
    for task in (*order[start:], *order[:start]):
        name, on = f"task {task + 1} ({history.tasks[task].name})", _measured(history, task)
        found.append(Number(term, f"{name}, now", score.full(newest[task]), on))
        if task < len(history.matrix):
            then = score.full(rows[task][task])
            found.append(Number(term, f"{name}, when learned", then, _at_end(history, task)))
        if task < len(drops):
            found.append(Number(TERMS["forgetting"], name, score.change(drops[task]), on))
    return [*found, *of_run(view)]


def of_card(card: Card, history: History) -> list[Number]:
    """What the card shows: the run, the runs that it is compared with, and its tasks. On whole test sets."""
    score, told, count = card.score, _term("average accuracy", card.score), len(card.tasks)
    sets = text.GIVEN if history.given else f"{text.WHOLE_TEST_SET}s"
    now = f"on {sets}, at step {history.starts[count]:,}" if count else ""
    over = f"over {_tasks(count)}, {now}"
    found: list[Number] = []
    if card.average is not None:
        found.append(Number(told, "the run", score.full(card.average), over))
    if card.forgetting is not None:
        found.append(Number(TERMS["forgetting"], "the run", score.change(card.forgetting), over))
    if card.chance is not None:
        found.append(
            Number(
                TERMS["chance"], "the run", score.full(card.chance), f"a mean over {_tasks(count)}, known beforehand"
            )
        )
    for method, average in card.bounds.items():
        found.append(
            Number(told, f"{method} with the same seed", score.full(average), f"over {_tasks(count)}, on {sets}")
        )
    for peer in (card.own, *card.peers):
        if peer.over is not None and (peer.over.count or 0) > 1:
            seeds = f"over {peer.over.count} sessions that differ only in the seed"
            found.append(Number(TERMS["standard error"], peer.title, with_error(peer.over, score=score), seeds))
    for task in card.tasks:
        name, term = f"task {task.number} ({task.name})", score_term(score.title)
        then = f"on {sets}, at step {history.starts[task.number]:,}, the end of its training"
        found.append(Number(term, f"{name}, when learned", score.full(task.learned), then))
        found.append(Number(term, f"{name}, now", score.full(task.now), now))
    return found


def of_curves(view: View) -> list[Number]:
    """Loss, penalty and strength at the crosshair or the newest step."""
    history, config = view.history, view.config
    step = min(view.viewport.cursor or history.curve.length, history.curve.length)
    if not step:
        return []
    loss, penalty = (float(of(step - 1)[0]) for of in (history.curve.losses, history.curve.penalties))
    on = f"step {step:,}, on its batch of {config.batch_size:,}" if config.batch_size else f"step {step:,}"
    found = [Number(TERMS["loss"], "of the task", text.quantity(loss), on)]
    method = METHODS[config.method]
    if method.symbol:
        found.append(Number(TERMS["penalty"], f"of {method.name}", text.quantity(penalty), f"{on}: {method.formula}"))
        strength = history.strength(config, step)
        found.append(Number(TERMS["strength"], method.symbol, text.quantity(strength), f"at step {step:,}"))
    for path in as_of_cursor(view).history.paths[-1:]:
        told = text.path_check(path)
        found.append(Number(TERMS["path integral ω"], f"task {path.task + 1}", told, f"at step {path.step:,}"))
    return found


def of_importance(view: View) -> list[Number]:
    """The layers' Ω."""
    measured = as_of_cursor(view).history.importance
    if measured is None:
        return []
    when = f"{'running, ' if measured.running else ''}in task {measured.task + 1}, at step {measured.step:,}"
    found = []
    for layer in measured.layers:
        on = f"{layer.size:,} weights, {100 * layer.zeros / layer.size:.0f} % of them exactly 0, {when}"
        found.append(Number(TERMS["importance Ω"], layer.name, text.quantity(layer.mean), on))
        if layer.top is not None:
            found.append(Number(TERMS["top 1 %"], layer.name, f"{100 * layer.top:.0f} %", on))
    return found


def of_comparison(board: Board) -> list[Number]:
    """The figures of the selected group."""
    group, score = board.group(board.selected), board.found.score
    seeds = ", ".join(str(member.seed) for member in group.members)
    on = f"mean over {group.size} sessions (seeds {seeds}), on whole test sets after {_tasks(group.ended)}"
    if len(group.members) == 1:
        on = f"a single session (seed {seeds}), on whole test sets after {_tasks(group.ended)}"
    change = board.change(board.group(board.baseline).average, group.average)
    told: list[tuple[str, Estimate | None]] = [
        ("average accuracy", group.average),
        ("difference from the baseline", Estimate(change.value, change.error) if change else None),
        ("forgetting", group.figures["forgetting"]),
        ("backward transfer", group.figures["backward_transfer"]),
        ("learned", group.learned),
        ("kept", group.kept),
    ]
    found = [
        Number(_term(name, score), group.title, with_error(of, score=score), on) for name, of in told if of is not None
    ]
    error = group.average.error if group.average else None
    if error is not None:
        found.insert(1, Number(TERMS["standard error"], f"of that average, {group.title}", score.value(error), on))
    if group.chance is not None:
        found.append(Number(TERMS["chance"], "the average over the tasks", score.full(group.chance), "not measured"))
    if group.rate is not None:
        found.append(
            Number(TERMS["steps a second"], group.title, text.rate(group.rate.mean), "on the machines that trained it")
        )
    return found


def _tasks(count: int) -> str:
    return f"{count} task{'s' if count != 1 else ''}"


def _measured(history: History, task: int | None = None) -> str:
    """On how many examples the newest scores were measured, and at which step."""
    look = history.look
    ends = history.starts[len(history.matrix)] if history.matrix else history.step
    step = ends if look is None else look.step
    if history.given:
        return f"on {text.GIVEN}, at step {step:,}"
    if task is None:
        return f"on {text.WHOLE_TEST_SET if look is None else text.probed_on(history)}, at step {step:,}"
    started = history.started
    sizes = () if started is None else started.test_examples if look is None else started.subset_examples
    count = f": {sizes[task]:,} examples" if task < len(sizes) and not math.isnan(sizes[task]) else ""
    return f"on its {text.WHOLE_TEST_SET if look is None else 'evaluation subset'}{count}, at step {step:,}"


def _at_end(history: History, task: int) -> str:
    at = _measured(history, task).partition(", at step")[0]
    return f"{at}, at the end of its training, at step {history.starts[task + 1]:,}"
