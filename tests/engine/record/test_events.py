"""Events go to a line of JSON and back."""

import json
import math
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.record.events import (
    PROBE,
    WHOLE,
    Event,
    Fraction,
    ImportanceMeasured,
    LayerHistogram,
    Measured,
    Noted,
    Omega,
    RunFailed,
    RunStarted,
    Scored,
    Seconds,
    StepsTaken,
    TaskEnded,
    TaskIndex,
    TaskInfo,
    Warned,
    Whole,
    decode,
    encode,
)
from engine.text import visible
from tests.told import ended

st.register_type_strategy(str, st.text().map(visible))
values = st.lists(st.tuples(st.floats(), st.floats()))
steps_taken = st.builds(
    lambda step, elapsed, taken: StepsTaken(step, elapsed, tuple(a for a, _ in taken), tuple(b for _, b in taken)),
    st.from_type(Whole),
    st.from_type(Seconds),
    values,
)
layers = st.integers(1, 50).flatmap(
    lambda bins: st.lists(
        st.builds(LayerHistogram, counts=st.lists(st.from_type(Whole), min_size=bins, max_size=bins).map(tuple)),
        min_size=1,
    )
)
quantities = st.lists(st.floats() | st.none()).flatmap(
    lambda values: st.builds(
        Measured, values=st.just(tuple(values)), labels=st.just(()) | st.just(("x",) * len(values))
    )
)
measured = st.builds(
    lambda task, step, running, ends, layers: ImportanceMeasured(task, step, running, *sorted(ends), tuple(layers)),
    st.from_type(TaskIndex),
    st.from_type(Whole),
    st.booleans(),
    st.sets(st.from_type(Omega), min_size=2, max_size=2),
    layers,
)
task_infos = st.lists(st.from_type(TaskInfo), min_size=1, max_size=5).map(tuple)
started = task_infos.flatmap(
    lambda tasks: st.builds(
        RunStarted,
        tasks=st.just(tasks),
        test_examples=st.just(()) | st.just((10,) * len(tasks)),
        subset_examples=st.just(()) | st.just((7,) * len(tasks)),
    )
)
related = (StepsTaken, ImportanceMeasured, RunStarted, Measured)
"""Events whose parts depend on each other."""
any_event = st.one_of(
    steps_taken, measured, started, quantities, *[st.from_type(kind) for kind in get_args(Event) if kind not in related]
)


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


@given(any_event)
def test_every_event_survives_the_round_trip(event: Event) -> None:
    """Numbers to the bit, infinite and NaN ones too, and any text that can be shown."""
    line = encode(event)
    assert "\n" not in line
    json.loads(line, parse_constant=refuse)
    again = decode(line)
    assert type(again) is type(event)
    assert repr(again) == repr(event)  # repr: NaN differs from itself
    assert decode(line.encode()) == again or "nan" in repr(again)


@given(st.from_type(Seconds), st.from_type(Fraction))
def test_a_float_comes_back_as_the_same_float(seconds: float, accuracy: float) -> None:
    again = [decode(encode(event)) for event in ended(0, 1, seconds, (accuracy,))]
    assert again == list(ended(0, 1, seconds, (accuracy,)))


def test_a_loss_that_is_not_finite_is_told_as_it_is() -> None:
    again = decode(encode(StepsTaken(3, 0.5, (math.nan, math.inf, -math.inf), (0.0, 1.0, 2.0))))
    assert isinstance(again, StepsTaken)
    assert math.isnan(again.losses[0])
    assert again.losses[1:] == (math.inf, -math.inf)


def test_what_is_not_finite_has_a_name_in_the_log_and_older_logs_read_the_same() -> None:
    event = StepsTaken(3, 0.5, (math.nan, math.inf, -math.inf), (0.0, 1.0, 2.0))
    assert json.loads(encode(event), parse_constant=refuse)["losses"] == ["NaN", "Infinity", "-Infinity"]
    older = json.dumps(vars(event))
    assert "[NaN, Infinity, -Infinity]" in older
    assert repr(decode(older)) == repr(decode(encode(event))) == repr(event)


def test_a_mean_importance_beyond_all_numbers_is_told_in_strict_json() -> None:
    layer = LayerHistogram("fc1.weight", 10, 2, math.inf, (3, 5))
    event = ImportanceMeasured(0, 4, False, 1e-9, 1.0, (layer,))
    json.loads(encode(event), parse_constant=refuse)
    assert decode(encode(event)) == event


def test_every_event_has_a_name_of_its_own() -> None:
    names = [kind.event for kind in get_args(Event)]
    assert len(set(names)) == len(names)


def test_a_line_break_in_a_message_does_not_break_the_line() -> None:
    event = RunFailed(1, 0, 0.0, "first\nsecond\u2028third\r", "")
    assert encode(event).splitlines()[0].count("first") == 1
    assert "\n" not in encode(event)
    again = decode(encode(event))
    assert isinstance(again, RunFailed)
    assert again.message == r"first\nsecond\u2028third\r"


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
    event = Scored(step=20, phase=1, part=WHOLE, values=(0.5, None))
    expected = {"step": 20, "phase": 1, "part": "whole", "values": [0.5, None], "event": "scored"}
    assert json.loads(encode(event)) == expected


def line(event: Event, **changed: object) -> str:
    return json.dumps(json.loads(encode(event)) | changed)


STARTED = RunStarted(0.0, (TaskInfo("0 8", 4, 2),), "cpu", 100, {"torch": "2"})
ENDED = TaskEnded(0, 4, 1.0)
SCORED = Scored(4, 0, PROBE, (0.5,))
GRADIENT = Measured(4, 0, "gradient norm", (0.5, math.inf), ("fc1", "fc2"))
MEASURED = ImportanceMeasured(0, 4, False, 1e-9, 1.0, (LayerHistogram("fc1.weight", 10, 2, 0.1, (3, 5)),))
LAYER = json.loads(encode(MEASURED))["layers"][0]


@pytest.mark.parametrize(
    ("event", "changed"),
    [
        (ENDED, {"task": -1}),
        (ENDED, {"task": 1000}),
        (ENDED, {"step": -1}),
        (ENDED, {"step": 10**16}),
        (ENDED, {"elapsed": math.nan}),
        (ENDED, {"elapsed": math.inf}),
        (ENDED, {"elapsed": -1.0}),
        (SCORED, {"values": []}),
        (SCORED, {"values": [1e31]}),
        (SCORED, {"values": [math.nan]}),
        (SCORED, {"values": [0.5] * 1001}),
        (SCORED, {"phase": 1000}),
        (SCORED, {"part": ""}),
        (GRADIENT, {"name": ""}),
        (GRADIENT, {"labels": ["fc1"]}),
        (GRADIENT, {"values": [0.5] * 40_001, "labels": []}),
        (STARTED, {"time": 1e12}),
        (STARTED, {"subset_examples": [3, 4]}),
        (STARTED, {"test_examples": [0]}),
        (STARTED, {"tasks": []}),
        (STARTED, {"tasks": [vars(STARTED.tasks[0])] * 1001}),
        (STARTED, {"tasks": [{"name": "0 8", "steps": 0, "classes": 2}]}),
        (STARTED, {"tasks": [{"name": "0 8", "steps": 4, "classes": 0}]}),
        (STARTED, {"device": "c" * 100_001}),
        (STARTED, {"versions": {str(n): "" for n in range(101)}}),
        (MEASURED, {"low": 0.0}),
        (MEASURED, {"high": math.inf}),
        (MEASURED, {"low": 1.0, "high": 1.0}),
        (MEASURED, {"layers": []}),
        (MEASURED, {"layers": [LAYER | {"size": 0}]}),
        (MEASURED, {"layers": [LAYER | {"counts": [-1]}]}),
        (MEASURED, {"layers": [LAYER | {"counts": []}]}),
        (MEASURED, {"layers": [LAYER, LAYER | {"counts": [1, 2, 3]}]}),
        (MEASURED, {"layers": [LAYER | {"top": 1.5}]}),
        (StepsTaken(1, 0.0, (1.0,), (0.0,)), {"step": -5}),
        (Noted(1, 0.0, "paused"), {"text": "p" * 100_001}),
        (Warned(0, 1, 0.0, "drowned", "too strong"), {"name": ""}),
    ],
    ids=lambda value: value.event if not isinstance(value, dict) else str(value)[:30],
)
def test_what_no_run_has_is_refused(event: Event, changed: dict[str, object]) -> None:
    assert decode(line(event)) == event
    with pytest.raises(ValueError, match="not an event"):
        decode(line(event, **changed))


def test_a_name_that_is_no_text_is_written_so_that_it_can_be_read() -> None:
    """Python has the bytes of a file's name that are no UTF-8 as half characters, which no log may hold."""
    assert decode(encode(Noted(1, 0.0, "data-\udcff")).encode()) == Noted(1, 0.0, "data-?")
