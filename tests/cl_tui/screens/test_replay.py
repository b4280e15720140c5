"""The replay: every moment of a run is what it was, and one gets there by playing, stepping and jumping."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.record.events import Event, RunStarted, StepsTaken, TaskStarted
from engine.record.history import History
from engine.sessions import recording as replay_module
from engine.sessions.follow import Follower, Portion
from engine.sessions.recording import SPEEDS, Recording, Replay
from tests import screen_data
from tests.engine.sessions.test_follow import assert_same, lines
from tests.told import probed

RUN = tuple(screen_data.events(tasks=3, steps=200))
"""In training for 1.2 s: 600 steps in reports of 50, 0.1 s each."""


def recorded(events: tuple[Event, ...], portion: int = 4) -> Recording:
    """In portions of so many events; a byte of this log is an event."""
    recording = Recording(lambda start, end: events[start:end])
    for start in range(0, len(events), portion):
        end = min(start + portion, len(events))
        recording.append(Portion(events[start:end], start, end))
    return recording


@pytest.fixture
def replay() -> Replay:
    return Replay(recorded(RUN))


def after_each(events: tuple[Event, ...]) -> list[History]:
    known = [History()]
    for event in events:
        known.append(known[-1].apply(event))
    return known[1:]


@pytest.mark.parametrize("block", [1, 5, 1000])
def test_every_moment_is_what_it_was(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_module, "_BLOCK", block)
    events = tuple(
        extra
        for event in RUN
        for extra in (event, *(probed(0, event.step, (0.5,)) if isinstance(event, StepsTaken) else []))
    )
    recording = recorded(events, portion=3)
    wanted = after_each(events)
    for number in [*range(len(events)), *reversed(range(len(events)))]:
        assert_same(recording.history(number), wanted[number])


@settings(max_examples=30, deadline=None)
@given(portion=st.integers(1, 30), jumps=st.lists(st.integers(0, len(RUN) - 1), max_size=20))
def test_a_log_read_in_any_portions_is_the_same_at_any_moment(
    tmp_path_factory: pytest.TempPathFactory, portion: int, jumps: list[int]
) -> None:
    session = screen_data.session(tmp_path_factory.mktemp("replayed"))
    session.events_path.write_bytes(lines(RUN))
    follower = Follower(session)
    recording = recorded(RUN, portion)
    from_file = Recording(follower.again)
    while (read := follower.poll()).events:
        from_file.append(read)
    for number in jumps:
        assert_same(recording.history(number), from_file.history(number))


def test_the_past_stays_what_it_was_while_the_run_goes_on() -> None:
    events = RUN[:10]
    recording = Recording(lambda start, end: RUN[start:end])
    recording.append(Portion(events, 0, 10))
    seen = recording.history(6)
    losses = seen.curve.losses().tolist()
    recording.append(Portion(RUN[10:], 10, len(RUN)))
    assert seen.curve.losses().tolist() == losses
    assert_same(recording.history(6), seen)
    assert_same(recording.history(len(RUN) - 1), recording.newest)


def test_only_one_block_is_read_again_for_a_jump(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_module, "_BLOCK", 8)
    read: list[int] = []

    def reread(start: int, end: int) -> tuple[Event, ...]:
        read.append(end - start)
        return RUN[start:end]

    recording = Recording(reread)
    for start in range(0, len(RUN), 4):
        recording.append(Portion(RUN[start : start + 4], start, min(start + 4, len(RUN))))
    for number in (20, 21, 17, 3):
        recording.history(number)
    assert read == [8, 8]


def test_it_begins_at_the_end_with_a_speed_for_the_whole_run(replay: Replay) -> None:
    assert replay.at_end
    assert replay.history.state == "finished"
    assert replay.speed == 1
    slow = tuple(
        replace(event, elapsed=event.elapsed * 5000) if isinstance(event, StepsTaken) else event for event in RUN
    )
    assert Replay(recorded(slow)).speed == 100


def test_playing_goes_by_the_seconds_of_training(replay: Replay) -> None:
    replay.play()
    assert replay.event == 0
    replay.advance(0.05)
    assert replay.step == 0
    replay.advance(0.06)
    assert (replay.step, replay.history.step) == (50, 50)
    replay.speed = 5.0
    replay.advance(0.1)
    assert replay.step == 300
    assert replay.playing
    replay.pause()
    replay.advance(10)
    assert replay.step == 300
    replay.play()
    replay.advance(10)
    assert replay.at_end
    assert not replay.playing
    assert replay.elapsed == pytest.approx(1.2)


def test_the_speed_has_ends(replay: Replay) -> None:
    replay.speed = SPEEDS[-1]
    assert not replay.faster(1)
    assert replay.faster(-1)
    assert replay.speed == SPEEDS[-2]


def test_steps_go_from_report_to_report_and_back(replay: Replay) -> None:
    replay.seek(0)
    seen = [replay.step]
    while not replay.at_end:
        replay.forward()
        seen.append(replay.step)
    assert seen == list(range(0, 601, 50))
    back = [replay.step]
    while replay.event > 0:
        replay.back()
        back.append(replay.step)
    assert back == [*range(600, -1, -50), 0]  # at last before the first task began


def test_task_borders_are_met_in_both_directions(replay: Replay) -> None:
    replay.seek(0)
    tasks = []
    while not replay.at_end:
        replay.next_border()
        tasks.append((replay.history.task, replay.step, len(replay.history.matrix)))
    assert tasks == [(0, 0, 0), (1, 200, 1), (2, 400, 2), (3, 600, 3)]
    replay.back()
    replay.previous_border()
    assert replay.history.task == 2
    replay.previous_border()
    assert replay.history.task == 1
    replay.previous_border()
    replay.previous_border()
    assert replay.event == 0


@pytest.mark.parametrize(("step", "shown"), [(0, 0), (1, 50), (50, 50), (51, 100), (200, 200), (600, 600)])
def test_a_step_is_found_in_the_report_that_tells_of_it(replay: Replay, step: int, shown: int) -> None:
    replay.seek(replay.recording.at_step(step))
    assert replay.step == shown
    if step == 200:
        assert replay.history.task == 1  # everything that was told at this step has been


def test_a_task_that_a_resume_tells_of_again_has_one_border() -> None:
    started = next(event for event in RUN if isinstance(event, RunStarted))
    steps = StepsTaken(50, 0.1, (1.0,) * 50, (0.0,) * 50)
    recording = recorded((started, TaskStarted(0, 0), steps, TaskStarted(0, 50)))
    assert recording.borders == [1]
