"""Mean and standard error, and Student's t."""

import math
import random

import mpmath
import pytest

from cl_tui.reports.statistics import estimate, student_t, with_error


def test_standard_errors() -> None:
    """Of the mean: the sample's deviation over √n."""
    assert with_error(estimate([0.90, 0.94, 0.95])) == f"93.0 ± {100 * 0.0264575 / math.sqrt(3):.1f}"
    assert with_error(estimate([0.5])) == "50.0"
    assert with_error(estimate([None])) == "—"


def covered(t: float, degrees: float) -> float:
    """The share of Student's distribution between −t and t, as an incomplete beta function with 40 digits."""
    with mpmath.workdps(40):
        ends = degrees / (degrees + mpmath.mpf(t) ** 2)
        return float(1 - mpmath.betainc(mpmath.mpf(degrees) / 2, 0.5, 0, ends, regularized=True))


@pytest.mark.parametrize("degrees", [1, 1.0001, 1.7, 2, 3, 10, 38, 99.5, 999, 2000])
@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.95, 0.99])
def test_student_t_covers_what_it_says(degrees: float, confidence: float) -> None:
    assert covered(student_t(degrees, confidence), degrees) == pytest.approx(confidence, abs=1e-9)


def test_student_t_at_any_degrees() -> None:
    draw = random.Random(0)
    for degrees in [10 ** draw.uniform(0, 3.3) for _ in range(200)]:
        assert covered(student_t(degrees, 0.95), degrees) == pytest.approx(0.95, abs=1e-11), degrees
