"""Events go to a line of JSON and back."""

import json
import math
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.events import Event, RunFailed, StepsTaken, TaskEnded, decode, encode

values = st.lists(st.tuples(st.floats(), st.floats()))
steps_taken = st.builds(
    lambda step, elapsed, taken: StepsTaken(step, elapsed, tuple(a for a, _ in taken), tuple(b for _, b in taken)),
    st.integers(),
    st.floats(),
    values,
)
any_event = st.one_of(steps_taken, *[st.from_type(kind) for kind in get_args(Event) if kind is not StepsTaken])


@given(any_event)
def test_every_event_survives_the_round_trip(event: Event) -> None:
    """Numbers to the bit, infinite and NaN ones too, and any text."""
    line = encode(event)
    assert "\n" not in line
    again = decode(line)
    assert type(again) is type(event)
    assert repr(again) == repr(event)  # repr: NaN differs from itself
    assert decode(line.encode()) == again or "nan" in repr(again)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_comes_back_as_the_same_float(value: float) -> None:
    again = decode(encode(TaskEnded(0, 1, value, (value, 1.0))))
    assert isinstance(again, TaskEnded)
    assert (again.elapsed, again.accuracies[0]) == (value, value)


def test_a_loss_that_is_not_finite_is_told_as_it_is() -> None:
    again = decode(encode(StepsTaken(3, 0.5, (math.nan, math.inf, -math.inf), (0.0, 1.0, 2.0))))
    assert isinstance(again, StepsTaken)
    assert math.isnan(again.losses[0])
    assert again.losses[1:] == (math.inf, -math.inf)


def test_every_event_has_a_name_of_its_own() -> None:
    names = [kind.event for kind in get_args(Event)]
    assert len(set(names)) == len(names)


def test_a_line_break_in_a_message_does_not_break_the_line() -> None:
    event = RunFailed(1, 0, 0.0, "first\nsecond\u2028third\r", "")
    assert encode(event).splitlines()[0].count("first") == 1
    assert "\n" not in encode(event)
    assert decode(encode(event)) == event


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{}",
        "null",
        "[1]",
        '"steps"',
        '{"event":"unknown"}',
        '{"event":"steps"}',
        '{"event":"steps","step":1,"elapsed":0,"losses":[1.0],"penalties":[]}',
        '{"event":"steps","step":"many","elapsed":0,"losses":[],"penalties":[]}',
        '{"event":"run-stopped","step":1,"time":0',
        b"\xff\xfe\x00",
        b"\x00" * 20,
    ],
)
def test_what_is_no_event_is_refused(line: str | bytes) -> None:
    with pytest.raises(ValueError, match="not an event"):
        decode(line)


@given(any_event, st.data())
def test_a_torn_line_is_never_taken_for_another_event(event: Event, data: st.DataObject) -> None:
    whole = encode(event).encode()
    torn = whole[: data.draw(st.integers(0, len(whole) - 1))]
    with pytest.raises(ValueError, match="not an event"):
        decode(torn)


def test_the_log_is_plain_json_that_other_tools_can_read() -> None:
    event = TaskEnded(task=1, step=20, elapsed=1.5, accuracies=(0.5, 1.0))
    expected = {"task": 1, "step": 20, "elapsed": 1.5, "accuracies": [0.5, 1.0], "event": "task-ended"}
    assert json.loads(encode(event)) == expected
