"""On the kind of machine that the digests were made on, each run still computes the same bits and tells the same."""

from pathlib import Path

import pytest

from engine.catalog.methods import METHODS
from tests.golden import digests

KIND, DIGESTS = digests.read()
CASES = digests.cases()
needs_this_kind = pytest.mark.skipif(
    digests.kind() != KIND,
    reason=f"the digests are of another kind of machine ({', '.join(KIND.values())}); the golden curves are compared",
)


@needs_this_kind
@pytest.mark.parametrize("name", CASES)
def test_a_run_has_the_bits_that_it_had(name: str, tmp_path: Path) -> None:
    """After a change that was meant: python -m tests.golden, and say in the commit which digests changed, and why."""
    assert CASES[name](tmp_path) == DIGESTS[name]


def test_there_are_digests_of_each_case() -> None:
    assert DIGESTS.keys() == CASES.keys()


@pytest.mark.parametrize("method", METHODS)
def test_a_stop_and_a_resume_leave_no_trace(method: str) -> None:
    assert DIGESTS[f"resumed {method}"] == DIGESTS[f"{method} task adam"]
