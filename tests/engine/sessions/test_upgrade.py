"""Sessions of formats 1 and 2 are read as the present format tells, and a resume continues them in it."""

import json
import math
import shutil
from pathlib import Path

import pytest

from engine.errors import SessionDamaged
from engine.record.events import (
    PROBE,
    WHOLE,
    Consolidated,
    Event,
    Measured,
    Noted,
    RunFinished,
    RunForked,
    RunResumed,
    RunStarted,
    Scored,
    StepsTaken,
    TaskEnded,
    TaskInfo,
    TasksPlanned,
    TaskStarted,
)
from engine.record.history import History
from engine.sessions.follow import Follower
from engine.sessions.listing import summary_of
from engine.sessions.log import FORMAT, EventLog, marker, summed
from engine.sessions.session import Session
from engine.sessions.upgrade import upgraded
from engine.training.control import Control
from engine.training.runner import train
from tests import runs, saved
from tests.told import ended, evaluated, path, probed

OLD = Path(__file__).parents[2] / "old_sessions"
STOPPED = ("si-stopped", "ewc-2-stopped")


def old_line(event: str, **entries: object) -> bytes:
    return json.dumps({**entries, "event": event}, separators=(",", ":")).encode() + b"\n"


@pytest.mark.parametrize(
    ("line", "events"),
    [
        (old_line("probed", task=1, step=5, accuracies=[0.5, 1.0]), probed(1, 5, (0.5, 1.0))),
        (
            old_line("probed", task=1, step=5, accuracies=[0.5, 1.0], penalties=[0.1, 0.2], sum="0a0a0a0a"),
            probed(1, 5, (0.5, 1.0), (0.1, 0.2)),
        ),
        (
            old_line("evaluated", task=0, step=3, accuracies=[0.5], probed=[0.25]),
            evaluated(0, 3, (0.5,), (0.25,)),
        ),
        (old_line("evaluated", task=0, step=3, accuracies=[0.5]), evaluated(0, 3, (0.5,), (0.5,))),
        (
            old_line("task-ended", task=0, step=4, elapsed=1.5, accuracies=[0.5], probed=[0.25], time=7.0),
            ended(0, 4, 1.5, (0.5,), (0.25,), time=7.0),
        ),
        (
            old_line("path", task=0, step=4, gained=0.5, start_loss=2.0, loss=1.0, ratio=0.5),
            (path(0, 4, 0.5, 2.0, 1.0),),
        ),
        (old_line("noted", step=4, time=0.0, text="paused"), (Noted(4, 0.0, "paused"),)),
        (old_line("task-started", task=1, step=4), (TaskStarted(1, 4),)),
    ],
    ids=lambda value: value.decode()[-40:] if isinstance(value, bytes) else "",
)
def test_an_older_line_is_read_as_what_is_told_today(line: bytes, events: tuple[Event, ...]) -> None:
    assert tuple(upgraded(line)) == events


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense\n",
        b"[" * 100_000 + b"\n",
        b"[1]\n",
        old_line("unknown"),
        old_line("probed", task=0, step=1),
        old_line("probed", task=0, step=1, accuracies=[]),
        old_line("task-ended", task=0, step=1, elapsed=-1.0, accuracies=[0.5]),
        old_line("path", task=0, step=1, gained="much", start_loss=1.0, loss=1.0),
    ],
    ids=lambda line: line.decode()[:30],
)
def test_an_older_line_that_is_none_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match="not an event"):
        upgraded(line)


@pytest.fixture(params=STOPPED)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Session:
    shutil.copytree(OLD / request.param, tmp_path / "run")
    return Session.open(tmp_path, "run")


def test_a_resume_marks_where_the_present_format_begins_and_rewrites_nothing(old: Session) -> None:
    format, kept = old.format, runs.newest(old)[1].log_length
    before = old.events_path.read_bytes()[:kept]
    mark = marker(kept)
    assert train(old, Control()).state == "finished"
    log = old.events_path.read_bytes()
    assert log.startswith(before + mark)
    assert b'"event":"run-resumed"' in log[kept + len(mark) :].splitlines()[0]
    assert not {b"probed", b"path"} & set(log[kept:].split(b'"'))
    first, second, third = old.config_path.read_text().splitlines()[:3]
    assert (first, third) == (f"format = {FORMAT}", f"log = {format}")
    assert second.startswith("checksum = ")
    again = Session.open(old.path.parent, "run")
    assert (again.format, again.began, again.format_at(kept), again.format_at(len(log))) == (FORMAT, format, format, 3)
    assert again.history() == History().after(again.events())
    assert again.summary()["steps"] == again.history().step


def test_a_resumed_older_session_is_stopped_resumed_and_forked_again(old: Session) -> None:
    """The marker stands once, and not at all in what a later resume cuts off."""
    train(old, runs.AtStep(3))
    session = Session.open(old.path.parent, "run")
    assert session.history().state == "stopped"
    assert train(session, Control()).state == "finished"
    assert session.events_path.read_bytes().count(b'"event":"format"') == 1


@pytest.mark.parametrize("when", ["config.toml is not written yet", "the marker is cut off"])
def test_a_kill_between_marker_and_settings_costs_nothing(old: Session, when: str) -> None:
    whole, kept = old.history(), runs.newest(old)[1].log_length
    if when == "the marker is cut off":
        old.keep_config()
    else:
        log = EventLog(old.events_path, old.events_path.stat().st_size, old.format)
        log.append(Noted(whole.step, 0.0, "in the present format"))
        log.close()
    session = Session.open(old.path.parent, "run")
    assert session.history().curve == whole.curve
    assert session.format_at(kept) != FORMAT
    listed = summary_of(old.path.parent, "run")
    assert (listed.problem, listed.history and listed.history.matrix) == ("", whole.matrix)
    assert train(session, Control()).state == "finished"


def test_a_follower_and_a_list_read_on_across_the_marker(old: Session) -> None:
    follower, listed = Follower(old), summary_of(old.path.parent, "run")
    history = History()

    def follow() -> None:
        nonlocal history
        while (portion := follower.poll()).events:
            history = (History() if portion.from_start else history).after(portion.events)

    follow()
    assert history == old.history()
    size = old.events_path.stat().st_size
    log = EventLog(old.events_path, size, old.format_at(size))
    row = (0.5,) * (history.task + 1)
    log.append(RunResumed(9.0, history.step, "cpu", "a note"), *probed(history.task, history.step, row))
    log.close()
    follow()
    assert history == old.history()
    assert history.resumed is not None
    assert follower.again(0, follower.read) == list(old.events())
    later = summary_of(old.path.parent, "run", listed)
    assert later.history is not None
    assert later.history.resumed == history.resumed
    assert later.history.accuracies == history.accuracies == row


def test_damage_before_and_after_the_marker_is_noticed(tmp_path: Path) -> None:
    shutil.copytree(OLD / "ewc-2-stopped", tmp_path / "run")
    session = Session.open(tmp_path, "run")
    kept = runs.newest(session)[1].log_length
    train(session, Control())
    log = session.events_path.read_bytes()
    for place in (100, kept // 2, kept + 5, kept + 40, (kept + len(log)) // 2):
        changed = bytearray(log)
        changed[place] ^= 1
        session.events_path.write_bytes(changed)
        with pytest.raises(SessionDamaged, match="line"):
            Session.open(tmp_path, "run").history()


def test_events_of_older_formats_are_refused_in_a_session_of_this_one(tmp_path: Path) -> None:
    session = saved.interrupted(tmp_path, "run")
    start = session.events_path.stat().st_size
    with open(session.events_path, "ab") as file:
        file.write(summed(old_line("probed", task=0, step=1, accuracies=[0.5]).rstrip(), start))
    with pytest.raises(SessionDamaged, match="not an event"):
        session.history()


# What the format holds although nothing tells it yet


OPEN = TaskInfo("6 9", None, 2, chance=-20.0)
NEW: tuple[Event, ...] = (
    RunStarted(0.0, (OPEN, OPEN), "cpu", 100, {}, score="return"),
    TaskStarted(0, 0),
    StepsTaken(3, 1.0, (1.0, 2.0, 3.0), (0.0, 0.0, 0.0)),
    Scored(3, 0, PROBE, (-12.5,)),
    Scored(3, 0, "validation", (None, 250.0)),
    Measured(3, 0, "gradient norm", (0.5, None, math.inf), ("fc1", "fc2", "head")),
    Consolidated(3, 0, 5.0, "the loss is on a plateau"),
    RunForked(6.0, 3, "calm-otter", None),
    RunResumed(7.0, 3, "cpu", ""),
    StepsTaken(4, 1.5, (0.5,), (0.25,)),
    Scored(4, 0, WHOLE, (None,)),
    Scored(4, 0, PROBE, (-10.0,)),
    TaskEnded(0, 4, 1.5, 8.0),
    TasksPlanned(4, 9.0, (TaskInfo("6 9", 4, 2), OPEN, OPEN), "a task was added"),
    TaskStarted(1, 4),
    StepsTaken(6, 2.0, (0.5, 0.5), (0.25, 0.25)),
    Scored(6, 1, PROBE, (-11.0, 30.0)),
)


def test_a_log_of_each_new_kind_is_written_and_read(tmp_path: Path) -> None:
    session = saved.create(tmp_path, "run")
    saved.tell(session, *NEW)
    assert tuple(session.events()) == NEW
    history = session.history()
    assert (history.open, history.starts, history.step) == (True, (0, 4, 6, 6), 6)
    assert math.isnan(history.matrix[0][0])
    assert history.probed == ((-10.0,),)
    assert history.scores["validation"][0].values == (None, 250.0)
    assert history.consolidations[0].why == "the loss is on a plateau"
    follower = Follower(session)
    assert tuple(follower.poll().events) == NEW
    listed = summary_of(tmp_path, "run")
    assert listed.problem == ""
    assert listed.history is not None
    assert (listed.history.accuracies, listed.history.step) == ((-11.0, 30.0), 6)
    rest = (
        *ended(1, 6, 2.0, (-9.0, 45.5)),
        TaskStarted(2, 6),
        StepsTaken(7, 2.5, (0.5,), (0.25,)),
        TaskEnded(2, 7, 2.5),
    )
    saved.tell(session, *rest, RunFinished(7, 10.0, 2.5))
    session.write_summary(session.history())
    found = session.summary()
    rows = [[None, None, None], [-9.0, 45.5, None], [None, None, None]]
    assert (found["score"], found["accuracy_matrix"]) == ("return", rows)
    known = summary_of(tmp_path, "run").history
    assert known is not None
    assert known.matrix[1] == (-9.0, 45.5)
    assert found["forked"] == {"parent": "calm-otter", "task": None, "step": 3}
