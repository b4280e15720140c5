"""The short form of tests/torture/fuzz.py: whatever parses gives the right answer or one sentence."""

import pytest

from tests.torture import fuzz

EXAMPLES = 15


@pytest.mark.parametrize("target", fuzz.TARGETS, ids=lambda target: target.__name__)
def test_whatever_is_given_is_read_or_refused(target: fuzz.Target) -> None:
    assert fuzz.tried(target, EXAMPLES, seed=0) >= EXAMPLES
