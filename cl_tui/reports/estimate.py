"""How long a new run will take, from what earlier sessions of the same benchmark took."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cl_tui.reports.text import duration
from engine.catalog.choices import benchmark_info
from engine.catalog.recipes import RECIPES
from engine.sessions.listing import Listed
from engine.settings.run import RunConfig, resolve


class Known(NamedTuple):
    """A run that is over: its settings, its steps and its seconds of training."""

    config: RunConfig
    steps: int
    seconds: float


def known_of(sessions: Iterable[Listed]) -> list[Known]:
    return [
        Known(of.config, of.history.step, of.history.elapsed)
        for of in sessions
        if of.config is not None and of.history is not None and of.state == "finished" and of.history.elapsed > 0
    ]


def estimate(config: RunConfig, pace: float | None, known: Sequence[Known]) -> str:
    """In words: the time and the steps, as far as they can be told.

    >>> estimate(resolve({}), 250.0, [])
    'about 0:21, 5,160 steps'
    >>> estimate(resolve({"steps": 100}), None, [])
    '500 steps; the time is known after the first run'
    >>> estimate(resolve({"benchmark": "split-mnist"}), None, [])
    'the time is known after the first run on split-mnist'
    """
    steps = _steps(config, known)
    if steps is None:
        return f"the time is known after the first run on {config.benchmark}"
    rate = _rate(config, known)
    if pace is not None:
        rate = min(rate or pace, pace)
    told = f"{steps:,} steps"
    return f"about {duration(steps / rate)}, {told}" if rate else f"{told}; the time is known after the first run"


def _steps(config: RunConfig, known: Sequence[Known]) -> int | None:
    """Of all tasks: what is said, or as many as a run on the same data took, for as many epochs and examples a step."""
    if config.steps is not None:
        return config.steps * config.tasks
    digits = [Known(resolve(recipe.settings), recipe.steps, 0.0) for recipe in RECIPES]
    for of in (*known, *digits):
        if of.config.benchmark != config.benchmark or not of.config.epochs or of.config.first_task or config.first_task:
            continue
        share = (config.epochs or 1) / of.config.epochs * of.config.batch_size / config.batch_size
        if benchmark_info(config.benchmark).permuted:
            share *= config.tasks / of.config.tasks
        return max(1, round(of.steps * share))
    return None


def _rate(config: RunConfig, known: Sequence[Known]) -> float | None:
    """Steps a second: of runs with the same benchmark and network, those with the same method first."""
    alike = [of for of in known if (of.config.benchmark, of.config.model) == (config.benchmark, config.model)]
    same = [of for of in alike if of.config.method == config.method] or alike
    return max((of.steps / of.seconds for of in same), default=None)
