"""What goes wrong in a run without stopping it, read from its History alone, so that it shows live and in a replay."""

import math

from engine.config import RunConfig
from engine.history import History
from engine.methods import METHODS

WINDOW = 100
"""Steps that a judgement looks back on, within one task."""
DROWNED = 10.0
"""The penalty drowns the loss where it is this many times the loss while the task is hardly learned."""


def caution(config: RunConfig) -> str:
    """What is known of a run before it starts: nothing, or where its method cannot work."""
    if config.scenario != "class" or config.tasks < 2 or not METHODS[config.method].symbol:
        return ""
    return (
        f"in the class scenario a penalty alone ends near {100 / config.tasks:.0f} % on {config.tasks} tasks in every "
        f"published table: classes of different tasks never meet in training; method joint shows what is possible"
    )


def warnings(history: History, config: RunConfig) -> tuple[str, ...]:
    """Each a sentence: what is wrong, what usually causes it, what to try. The most serious first."""
    found = [_not_finite(history), _no_penalty(history, config), _drowned(history)]
    return tuple(warning for warning in found if warning)


def _not_finite(history: History) -> str:
    if not history.curve.length:
        return ""
    for name, values in (("loss", history.curve.losses()), ("penalty", history.curve.penalties())):
        if not math.isfinite(values[-1]):
            return f"the {name} is {values[-1]}: the learning rate or the strength is too high"
    return ""


def _no_penalty(history: History, config: RunConfig) -> str:
    if not METHODS[config.method].symbol:
        return ""
    if config.strength == 0:
        return f"strength 0: {config.method} protects nothing, this is fine-tuning"
    steps = _steps_in_task(history)
    if history.task == 0 or steps < WINDOW:
        return ""
    if not history.curve.penalties(history.curve.length - steps).any():
        return (
            f"the penalty is exactly zero in task {history.task + 1}: no importance was gathered, "
            f"so {config.method} equals fine-tuning here"
        )
    return ""


def _drowned(history: History) -> str:
    steps = _steps_in_task(history)
    if history.task == 0 or steps < WINDOW:
        return ""
    loss = float(history.curve.losses(history.curve.length - WINDOW).mean())
    penalty = float(history.curve.penalties(history.curve.length - WINDOW).mean())
    chance = math.log(history.tasks[history.task].classes)
    if penalty > DROWNED * loss and loss > chance / 2:
        return f"the penalty drowns the loss ({penalty:.3g} against {loss:.3g}): the strength is too high, try a tenth"
    return ""


def _steps_in_task(history: History) -> int:
    """Steps of the present task that the curve holds."""
    if not history.tasks or history.task >= len(history.tasks):
        return 0
    return history.steps_done(history.task)
