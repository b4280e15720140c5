"""Golden curves: each method and variant still computes what it did when its curve was last looked at.

Compared within a tolerance rather than bit for bit, since another torch, BLAS or processor adds up in another order,
and some dozens of steps carry such rounding on. Measured on one processor with the instruction sets that torch and MKL
can be held to (SSE, AVX2, AVX-512) the curves differ by less than a twenty-thousandth of their greatest value, and no
accuracy differs; allowed are a thousandth, and two or three test examples. Every two cases differ by more than that.
Torch does not promise the same random draws in every version: should they change, all curves do, and are to be remade.
"""

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import golden

TOLERANCE = 1e-3
"""Of a curve's greatest value."""
ACCURACY_TOLERANCE = 0.015
"""Two or three of a task's test examples."""
GOLDEN = golden.read()


def differences(one: dict[str, Any], other: dict[str, Any]) -> dict[str, float]:
    """The greatest distance between two runs' numbers, each kind in units of what is allowed."""
    found = {}
    for key in one:
        ours, theirs = flat(one[key]), flat(other[key])
        if len(ours) != len(theirs):
            found[key] = np.inf
        elif len(ours):
            allowed = ACCURACY_TOLERANCE if key == "accuracy_matrix" else TOLERANCE * max(np.abs(theirs).max(), 1e-3)
            found[key] = np.abs(ours - theirs).max() / allowed
    return found


def flat(values: Any) -> np.ndarray:
    return np.concatenate([np.ravel(part) for part in values]) if len(values) else np.empty(0)


@pytest.mark.parametrize("name", golden.CASES)
def test_a_run_follows_its_golden_curve(name: str, tmp_path: Path) -> None:
    found = golden.curves(*golden.CASES[name], tmp_path)
    assert all(np.isfinite(flat(values)).all() for values in found.values())
    for key, distance in differences(found, GOLDEN[name]).items():
        assert distance <= 1, f"{key} of {name}: {distance:.3g} times what is allowed"


def test_there_is_a_curve_for_each_case_and_none_else() -> None:
    """After a change of the cases: python -m tests.golden"""
    assert GOLDEN.keys() == golden.CASES.keys()


def test_every_two_golden_curves_differ_by_more_than_is_allowed() -> None:
    """A variant that is silently ignored would follow another case's curve."""
    for one, other in combinations(GOLDEN, 2):
        assert max(differences(GOLDEN[one], GOLDEN[other]).values()) > 2, (one, other)


def test_the_file_stays_small() -> None:
    assert golden.FILE.stat().st_size < 60_000
