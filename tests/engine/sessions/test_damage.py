"""The short form of tests/torture/damage.py."""

from pathlib import Path

import pytest

from tests.torture import damage
from tests.torture.counts import Counts


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    for number in range(len(damage.SESSIONS)):
        damage.make(folder, number)
    return folder


def test_a_damaged_file_gives_the_right_result_or_a_named_error(made: Path) -> None:
    """Any damage, read by any reader, and where a run continues from it."""
    counts = sum((damage.damaged(made, 0, number) for number in range(40)), Counts())
    assert counts.files_damaged == 40
    assert counts.problems == ()
