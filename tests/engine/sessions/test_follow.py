"""The follower beside a writer that writes in pieces, is cut by a resume, stops, or writes nonsense."""

import os
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import SessionDamaged
from engine.record.events import (
    Event,
    Noted,
    RunResumed,
    RunStopped,
    StepsTaken,
    StrengthChanged,
    Warned,
)
from engine.record.history import History
from engine.sessions import follow
from engine.sessions.follow import Follower
from engine.sessions.lock import trained_here
from engine.sessions.log import EventLog
from engine.sessions.session import Session
from tests import screen_data
from tests.saved import lines, tell
from tests.told import evaluated, path, probed

RUN = tuple(screen_data.events(tasks=3, steps=200))


def one_by_one(events: Iterable[Event]) -> History:
    history = History()
    for event in events:
        history = history.apply(event)
    return history


def assert_same(found: History, wanted: History) -> None:
    assert found == wanted


class Followed:
    """A follower and the history that it has gathered."""

    def __init__(self, session: Session) -> None:
        self.follower = Follower(session)
        self.history = History()
        self.restarts = 0

    def catch_up(self) -> None:
        while True:
            portion = self.follower.poll()
            if portion.from_start:
                self.history, self.restarts = History(), self.restarts + 1
            if not portion.events:
                return
            self.history = self.history.after(portion.events)


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return screen_data.session(tmp_path)


def test_a_log_written_byte_by_byte_gives_each_event_once_its_line_is_whole(session: Session) -> None:
    follower = Follower(session)
    found: list[Event] = []
    text = lines(RUN[:4])
    with open(session.events_path, "ab", buffering=0) as file:
        for number in range(len(text)):
            file.write(text[number : number + 1])
            found += follower.poll().events
            assert len(found) == text[: number + 1].count(b"\n")
    assert tuple(found) == RUN[:4]


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_interleaving_of_partial_writes_and_polls_gives_the_same_history(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    session = screen_data.session(tmp_path_factory.mktemp("followed"))
    text = lines(RUN)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=30)))
    followed = Followed(session)
    with open(session.events_path, "ab", buffering=0) as file:
        for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
            file.write(text[start:end])
            if data.draw(st.booleans()):
                followed.catch_up()
    followed.catch_up()
    assert_same(followed.history, session.history())
    assert followed.restarts == 0


@settings(max_examples=40, deadline=None)
@given(kept=st.integers(1, len(RUN) - 1), seen=st.integers(1, len(RUN)), regrown=st.integers(0, len(RUN)))
def test_a_log_cut_by_a_resume_is_read_anew_however_far_it_has_grown_again(
    tmp_path_factory: pytest.TempPathFactory, kept: int, seen: int, regrown: int
) -> None:
    kept = min(kept, seen)
    session = screen_data.session(tmp_path_factory.mktemp("followed"))
    session.events_path.write_bytes(lines(RUN[:seen]))
    followed = Followed(session)
    followed.catch_up()
    log = EventLog(session.events_path, len(lines(RUN[:kept])))
    log.append(RunResumed(5.0, 0, "cpu", ""))
    for event in RUN[kept : kept + regrown]:
        log.append(replace(event, elapsed=event.elapsed + 0.25) if isinstance(event, StepsTaken) else event)
    log.close()
    followed.catch_up()
    assert_same(followed.history, session.history())
    assert followed.restarts == (kept < seen)


def test_an_other_file_of_the_same_size_is_read_anew(session: Session) -> None:
    session.events_path.write_bytes(lines(RUN[:3]))
    followed = Followed(session)
    followed.catch_up()
    other = lines(replace(event, elapsed=9.5) if isinstance(event, StepsTaken) else event for event in RUN[:3])
    assert len(other) == len(lines(RUN[:3]))
    session.events_path.write_bytes(other)
    followed.catch_up()
    assert followed.history.elapsed == 9.5
    assert followed.restarts == 1


def test_a_line_longer_than_a_portion_is_read_whole(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "PORTION", 100)
    session.events_path.write_bytes(lines(RUN))
    followed = Followed(session)
    followed.catch_up()
    assert_same(followed.history, session.history())
    assert followed.follower.read == followed.follower.size == len(lines(RUN))


@pytest.mark.parametrize("torn", [b"", b'{"task":1,"step":4'])
def test_a_writer_that_stops_leaves_what_was_whole(session: Session, torn: bytes) -> None:
    session.events_path.write_bytes(lines(RUN[:6]) + torn)
    followed = Followed(session)
    for _ in range(3):
        followed.catch_up()
    assert_same(followed.history, one_by_one(RUN[:6]))
    assert followed.follower.read == len(lines(RUN[:6]))


def test_a_damaged_line_is_named_after_the_events_before_it_and_read_once_it_is_repaired(session: Session) -> None:
    whole = lines(RUN[:5])
    damaged = whole.splitlines(keepends=True)
    damaged[3] = b"\0" * (len(damaged[3]) - 1) + b"\n"
    session.events_path.write_bytes(b"".join(damaged))
    follower = Follower(session)
    assert tuple(follower.poll().events) == RUN[:3]
    for _ in range(2):
        with pytest.raises(SessionDamaged, match=r"events\.jsonl, line 4: "):
            follower.poll()
    session.events_path.write_bytes(whole)
    assert tuple(follower.poll().events) == RUN[3:5]


def test_a_log_that_is_not_there_is_damage(session: Session) -> None:
    session.events_path.unlink()
    with pytest.raises(SessionDamaged, match=r"cannot be read: No such file"):
        Follower(session).poll()


def test_events_are_read_again_from_their_bytes(session: Session) -> None:
    session.events_path.write_bytes(lines(RUN))
    follower = Follower(session)
    portion = follower.poll()
    assert follower.again(portion.start, portion.end) == list(portion.events)
    EventLog(session.events_path, portion.end - 20).close()
    with pytest.raises(SessionDamaged, match="has changed"):
        follower.again(portion.start, portion.end)


def test_a_thread_follows_a_writer_at_full_speed(session: Session) -> None:
    def write() -> None:
        log = EventLog(session.events_path, 0)
        for event in RUN:
            log.append(event)
        log.close()

    followed = Followed(session)
    writer = threading.Thread(target=write)
    writer.start()
    while writer.is_alive():
        followed.catch_up()
    writer.join()
    followed.catch_up()
    assert_same(followed.history, one_by_one(RUN))


# In one piece

OTHERS: tuple[Event, ...] = (
    RUN[0],
    *probed(0, 10, (0.5,), (0.1, 0.2)),
    *evaluated(0, 10, (0.5,)),
    StrengthChanged(10, 0.0, 1.0, 2.0),
    Noted(10, 0.0, "paused"),
    Warned(0, 10, 0.0, "drowned", "too strong"),
    RunResumed(0.0, 10, "cuda", "other device"),
    RunStopped(10, 0.0),
    path(0, 10, 1.0, 1.0, 0.5),
    path(0, 11, 2.0, 1.0, 0.5),
    screen_data.importance(0, 10, running=True),
    StepsTaken(2, 0.0, (1.0, float("nan")), (0.0, 0.0)),
    StepsTaken(3, 7.5, (1.0,), (0.5,)),
    StepsTaken(3, 7.0, (), ()),
    StepsTaken(6, 7.2, (3.0, 2.0, 1.0), (0.5, 0.25, 0.1)),
    StepsTaken(50, 8.0, (1.0,) * 44, (0.5,) * 44),
)


@settings(max_examples=200, deadline=None)
@given(
    events=st.lists(st.sampled_from((*RUN[:8], *OTHERS)), max_size=40), parts=st.lists(st.integers(0, 40), max_size=4)
)
def test_events_applied_in_one_piece_come_to_the_same_as_one_by_one(events: list[Event], parts: list[int]) -> None:
    """What contradicts the events before it is left out, and refused by both."""
    wanted, accepted = History(), []
    for event in sorted(events, key=lambda event: event.event != "run-started"):
        try:
            wanted = wanted.apply(event)
        except ValueError:
            with pytest.raises(ValueError, match=r".+"):
                wanted.after([event])
        else:
            accepted.append(event)
    history = History()
    borders = [0, *sorted(parts), len(accepted)]
    for start, end in pairwise(borders):
        history = history.after(accepted[start:end])
    assert_same(history, wanted)


# Signs of life


def test_silence_is_counted_from_the_last_write(session: Session) -> None:
    session.events_path.write_bytes(lines(RUN[:3]))
    an_hour_ago = time.time() - 3600
    os.utime(session.events_path, (an_hour_ago, an_hour_ago))
    followed = Followed(session)
    followed.catch_up()
    assert 3595 < followed.follower.silence < 3700
    tell(session, RUN[3])
    followed.catch_up()
    assert followed.follower.silence < 5


@pytest.mark.parametrize("wrong_by", [-900, 900])
def test_silence_does_not_trust_the_clock_of_another_machine(session: Session, wrong_by: float) -> None:
    session.events_path.write_bytes(lines(RUN[:3]))
    followed = Followed(session)
    followed.catch_up()
    session.events_path.write_bytes(lines(RUN[:4]))
    wrong = time.time() + wrong_by
    os.utime(session.events_path, (wrong, wrong))
    followed.catch_up()
    assert followed.follower.silence < 5


def test_the_lock_tells_whether_this_machine_trains_and_is_left_alone(session: Session) -> None:
    assert trained_here(session.path) is False
    assert not (session.path / "lock").exists()
    with session.locked():
        assert trained_here(session.path) is True
        assert session.running
    before = (session.path / "lock").stat()
    assert trained_here(session.path) is False
    after = (session.path / "lock").stat()
    assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)
