"""Which outputs compete, in each scenario (van de Ven & Tolias 2019)."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.problems.outputs import Outputs, Scenario

classes = st.lists(st.integers(1, 5), min_size=1, max_size=6)
scenarios = st.sampled_from(get_args(Scenario))


@pytest.mark.parametrize(
    ("scenario", "count", "learning", "looking_back"),
    [
        ("task", 7, [(0, 3), (3, 5), (5, 7)], [(0, 3), (3, 5), (5, 7)]),
        ("domain", 3, [(0, 3), (0, 3), (0, 3)], [(0, 3), (0, 3), (0, 3)]),
        ("class", 7, [(0, 3), (0, 5), (0, 7)], [(0, 7), (0, 7), (0, 7)]),
    ],
)
def test_tasks_of_three_two_and_two_classes(
    scenario: Scenario, count: int, learning: list[tuple[int, int]], looking_back: list[tuple[int, int]]
) -> None:
    """task: its own compete; domain: one shared set; class: all that were seen so far."""
    outputs = Outputs.of(scenario, [3, 2, 2])
    assert outputs.count == count
    assert [outputs.active(task, task) for task in range(3)] == [slice(*ends) for ends in learning]
    assert [outputs.active(task, 2) for task in range(3)] == [slice(*ends) for ends in looking_back]
    assert [outputs.offset(task) for task in range(3)] == ([0, 3, 5] if scenario == "class" else [0, 0, 0])


@given(scenarios, classes, st.data())
def test_a_label_always_points_at_one_of_the_competing_outputs(
    scenario: Scenario, sizes: list[int], data: st.DataObject
) -> None:
    outputs = Outputs.of(scenario, sizes)
    newest = data.draw(st.integers(0, len(sizes) - 1))
    for task in range(newest + 1):
        active = outputs.active(task, newest)
        assert 0 <= active.start < active.stop <= outputs.count
        for label in range(sizes[task]):
            assert 0 <= outputs.offset(task) + label < active.stop - active.start


@given(classes, st.sampled_from(["task", "class"]))
def test_outside_domain_no_two_tasks_share_an_output(sizes: list[int], scenario: Scenario) -> None:
    outputs = Outputs.of(scenario, sizes)
    used = [
        outputs.active(task, len(sizes) - 1).start + outputs.offset(task) + label
        for task, size in enumerate(sizes)
        for label in range(size)
    ]
    assert sorted(used) == list(range(outputs.count))
