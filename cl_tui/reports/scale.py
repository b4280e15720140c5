"""A score's range in a session: the colours of its values, and the ends of an axis."""

import math

from cl_tui.charts.colour_scale import ColourScale
from cl_tui.charts.ticks import round_step
from engine.record.chance import common_chance
from engine.record.history import History
from engine.record.score import ScoreInfo
from engine.settings.run import RunConfig


def scale_of(config: RunConfig, history: History) -> ColourScale:
    """The colours of the scores at tasks' ends."""
    scores = (value for row in history.matrix for value in row)
    return ColourScale.of(history.score, scores, common_chance(history, config))


def axis(score: ScoreInfo, worst: float, best: float) -> tuple[float, float]:
    """The ends of an axis for a score that is no fraction: round numbers, or a bound if the axis gets at most twice as
    long by reaching it.

    >>> from engine.record.score import R2, RMSE, score_info
    >>> axis(R2, -2.8, 0.9), axis(R2, 0.93, 0.99), axis(RMSE, 23.0, 0.1), axis(RMSE, 2.4, 1.5), axis(RMSE, 0.0, 0.0)
    ((-3.0, 1.0), (0.93, 1.0), (0.0, 25.0), (1.4, 2.4), (0.0, 1.0))
    >>> axis(score_info("return"), 5.0, 5.0), axis(score_info("return"), -1e30, 1e30)
    ((2.0, 8.0), (-1e+30, 1e+30))
    """
    if not math.isfinite(worst + best):
        return (0.0, 1.0)
    low, high = (worst, best) if score.higher else (best, worst)
    span = high - low
    if high - score.least <= 2 * span:
        low = score.least
    if score.most - low <= 2 * span:
        high = score.most
    if not high - low > 1e-9 * max(abs(low), abs(high), 1e-290):
        half = abs(low) / 2 or 1.0
        low, high = max(low - half, score.least), min(high + half, score.most)
    step = round_step(high - low, 8)
    return (
        low if low == score.least else float(f"{math.floor(low / step + 1e-9) * step:.12g}"),
        high if high == score.most else float(f"{math.ceil(high / step - 1e-9) * step:.12g}"),
    )
