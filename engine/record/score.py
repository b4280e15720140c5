"""What a score is and how it is written: an accuracy, which is a fraction, or a number in a unit of its own."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

WIDTH = 6
"""Most columns of a value."""
LONGEST_NAME = 20
NOTABLE = 0.01
"""The smallest loss of accuracy that is notable."""


@dataclass(frozen=True)
class ScoreInfo:
    name: str
    """As in a log and in JSON."""
    title: str
    """As on screens."""
    fraction: bool = False
    """Whether it is shown in percent, and its changes in points."""
    higher: bool = True
    """Whether higher is better."""
    least: float = -math.inf
    most: float = math.inf
    """No score is below or above these."""
    nothing: float | None = None
    """The score from which on nothing is left of what was learned; None if no number says so."""
    sized: bool = True
    """Whether it has a unit, so that a small number is not a small score."""
    unit: str = ""

    @property
    def sign(self) -> int:
        """Scores times this are greater if they are better."""
        return 1 if self.higher else -1

    @property
    def mark(self) -> str:
        """What follows a value in a sentence."""
        return " %" if self.fraction else self.unit and f" {self.unit}"

    @property
    def points(self) -> str:
        """What follows a change in a sentence."""
        return " points" if self.fraction else self.mark

    @property
    def capital(self) -> str:
        """As at the beginning of a sentence."""
        return self.title[:1].upper() + self.title[1:]

    @property
    def heading(self) -> str:
        """
        >>> ACCURACY.heading, R2.heading, score_info("rmse", "m").heading
        ('accuracy %', 'R²', 'RMSE m')
        """
        return f"{self.title}{self.mark}"

    @property
    def measured_in(self) -> str:
        """What follows its name in a title.

        >>> ACCURACY.measured_in, R2.measured_in, score_info("rmse", "m").measured_in
        (' in %', '', ' in m')
        """
        return self.mark and f" in{self.mark}"

    @property
    def changes_in(self) -> str:
        """What follows the name of its changes in a title.

        >>> ACCURACY.changes_in, R2.changes_in, score_info("rmse", "m").changes_in
        (' in points', '', ' in m')
        """
        return " in points" if self.fraction else self.measured_in

    def value(self, score: float, width: int = WIDTH) -> str:
        """A score, or a change of it, without its unit; — if there is none. At most ``width`` columns, from 5 on.

        >>> ACCURACY.value(0.98765), ACCURACY.value(-1e-9), R2.value(0.8731), R2.value(-2.5), R2.value(math.nan)
        ('98.8', '0.0', '0.873', '-2.50', '—')
        >>> [RMSE.value(score) for score in (0.0, 0.00012, 0.9999, 12.34, 25000.0, 1.25e30)]
        ['0.000', '1.2e-4', '1.00', '12.3', '25000', '1.2e30']
        >>> [RMSE.value(score, width=5) for score in (0.00012, -0.8731, -25000.0, -1.25e30)]
        ['1e-4', '-0.87', '-2e4', '-1e30']
        """
        if math.isnan(score):
            return "—"
        return f"{100 * score:z.1f}" if self.fraction else self._number(score, width)

    def _number(self, score: float, width: int) -> str:
        size, forms = abs(score), [exponent(score, 1), exponent(score, 0)]
        if size < 99_999.5 and not (self.sized and 1e-99 < size < 0.0005):
            decimals = sum(size < least for least in (0.9995, 9.995, 99.95))
            forms = [*(f"{score:z.{count}f}" for count in range(decimals, -1, -1)), *forms]
        return next((form for form in forms if len(form) <= width), forms[-1])

    def tick(self, value: float) -> str:
        """A round value beside an axis, in at most 5 columns.

        >>> ACCURACY.tick(0.95), R2.tick(-2.5), R2.tick(0.25), RMSE.tick(250.0), RMSE.tick(2.5e30), RMSE.tick(0.00005)
        ('95', '-2.5', '0.25', '250', '2e30', '5e-5')
        """
        if self.fraction:
            return f"{100 * value:.3g}"
        plain = f"{value:.4g}"
        return plain if len(plain) <= 5 and "e" not in plain else exponent(value, 0)

    def full(self, score: float) -> str:
        """
        >>> ACCURACY.full(0.973), R2.full(0.873), score_info("rmse", "m").full(1.24), ACCURACY.full(math.nan)
        ('97.3 %', '0.873', '1.24 m', '—')
        """
        return f"{self.value(score)}{'' if math.isnan(score) else self.mark}"

    def change(self, change: float) -> str:
        """
        >>> ACCURACY.change(0.02), R2.change(-0.5), score_info("rmse", "m").change(0.5)
        ('2.0 points', '-0.500', '0.500 m')
        """
        return f"{self.value(change)}{'' if math.isnan(change) else self.points}"

    def lost(self, before: float, after: float) -> float:
        """How much worse ``after`` is; negative if it is better.

        >>> ACCURACY.lost(0.75, 0.5), SCORES["rmse"].lost(1.0, 1.5)
        (0.25, 0.5)
        """
        return before - after if self.higher else after - before

    def fallen(self, lost: float, now: float) -> int:
        """How notable it is that a score is worse by ``lost``: 0, 1 or 2. If its size depends on a unit, the loss is
        compared with what the score was.

        >>> [ACCURACY.fallen(lost, 0.9) for lost in (0.005, 0.02, 0.07)]
        [0, 1, 2]
        >>> [RMSE.fallen(lost, 10.0) for lost in (0.4, 1.0, 5.0)]
        [0, 1, 2]
        """
        before = now + lost if self.higher else now - lost
        of = max(5 * abs(before), 1e-290) if self.sized else 1.0
        return 2 if lost >= 5 * NOTABLE * of else 1 if lost >= NOTABLE * of else 0

    def best(self, scores: Iterable[float]) -> float:
        return max(scores) if self.higher else min(scores)

    @property
    def bounds(self) -> str:
        """What is wrong with a score that is not allowed.

        >>> ACCURACY.bounds, SCORES["rmse"].bounds
        ('an accuracy is not between 0 and 1', 'RMSE is below 0')
        """
        if self.fraction:
            return f"an {self.title} is not between 0 and 1"
        return (
            f"{self.title} is above {self.most:g}"
            if self.least == -math.inf
            else f"{self.title} is below {self.least:g}"
        )

    def worst(self, scores: Iterable[float]) -> float:
        return min(scores) if self.higher else max(scores)

    def allows(self, scores: Iterable[float | None]) -> bool:
        least, most = self.least, self.most
        return all(score is None or least <= score <= most for score in scores)


def exponent(number: float, decimals: int) -> str:
    if not math.isfinite(number):
        return f"{number:g}"
    mantissa, _, exponent = f"{number:.{decimals}e}".partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


ACCURACY = ScoreInfo("accuracy", "accuracy", fraction=True, least=0.0, most=1.0, sized=False)
R2 = ScoreInfo("r2", "R²", most=1.0, nothing=0.0, sized=False)
"""1 − Σ(y − f)² ÷ Σ(y − mean)²: 0 for the mean of the targets, and below 0 for worse guesses."""
RMSE = ScoreInfo("rmse", "RMSE", higher=False, least=0.0)
"""The root of the mean squared error, in the targets' unit."""

SCORES = {info.name: info for info in (ACCURACY, R2, RMSE)}


def score_info(name: str, unit: str = "") -> ScoreInfo:
    """The score that a log names, which may be unknown here: then it is a number, and higher is better."""
    known = SCORES.get(name) or ScoreInfo(name, _cut(name))
    return replace(known, unit=_cut(unit)) if unit and known.sized else known


def _cut(name: str) -> str:
    """As much of a stranger's name as a screen has room for."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
