"""Finds tasks that were learned and are lost: that fell below their chance, or by half of what they had gained."""

import math
from collections.abc import Sequence

from engine.catalog.methods import METHODS
from engine.record.alarm import STRONGER, Alarm, Cure
from engine.record.chance import chance_of
from engine.record.history import History
from engine.settings.run import RunConfig
from engine.settings.text import shown

LOOKS = 3
"""A task is lost if it is so at each of the last looks, since many tasks dip and recover when another begins."""
KEPT = 0.5
"""A task that keeps less of what it had gained over guessing is lost."""
LEARNED = 0.4
"""The least gain over guessing, as a fraction of the way to perfection, of a task that can be lost."""
MOST = 8
"""Most tasks that are named at a time, the worst first."""


def forgot(history: History, config: RunConfig) -> list[Alarm]:
    """One for each task that is lost now, the worst first."""
    if config.method == "joint" or len(history.matrix) < 1:
        return []
    looks, learned = _looks(history)
    chances = [chance_of(history, config, task, newest=task) for task in range(len(history.tasks))]
    known = [chance for chance in chances if chance is not None]
    if not looks or len(known) < len(chances):
        return []
    found: list[tuple[float, int]] = []
    for task, (before, chance) in enumerate(zip(learned, known, strict=False)):
        kept = [_kept(history, before, look[task], chance) for look in looks if task < len(look)]
        if len(kept) == len(looks) and max(kept) < KEPT:
            found.append((kept[-1], task))
    worst = [task for _, task in sorted(found)[:MOST]]
    return [_alarm(history, config, task, learned[task], looks[-1][task], known[task]) for task in worst]


def _looks(history: History) -> tuple[Sequence[Sequence[float]], Sequence[float]]:
    """The last rows of scores: those during the task in training, and before them that at the end of the task before.
    And each task's score at its own end, on the same examples."""
    look = history.look
    rows = history.probed if look and len(history.probed) == len(history.matrix) else history.matrix
    recent = [] if look is None else [of.row for of in history.probes[-LOOKS:] if of.phase == history.task]
    recent = recent or ([] if look is None else [look.row])
    return [*rows[-1:], *recent][-LOOKS if recent else -1 :], [row[-1] for row in rows]


def _kept(history: History, learned: float, score: float, chance: float) -> float:
    """Which share of what a task had gained over guessing it has now; 1 if it was not learned, or is not known."""
    full = 1.0 if history.score.higher else 0.0
    gained, whole = learned - chance, full - chance
    if not math.isfinite(learned) or not math.isfinite(score) or not whole or gained / whole < LEARNED:
        return 1.0
    return (score - chance) / gained


def _alarm(history: History, config: RunConfig, task: int, learned: float, score: float, chance: float) -> Alarm:
    told, sign = history.score, history.score.sign
    guess = chance_of(history, config, task)  # where classes of all tasks compete, lower than when it was learned
    below = guess is not None and sign * score < sign * guess
    guessing = f", {'below' if told.higher else 'worse than'} chance" if below else ""
    during = min(history.task, len(history.tasks) - 1)
    what = f"task {task + 1} is forgotten in task {during + 1} ({told.full(learned)} → {told.full(score)}{guessing})"
    good = _good(history, task, chance)
    cause, remedy, cures = _remedy(history, config, good)
    return Alarm("forgot", task, what, cause, remedy, cures)


def _good(history: History, task: int, chance: float) -> int:
    """The last task at whose end ``task`` was not lost yet."""
    learned = history.matrix[task][task]
    good = task
    for at in range(task + 1, len(history.matrix)):
        if _kept(history, learned, history.matrix[at][task], chance) < KEPT:
            break
        good = at
    return good


def _remedy(history: History, config: RunConfig, good: int) -> tuple[str, str, tuple[Cure, ...]]:
    """The cause, the remedy in words, and what a key can do; ``good``: the task at whose end a fork may begin."""
    symbol, strength = METHODS[config.method].symbol, history.strength(config)
    fork = f"fork at the end of task {good + 1}"
    if config.scenario == "class":
        cause = "a penalty alone cannot keep apart classes that are never trained together" if symbol else _why(config)
        if config.method == "replay":
            return cause, "keep more examples: a larger buffer", ()
        return cause, f"{fork} with method replay", (Cure("replay", None, good),)
    if not symbol or not strength:
        if config.method == "replay":
            return _why(config), "keep more examples: a larger buffer", ()
        return _why(config), f"{fork} with method si", (Cure("si", None, good),)
    more = STRONGER * strength
    cause = f"{symbol} = {shown(strength)} is too low to hold what it needs"
    now = (Cure(config.method, more),) if history.state == "training" and history.task < len(history.tasks) else ()
    return cause, f"{fork} with {symbol} = {shown(more)}", (Cure(config.method, more, good), *now)


def _why(config: RunConfig) -> str:
    return (
        "nothing holds its weights"
        if METHODS[config.method].symbol or config.method == "none"
        else (f"method {config.method} did not keep it")
    )
